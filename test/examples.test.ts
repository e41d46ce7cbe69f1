import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { Kind, parse } from "graphql";
import { startGateway } from "./support/start-gateway.js";

const document = readFileSync(new URL("../../examples/create-tasks.graphql", import.meta.url), "utf8");

const operationNames = parse(document).definitions.flatMap((definition) =>
  definition.kind === Kind.OPERATION_DEFINITION ? [definition.name?.value ?? ""] : [],
);

interface Started {
  readonly isNew: boolean;
  readonly task: { readonly status: string };
}

describe("examples/create-tasks.graphql", () => {
  it("has ten operations", () => {
    expect(operationNames).toHaveLength(10);
  });

  it.each(operationNames)("starts a task by %s", async (operationName) => {
    const { url, emulator } = await startGateway();
    const response = await fetch(`${url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: document, operationName }),
    });
    const { data, errors } = (await response.json()) as { data: Record<string, Started>; errors?: unknown };
    expect(errors).toBeUndefined();
    expect(Object.values(data)).toMatchObject([{ isNew: true, task: { status: "RUNNING" } }]);
    expect(emulator.calls.filter(({ action }) => action.startsWith("Create"))).toMatchObject([{ status: 200 }]);
  });
});
