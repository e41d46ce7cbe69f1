import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "@jest/globals";
import { Board } from "../../src/commands/follow/board.js";
import { Following } from "../../src/commands/follow/following.js";
import type { TaskSource } from "../../src/commands/follow/task-source.js";
import { EMULATOR_REGION } from "../../src/emulator/emulator.js";
import { parseEndpoint } from "../../src/imm/wire/endpoints.js";
import { createOpenApi } from "../../src/imm/wire/openapi-client.js";
import { createGateway } from "../../src/server/gateway.js";
import { toGlobalTaskId } from "../../src/tasks/task-id.js";
import { eventually } from "../support/eventually.js";
import { startFalseGateway } from "../support/false-gateway.js";
import { EVERY_SECOND, nextPoll } from "../support/next-poll.js";
import { CommandRun, runCommand, type TerminalSize } from "../support/run-command.js";
import {
  disposeAfterTest,
  manualClockNow,
  QUICK_LIMITS,
  startGateway,
  type RunningGateway,
} from "../support/start-gateway.js";
import { keyOf } from "../support/tasks.js";
import { digestOf, TOKEN } from "../support/test-token.js";

const taskType = "FileCompression";
const HIDE_CURSOR = "\u001B[?25l";
const SHOW_CURSOR = "\u001B[?25h";

/** What names a task by flags. */
function named(...taskIds: string[]): readonly string[] {
  return ["--project", "immtest", "--type", taskType, "--id", ...taskIds];
}

async function startWithTasks(...taskIds: string[]): Promise<RunningGateway> {
  const running = await startGateway({ gateway: EVERY_SECOND });
  for (const taskId of taskIds) running.emulator.addTask({ taskType, taskId, durationMs: Infinity });
  return running;
}

function watch(url: string, parameters: readonly string[], terminal?: TerminalSize, env = {}): CommandRun {
  return new CommandRun(["watch", ...parameters, "--url", url], env, terminal);
}

/** Waits until the command has written this. */
async function writes(run: CommandRun, text: string): Promise<void> {
  await eventually(() => stripVTControlCharacters(run.stdout).includes(text));
}

/** Waits until it is on the terminal, while time passes there. */
async function draws(run: CommandRun, pattern: RegExp): Promise<void> {
  await eventually(() => {
    void run.clock.advance(50);
    return pattern.test(stripVTControlCharacters(run.stdout));
  });
}

describe("watch on a terminal", () => {
  it("moves a bar for each task, and sums up when they have ended", async () => {
    const running = await startWithTasks("a", "b");
    const run = watch(running.url, named("a", "b"), { columns: 60, rows: 10 });
    await eventually(() => running.gateway.watchedTasks === 2);
    await writes(run, "▸ FileCompression/a");
    running.emulator.setProgress("a", 50);
    await nextPoll(running);
    await draws(run, /▸ FileCompression\/a {2}█+░+ {2}50% {2}1s/);
    // It goes on between two polls.
    await run.clock.advance(1_000);
    expect(stripVTControlCharacters(run.stdout)).toMatch(/50% {2}2s/);
    running.emulator.finishTask("a");
    running.emulator.failTask("b", "InvalidMedia", "The source \u001B[2Jcannot be read.");
    await nextPoll(running);
    const { code, stdout, stderr } = await run.finished;
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    const last = stripVTControlCharacters(stdout.slice(stdout.lastIndexOf(SHOW_CURSOR)));
    expect(last).toMatch(
      /^2 tasks, followed for \ds: 1 succeeded, 1 failed\.\nFileCompression\/b {2}InvalidMedia: The source ␛\[2Jcannot be read\.\n$/,
    );
    expect(stripVTControlCharacters(stdout)).toContain("✔ FileCompression/a");
    expect(stdout).not.toContain("\u001B[2J");
    expect(stdout.indexOf(HIDE_CURSOR)).toBe(0);
    expect(run.clock.pendingTimers).toBe(0);
  });

  it("draws on a terminal that does not say how large it is", async () => {
    const running = await startWithTasks("a");
    const run = watch(running.url, named("a"), { columns: 0, rows: 0 });
    await writes(run, "▸ FileCompression/a");
    const { stdout } = await new CommandRun(
      ["tasks", "--project", "immtest", "--url", running.url],
      {},
      {
        columns: 0,
        rows: 0,
      },
    ).finished;
    expect(stdout).toMatch(/RUNNING .* a\n$/);
  });

  it("draws again for another size, and colours nothing with NO_COLOR", async () => {
    const running = await startWithTasks("a");
    const run = watch(running.url, named("a"), { columns: 80, rows: 10 }, { NO_COLOR: "1" });
    await writes(run, "FileCompression/a");
    const before = run.stdout.length;
    run.output.columns = 40;
    run.output.emit("resize");
    const drawn = stripVTControlCharacters(run.stdout.slice(before)).split("\n");
    expect(drawn.find((line) => line.includes("▸"))?.trimEnd().length).toBeLessThanOrEqual(40);
    expect(run.stdout.split("\u001B[").filter((code) => /^\d+m/.test(code))).toEqual([]);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("gives the cursor back on %s", async (signal, expected) => {
    const running = await startWithTasks("a");
    const run = watch(running.url, named("a"), { columns: 80, rows: 10 });
    await writes(run, "FileCompression/a");
    run.emit(signal);
    const { code, stdout } = await run.finished;
    expect(code).toBe(expected);
    expect(stdout.endsWith(SHOW_CURSOR)).toBe(true);
    await eventually(() => running.gateway.watchedTasks === 0);
  });

  it("gives the cursor back where nothing caught an exception, and says which it was", async () => {
    const running = await startWithTasks("a");
    const run = watch(running.url, named("a"), { columns: 80, rows: 10 });
    await writes(run, "FileCompression/a");
    // The last picture cannot be drawn either.
    Object.defineProperty(run.output, "columns", {
      get: () => {
        throw new Error("no size");
      },
    });
    await expect(run.clock.advance(1_000)).rejects.toThrow("no size");
    expect(() => run.emit("uncaughtException", new Error("odd"))).toThrow("no size");
    const { code, stdout, stderr } = await run.finished;
    expect(code).toBe(2);
    expect(stdout.endsWith(SHOW_CURSOR)).toBe(true);
    expect(stderr).toMatch(/^imm-graphql: Error: odd\n +at /);
  });
});

describe("watch elsewhere", () => {
  it("writes a line for each change, and none for what has not changed", async () => {
    const running = await startWithTasks("a");
    const run = watch(running.url, [toGlobalTaskId({ region: EMULATOR_REGION, ...keyOf("a") })]);
    await writes(run, "a  running  0%");
    await nextPoll(running);
    running.emulator.setProgress("a", 50);
    await nextPoll(running);
    running.emulator.finishTask("a");
    await nextPoll(running);
    expect(await run.finished).toEqual({
      code: 0,
      stdout: [
        "FileCompression/a  running  0%  0s",
        "FileCompression/a  running  50%  2s  ~2s left",
        "FileCompression/a  succeeded  2s",
        "1 task, followed for 0s: 1 succeeded.",
        "",
      ].join("\n"),
      stderr: "",
    });
  });

  it("writes nothing but an object a line with --json", async () => {
    const running = await startWithTasks("a");
    const run = watch(running.url, [...named("a"), "--json"]);
    await writes(run, "CAUGHT_UP");
    running.emulator.failTask("a", "Odd", "\u009B31m\u202E");
    await nextPoll(running);
    const { code, stdout, stderr } = await run.finished;
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).not.toMatch(/[\u009B\u202E]/);
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(events).toEqual([
      expect.objectContaining({ kind: "SNAPSHOT", ...keyOf("a"), status: "RUNNING", progress: 0, isDone: false }),
      { kind: "CAUGHT_UP" },
      expect.objectContaining({ kind: "FINAL", status: "FAILED", error: { code: "Odd", message: "\u009B31m\u202E" } }),
      { kind: "SUMMARY", waiting: 0, running: 0, succeeded: 0, failed: 1, unknown: 0, notFollowed: 0, exitCode: 1 },
    ]);
  });

  it("goes on with the others where a task is not there, or of another region", async () => {
    const running = await startWithTasks("a");
    const idOf = (region: string, taskId: string): string => toGlobalTaskId({ region, ...keyOf(taskId) });
    running.emulator.addTask({ taskType, taskId: "b", durationMs: Infinity });
    const ids = [idOf(EMULATOR_REGION, "none"), idOf("cn-hangzhou", "b"), idOf(EMULATOR_REGION, "a")];
    const run = watch(running.url, ids);
    await writes(run, "a  running");
    running.emulator.finishTask("a");
    running.emulator.finishTask("b");
    await nextPoll(running);
    const { code, stdout } = await run.finished;
    expect(code).toBe(2);
    expect(stdout).toMatch(/^FileCompression\/none {2}cannot be followed {2}NOT_FOUND: [^\n]+$/m);
    expect(stdout).toMatch(/^FileCompression\/b .*The id is of a task in cn-hangzhou, and emulator is asked\.$/m);
    expect(stdout).toMatch(/^3 tasks, followed for 0s: 1 succeeded, 2 cannot be followed\.$/m);
  });

  it("ends quietly when its reader has gone", async () => {
    const running = await startWithTasks("a");
    const run = watch(running.url, named("a"));
    await writes(run, "a  running");
    run.output.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    expect(await run.finished).toMatchObject({ code: 141, stderr: "" });
    await eventually(() => running.gateway.watchedTasks === 0);
  });
});

describe("following", () => {
  it("takes as many subscriptions as the number of tasks needs", async () => {
    const tasks = Array.from({ length: 250 }, (_none, index) => ({ key: keyOf(`t${index}`), region: null }));
    const board = new Board(manualClockNow(), []);
    const sizes: number[] = [];
    const source: TaskSource = {
      subscribe({ variables }, sink) {
        sizes.push((variables["keys"] as readonly unknown[]).length);
        sink.end();
        return () => undefined;
      },
      cureOf: () => "",
      close: async () => undefined,
    };
    const listener = { onChange: () => undefined, onPhase: () => undefined };
    await new Following({ source, board, targets: { kind: "tasks", tasks }, isForever: false, listener }).ended;
    expect(sizes).toEqual([100, 100, 50]);
  });
});

describe("watch of a project", () => {
  it("ends when nothing runs any more", async () => {
    const running = await startWithTasks("a", "b");
    const run = watch(running.url, ["--project", "immtest"]);
    await writes(run, "b  running");
    await eventually(() => running.clock.pendingTimers > 0);
    running.emulator.finishTask("a");
    await nextPoll(running);
    await writes(run, "a  succeeded");
    running.emulator.finishTask("b");
    await nextPoll(running);
    expect(await run.finished).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/2 tasks, followed for 0s: 2 succeeded\.\n$/),
    });
    const nothing = await watch(running.url, ["--project", "immtest"], { columns: 80, rows: 10 }).finished;
    expect(nothing).toMatchObject({ code: 0, stdout: expect.stringMatching(/\?25hNothing runs there\.\n$/) });
  });

  it("outlives a gateway that goes away, and hears of what has ended meanwhile", async () => {
    const first = await startWithTasks("a", "b");
    const { emulator, clock, gateway, port } = first;
    const run = watch(first.url, ["--project", "immtest"]);
    await writes(run, "b  running");
    await gateway.stop();
    await eventually(() => run.clock.pendingTimers > 0);
    expect(run.stderr).toMatch(/^The gateway is away, next try in 1s: .+\n$/);
    emulator.finishTask("a");
    // Still away.
    await run.clock.advance(1_000);
    await eventually(() => run.clock.pendingTimers > 0);
    expect(run.stderr).toMatch(/The gateway is away, next try in 2s: connect ECONNREFUSED \S+\n$/);
    const { openApi } = await createOpenApi({
      endpoint: parseEndpoint(emulator.url),
      accessKey: { accessKeyId: "emulator", accessKeySecret: "emulator" },
      userAgent: "test",
    });
    const options = { ...QUICK_LIMITS, ...EVERY_SECOND, openApi, clock, region: EMULATOR_REGION, port };
    const again = createGateway(options);
    disposeAfterTest(async () => again.stop());
    await again.start();
    await run.clock.advance(2_000);
    await writes(run, "a  succeeded");
    await eventually(() => clock.pendingTimers > 0);
    emulator.finishTask("b");
    await nextPoll({ ...first, gateway: again });
    const { code, stdout, stderr } = await run.finished;
    expect(code).toBe(0);
    expect(stderr).toMatch(/The gateway is back\.\n$/);
    expect(stdout.replaceAll(/ {2}\d+s/g, "").split("\n")).toEqual([
      "FileCompression/a  running  0%",
      "FileCompression/b  running  0%",
      "FileCompression/a  succeeded",
      "FileCompression/b  succeeded",
      "2 tasks, followed for 3s: 2 succeeded.",
      "",
    ]);
  });
});

describe("watch that cannot follow", () => {
  it("says in one sentence that there is no gateway, without a picture", async () => {
    const { url, gateway, port } = await startWithTasks();
    await gateway.stop();
    expect(await watch(url, named("a"), { columns: 80, rows: 10 }).finished).toEqual({
      code: 2,
      stdout: "",
      stderr: `imm-graphql: No gateway answers at ${url}/graphql: connect ECONNREFUSED 127.0.0.1:${port}.\n`,
    });
  });

  it("names the variable of the token where that is missing, wrong or not enough", async () => {
    const tokens = [
      { name: "ci", sha256: digestOf(TOKEN), grants: [{ projects: ["immtest"], allow: ["read"] as const }] },
    ];
    const { url, emulator } = await startGateway({ gateway: { access: { tokens } } });
    emulator.addTask({ taskType, taskId: "a", startedAgoMs: 60_000 });
    const none = await watch(url, named("a")).finished;
    expect(none).toMatchObject({ code: 2, stdout: "" });
    expect(none.stderr).toMatch(/^imm-graphql: The gateway at \S+ refused: [^\n]+; IMM_GRAPHQL_TOKEN is not set\.\n$/);
    const wrong = await watch(url, named("a"), undefined, { IMM_GRAPHQL_TOKEN: "imm_other" }).finished;
    expect(wrong).toMatchObject({ code: 2, stdout: "" });
    expect(wrong.stderr).toMatch(/; IMM_GRAPHQL_TOKEN was not let in\.\n$/);
    expect(wrong.stderr).not.toContain("imm_other");
    const env = { IMM_GRAPHQL_TOKEN: TOKEN };
    expect(await watch(url, named("a"), undefined, env).finished).toMatchObject({ code: 0, stderr: "" });
    const other = await watch(url, ["--project", "other"], undefined, env).finished;
    expect(other).toMatchObject({ code: 2, stdout: "" });
    expect(other.stderr).toMatch(
      /^imm-graphql: FORBIDDEN: [^\n]+ It was asked with the token of IMM_GRAPHQL_TOKEN\.\n$/,
    );
  });

  it.each([
    [[], "Expected global ids of tasks, or --project"],
    [["abc"], 'Expected the global id of a task, as the field `id` has it, got "abc".'],
    [["abc", "--project", "p"], "Expected global ids, or flags that name tasks, not both."],
    [["--project", "p", "--id", "x"], "--id: expected one --type beside it"],
    [["--project", " "], "Expected `--project` to be a non-empty string"],
    [["--project", "p", "--tag", "team"], '--tag: expected a name and a value such as team=video, got "team".'],
    [[...named("x"), "--forever"], "--forever: expected a whole project beside it"],
    [[...named("x"), "--url", "127.0.0.1:4000"], "--url: expected a URL such as http://127.0.0.1:4000"],
    [[...named("x"), "--url", "http://a:b@c"], "--url: expected no name and password in it"],
    [[...named("x"), "--urll", "y"], "error: unknown option '--urll'"],
  ])("answers %j with 2", async (parameters, sentence) => {
    const { code, stdout, stderr } = await runCommand(["watch", ...parameters]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(sentence);
  });
});

/** As a gateway sends it. */
const SEEN = {
  id: "id",
  region: "emulator",
  ...keyOf("a"),
  status: "RUNNING",
  statusText: "Running",
  isDone: false,
  progress: 1,
  startTime: null,
  elapsedMs: 1,
  estimatedEndAt: "soon",
  observedAt: "2026-01-01T00:00:00Z",
  error: null,
};
const EVENT = { kind: "SNAPSHOT", key: keyOf("a"), error: null, task: SEEN };

function next(id: string, payload: unknown): string {
  return JSON.stringify({ id, type: "next", payload });
}

describe("a gateway whose answers are malformed", () => {
  const sent = (text: string) => (): readonly string[] => [text];
  const answered = (payload: unknown) => (id: string) => [next(id, payload)];
  const event = (taskEvents: unknown): ((id: string) => readonly string[]) => answered({ data: { taskEvents } });

  it.each<[(id: string) => readonly string[], string]>([
    [sent("hello"), "expected messages of graphql-transport-ws from URL/graphql, got: Unexpected token"],
    [sent("{}"), "expected messages of graphql-transport-ws from URL/graphql, got: Message is missing the 'type'"],
    [answered("text"), `expected messages of graphql-transport-ws from URL/graphql, got: "next" message expects`],
    [answered({ taskEvents: EVENT }), "expected `data` or `errors`, got neither."],
    [answered({ errors: "text" }), 'expected `errors` to be an array, got "text".'],
    [answered({ data: null, errors: [null] }), "expected `errors[0]` to be an object, got null."],
    [event([]), "expected `data.taskEvents` to be an object, got []."],
    [event({ ...EVENT, kind: undefined }), "expected `data.taskEvents.kind` to be a string, got nothing."],
    [
      event({ ...EVENT, task: { ...SEEN, taskId: 7 } }),
      "expected `data.taskEvents.task.taskId` to be a string, got 7.",
    ],
    [event({ ...EVENT, error: {} }), "expected `data.taskEvents.error.code` to be a string, got nothing."],
  ])("is named in one sentence, and not asked again: %#", async (answerTo, reason) => {
    const gateway = await startFalseGateway(answerTo);
    const { code, stdout, stderr } = await watch(gateway.url, named("a")).finished;
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect(stderr).toContain(`imm-graphql: The gateway's answer is malformed: ${reason.replace("URL", gateway.url)}`);
    expect(gateway.connections).toBe(1);
  });

  it.each([
    [{ nodes: [null], pageInfo: { hasNextPage: false } }, "`data.tasks.nodes[0]` to be an object, got null."],
    [{ nodes: [] }, "`data.tasks.pageInfo` to be an object, got nothing."],
    [{ pageInfo: {} }, "`data.tasks.nodes` to be an array, got nothing."],
    ["text", '`data.tasks` to be an object, got "text".'],
  ])("is named by tasks too: %j", async (tasks, reason) => {
    const { url } = await startFalseGateway(answered({ data: { tasks } }));
    expect(await runCommand(["tasks", "--project", "immtest", "--url", url])).toEqual({
      code: 2,
      stdout: "",
      stderr: `imm-graphql: The gateway's answer is malformed: expected ${reason}\n`,
    });
  });

  it("may have instants that are none, of which nothing is drawn", async () => {
    const { url } = await startFalseGateway((id) => [next(id, { data: { taskEvents: EVENT } })]);
    const run = watch(url, named("a"), { columns: 80, rows: 10 });
    await draws(run, /FileCompression\/a .* 1%/);
    expect(run.stdout).not.toContain("~");
  });
});

describe("watch without --url", () => {
  it("asks IMM by the settings of serve", async () => {
    const { emulator } = await startWithTasks();
    emulator.addTask({ taskType, taskId: "a", startedAgoMs: 60_000 });
    const env = {
      IMM_ENDPOINT: emulator.url,
      IMM_REGION: EMULATOR_REGION,
      ALIBABA_CLOUD_ACCESS_KEY_ID: "emulator",
      ALIBABA_CLOUD_ACCESS_KEY_SECRET: "emulator",
    };
    const { code, stdout, stderr } = await runCommand(["watch", ...named("a", "none")], env);
    expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
    expect(stdout).toContain("FileCompression/a  succeeded");
    expect(stdout).toMatch(/1 succeeded, 1 cannot be followed\.$/m);
    expect(await runCommand(["watch", "--project", "immtest"], env)).toMatchObject({
      code: 0,
      stdout: "Nothing runs there.\n",
    });
  });
});
