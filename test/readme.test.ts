import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { settings } from "../src/options/options.js";
import { demoTasks } from "../src/emulator/demo.js";
import type { ErrorCode } from "../src/errors.js";
import { createSchema } from "../src/schema/build-schema.js";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

/** The rows of all tables, each as its cells. */
const rows = readme
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );

/** Every code, by the compiler's word: a code that is added to the type is missing here. */
const codes: Readonly<Record<ErrorCode, true>> = {
  BAD_USER_INPUT: true,
  NOT_FOUND: true,
  FORBIDDEN: true,
  RATE_LIMITED: true,
  OUTCOME_UNKNOWN: true,
  UPSTREAM_THROTTLED: true,
  UPSTREAM_TIMEOUT: true,
  UPSTREAM_UNAVAILABLE: true,
  UPSTREAM_INVALID_RESPONSE: true,
  UPSTREAM_MISCONFIGURED: true,
  PERSISTED_QUERY_NOT_FOUND: true,
  PERSISTED_QUERY_ID_REQUIRED: true,
  PERSISTED_QUERY_NOT_SUPPORTED: true,
  INTERNAL_SERVER_ERROR: true,
};

describe("the manual", () => {
  it.each(Object.keys(codes))("explains the error %s", (code) => {
    expect(rows.filter(([first]) => first === `\`${code}\``)).toHaveLength(1);
  });

  it("names no variable that does not exist", () => {
    const named = readme.match(/\b(?:MAX|MIN|IMM|ALIBABA_CLOUD)_[A-Z_]+[A-Z]\b/g) ?? [];
    const known = new Set(settings.map(({ env }) => env));
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it("names every field of the query, the mutation and the subscription", () => {
    const schema = createSchema();
    const fields = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
      Object.keys(type?.getFields() ?? {}),
    );
    for (const field of fields) expect(readme).toContain(`\`${field}`);
  });

  it("names every kind of demo task", () => {
    const named = demoTasks.map(({ taskId }) => taskId).filter((taskId) => !/running-\d$/.test(taskId));
    for (const taskId of named) expect(readme).toContain(`\`${taskId}\``);
  });
});
