import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { AccessFile } from "../../src/access/config/access-file.js";
import { ConfigurationError } from "../../src/errors.js";
import { eventually } from "../support/eventually.js";
import { ManualClock } from "../support/manual-clock.js";
import { RecordingLogger } from "../support/recording-logger.js";
import { disposeAfterTest } from "../support/start-gateway.js";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "access-"));
  disposeAfterTest(() => rmSync(path, { recursive: true }));
  return path;
}

function write(path: string, text: string): void {
  // In one step, so that no reader sees a half.
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

const YAML = `
# Who may ask.
tokens:
  - { name: ci, sha256: "${"5f".repeat(32)}", expiresAt: 2027-01-01T00:00:00Z, grants: [{ projects: [media-ci], allow: [read, create] }] }
anonymous: { grants: [] }
`;
const PARSED = {
  tokens: [
    {
      name: "ci",
      sha256: "5f".repeat(32),
      expiresAt: "2027-01-01T00:00:00Z",
      grants: [{ projects: ["media-ci"], allow: ["read", "create"] }],
    },
  ],
  anonymous: { grants: [] },
};

interface Opened {
  readonly file: AccessFile;
  readonly path: string;
  readonly clock: ManualClock;
  readonly logger: RecordingLogger;
}

async function open(text: string): Promise<Opened> {
  const path = join(folder(), "access.yaml");
  write(path, text);
  const [clock, logger] = [new ManualClock(), new RecordingLogger()];
  return { file: await AccessFile.open(path, { clock, logger }), path, clock, logger };
}

describe("an access file", () => {
  it("is YAML, or JSON", async () => {
    expect((await open(YAML)).file.config).toEqual(PARSED);
    expect((await open(JSON.stringify(PARSED))).file.config).toEqual(PARSED);
  });

  it.each([
    ["", "access.yaml: expected an object, got null."],
    ["a text", "access.yaml: expected an object, got `a text` (string)."],
    ["tokens: [\n  hunter2: }", "line 2, column 12: expected YAML, got what is none ("],
    [
      "anonymous: { grants: [] }\nanonymous: hunter2",
      "line 2, column 1: expected YAML, got what is none (DUPLICATE_KEY).",
    ],
    ["anonymous: !hunter2 { grants: [] }", "line 1, column 12: expected YAML, got what is none (TAG_RESOLVE_FAILED)."],
    ["anonymous: *hunter2", "access.yaml: expected YAML without aliases, or with few that are there."],
    [
      "anonymous: { grants: [] }\n---\nanonymous: { grants: [] }",
      "line 2, column 1: expected YAML, got what is none (",
    ],
    [
      `a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [${"*a,".repeat(10)}]\nc: &c [${"*b,".repeat(10)}]\nd: [${"*c,".repeat(10)}]`,
      "access.yaml: expected YAML without aliases, or with few that are there.",
    ],
    [
      "anonymous: { grants: [{ projects: [a], allow: [write] }] }",
      "access.yaml: anonymous.grants[0].allow[0]: expected one of",
    ],
  ])("is refused in one sentence: %j", async (text, sentence) => {
    const refused = await open(text).catch((thrown: unknown) => thrown);
    expect(refused).toBeInstanceOf(ConfigurationError);
    const { message } = refused as Error;
    expect(message).toContain(sentence);
    expect(message).not.toContain("\n");
    expect(message).not.toContain("hunter2");
  });

  it("is refused when it is not there", async () => {
    const options = { clock: new ManualClock(), logger: new RecordingLogger() };
    const at = folder();
    await expect(AccessFile.open(join(at, "none.yaml"), options)).rejects.toThrow(
      /none\.yaml: there is no such file: is the path right\?$/,
    );
    await expect(AccessFile.open(at, options)).rejects.toThrow(/: cannot be read \(EISDIR\)\.$/);
  });

  it("is read again every ten seconds while it is watched, and told of once for each change", async () => {
    const { file, path, clock, logger } = await open(YAML);
    expect(clock.pendingTimers).toBe(0);
    const told: unknown[] = [];
    const unwatch = file.watch((config) => told.push(config));
    const reread = async (): Promise<void> => {
      await clock.advance(10_000);
      await eventually(() => clock.pendingTimers === 1);
    };
    await reread();
    write(path, YAML);
    await reread();
    expect([told, logger.lines]).toEqual([[], []]);
    write(path, "anonymous: { grants: [] }");
    await reread();
    await reread();
    expect(told).toEqual([{ anonymous: { grants: [] } }]);
    expect(file.config).toBe(told[0]);
    expect(logger.lines).toEqual([expect.stringContaining("The access file has changed, and is in force.")]);
    unwatch();
    expect(clock.pendingTimers).toBe(0);
  });

  it("stays in force when it is wrong later, or is not there, which is logged once", async () => {
    const { file, path, clock, logger } = await open(YAML);
    const told: unknown[] = [];
    disposeAfterTest(file.watch((config) => told.push(config)));
    const reread = async (): Promise<void> => {
      await clock.advance(10_000);
      await eventually(() => clock.pendingTimers === 1);
    };
    write(path, "tokens: [{ name: ci, sha256: hunter2, grants: [] }]");
    await reread();
    await reread();
    rmSync(path);
    await reread();
    await reread();
    expect(told).toEqual([]);
    expect(file.config).toEqual(PARSED);
    expect(logger.lines.map((line) => (JSON.parse(line) as { reason: string }).reason)).toEqual([
      expect.stringMatching(/access\.yaml: tokens\[0\]\.sha256: expected a SHA-256 .*, got a string\.$/),
      expect.stringMatching(/access\.yaml: there is no such file/),
    ]);
    write(path, YAML);
    await reread();
    expect(told).toEqual([PARSED]);
  });

  it("may be a link that is put somewhere else, as Kubernetes does", async () => {
    const at = folder();
    write(join(at, "one"), YAML);
    write(join(at, "two"), "anonymous: { grants: [] }");
    symlinkSync("one", join(at, "access.yaml"));
    const clock = new ManualClock();
    const file = await AccessFile.open(join(at, "access.yaml"), { clock, logger: new RecordingLogger() });
    disposeAfterTest(file.watch(() => undefined));
    symlinkSync("two", join(at, "link.new"));
    renameSync(join(at, "link.new"), join(at, "access.yaml"));
    await clock.advance(10_000);
    await eventually(() => clock.pendingTimers === 1);
    expect(file.config).toEqual({ anonymous: { grants: [] } });
  });
});
