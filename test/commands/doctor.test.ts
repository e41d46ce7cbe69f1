import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "@jest/globals";
import { systemClock } from "../../src/clock.js";
import type { Check } from "../../src/commands/doctor/check.js";
import { createPaper, toLines } from "../../src/commands/doctor/report.js";
import { startEmulator, type Emulator, type EmulatorOptions } from "../../src/emulator/emulator.js";
import { toGlobalTaskId } from "../../src/tasks/task-id.js";
import { eventually } from "../support/eventually.js";
import { CommandRun } from "../support/run-command.js";
import { endRuns, Run } from "../support/run.js";
import { disposeAfterTest, startGateway } from "../support/start-gateway.js";
import { TestIssuer } from "../support/test-issuer.js";
import { digestOf, TOKEN } from "../support/test-token.js";

afterEach(endRuns);

interface Report {
  readonly code: number | null;
  readonly ok: boolean;
  readonly data: string;
  readonly calls: number;
  readonly checks: readonly Check[];
  /** The checks whose id is this, or begins with it and a colon. */
  readonly of: (name: string) => readonly Check[];
  readonly text: string;
}

type Texts = Readonly<Record<string, string>>;

/** Examines these settings. @param meanwhile - what happens while it does. */
async function examine(
  env: Texts,
  parameters: readonly string[] = [],
  meanwhile: (run: CommandRun) => Promise<void> | void = () => undefined,
): Promise<Report> {
  const run = new CommandRun(["doctor", "--json", ...parameters], { PORT: "0", ...env });
  await meanwhile(run);
  const { code, stdout, stderr } = await run.finished;
  expect(stderr).toBe("");
  const report = JSON.parse(stdout) as Omit<Report, "code" | "of" | "text">;
  const of = (name: string): readonly Check[] =>
    report.checks.filter(({ id }) => id === name || id.startsWith(`${name}:`));
  return { ...report, code, of, text: stdout };
}

const key = { ALIBABA_CLOUD_ACCESS_KEY_ID: "emulator", ALIBABA_CLOUD_ACCESS_KEY_SECRET: "emulator" };

/** An emulator that stands for IMM, and the settings of a gateway in front of it. */
async function serveImm(options: EmulatorOptions = {}): Promise<{ readonly emulator: Emulator; readonly env: Texts }> {
  const emulator = await startEmulator(options);
  disposeAfterTest(async () => emulator.close());
  return { emulator, env: { ...key, IMM_ENDPOINT: emulator.url, IMM_REGION: "emulator", IMM_PROJECTS: "immtest" } };
}

/** The path of a file that is there for as long as the test. */
function fileWith(text: string, name = "file.txt"): string {
  const folder = mkdtempSync(join(tmpdir(), "imm-graphql-"));
  disposeAfterTest(() => rmSync(folder, { recursive: true }));
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const statuses = (checks: readonly Check[]): Texts => Object.fromEntries(checks.map(({ id, status }) => [id, status]));

describe("doctor finds that all is right", () => {
  it("with no settings, on the embedded emulator", async () => {
    const { code, ok, data, calls, checks } = await examine({});
    expect({ code, ok, data, calls }).toEqual({ code: 0, ok: true, data: "emulator", calls: 6 });
    expect(statuses(checks)).toEqual({
      settings: "ok",
      upstream: "ok",
      endpoint: "ok",
      clock: "ok",
      credentials: "ok",
      account: "ok",
      "project:immtest": "ok",
      "rights:immtest": "ok",
      creates: "skipped",
      access: "ok",
      documents: "skipped",
      "port:PORT": "ok",
    });
  });

  it("with an endpoint, by reads alone, and shows four characters of the key at most", async () => {
    const { emulator, env } = await serveImm({ accessKeyId: "LTAI5tHunter2Id", accessKeySecret: "hunter2-secret" });
    emulator.addTask({ taskType: "FileCompression", taskId: "a", durationMs: 1_000 });
    const secrets = {
      ALIBABA_CLOUD_ACCESS_KEY_ID: "LTAI5tHunter2Id",
      ALIBABA_CLOUD_ACCESS_KEY_SECRET: "hunter2-secret",
    };
    const { code, calls, of, text } = await examine({ ...env, ...secrets });
    expect({ code, calls }).toEqual({ code: 0, calls: 6 });
    expect(of("credentials")).toMatchObject([
      { status: "ok", message: expect.stringMatching(/^The AccessKey LTAI… comes from the environment/) },
    ]);
    expect(text).not.toMatch(/hunter2|LTAI5/i);
    const actions = emulator.calls.map(({ action }) => action);
    expect(actions.filter((action) => action !== "").toSorted()).toEqual([
      "GetDecodeBlindWatermarkResult",
      "GetImageModerationResult",
      "GetTask",
      "GetVideoLabelClassificationResult",
      "GetVideoModerationResult",
      "ListTasks",
    ]);
    expect(emulator.calls.find(({ action }) => action === "GetTask")?.parameters).toMatchObject({ TaskId: "a" });
  });
});

describe("doctor names what is wrong with the settings, and the cure:", () => {
  it("every setting that does not parse, by flag and by variable", async () => {
    const beside = { NODE_ENV: "prod", PORTT: "1", IMM_PROJECT: "immtest" };
    const { code, of, checks } = await examine({ MAX_KEYS: "0", ...beside }, ["--log-level", "loud"]);
    expect(code).toBe(1);
    expect(of("settings")).toMatchObject([
      { id: "settings:MAX_KEYS", status: "failed", message: expect.stringMatching(/got "0"\.$/) },
      { id: "settings:--log-level", status: "failed", cure: expect.stringContaining("docs/settings.md") },
      // Warnings about the rest do not wait until those are mended.
      { id: "settings:NODE_ENV", status: "warning" },
      { id: "settings:PORTT", status: "warning", cure: "Is it PORT?" },
      { id: "settings:IMM_PROJECT", status: "warning", cure: "Is it IMM_PROJECTS?" },
    ]);
    const others = checks.filter(({ id }) => !id.startsWith("settings"));
    expect(new Set(others.map(({ status }) => status))).toEqual(new Set(["skipped"]));
    expect(others[0]?.message).toBe("Not looked at, since settings is not right.");
  });

  it("a contradiction", async () => {
    const { code, of } = await examine({ MIN_POLL_INTERVAL_MS: "20000" });
    expect(code).toBe(1);
    expect(of("settings")).toMatchObject([
      { status: "failed", message: expect.stringContaining("MAX_POLL_INTERVAL_MS") },
    ]);
  });

  it("what has no effect, is hardly meant, or is spelled nearly as a setting: warnings, which are no failure", async () => {
    const { code, of } = await examine({
      ...key,
      NODE_ENV: "prod",
      HOST: "0.0.0.0",
      INSECURE_NO_AUTH: "true",
      IMM_PROJECT: "immtest",
    });
    expect(code).toBe(0);
    const warnings = [...of("settings"), ...of("access")].filter(({ status }) => status === "warning");
    expect(warnings.map(({ id, cure }) => [id, cure])).toEqual([
      ["settings:NODE_ENV", "Set NODE_ENV=production."],
      ["settings:EXPLORER", expect.stringContaining("EXPLORER=false")],
      ["settings:ALIBABA_CLOUD_ACCESS_KEY_ID", expect.stringContaining("IMM_REGION=cn-hangzhou")],
      ["settings:IMM_PROJECT", "Is it IMM_PROJECTS?"],
      ["access", expect.stringMatching(/^Write an access file.*unset INSECURE_NO_AUTH\.$/)],
    ]);
  });

  it("production without an access file, on this machine and for others", async () => {
    const production = { NODE_ENV: "production", IMM_EMULATOR: "true" };
    const local = await examine(production);
    expect(local.of("access")).toMatchObject([{ status: "warning", cure: expect.stringContaining("access file") }]);
    const open = await examine({ ...production, HOST: "0.0.0.0" });
    expect(open.code).toBe(1);
    expect(open.of("access")).toMatchObject([{ status: "failed", message: expect.stringContaining("ACCESS_FILE") }]);
  });

  it("a region that is not known, with the nearest one", async () => {
    const { code, of } = await examine({ ...key, IMM_REGION: "cn-hangzou" });
    expect(code).toBe(1);
    expect(of("upstream")).toMatchObject([{ status: "failed", cure: expect.stringMatching(/^Is it cn-hangzhou\?/) }]);
    for (const name of ["endpoint", "clock", "credentials", "account", "project"]) {
      expect(of(name)).toMatchObject([{ status: "skipped", message: "Not looked at, since upstream is not right." }]);
    }
  });

  it("a manifest of which documents do not fit the schema, each of them", async () => {
    const manifest = fileWith('{"a":"{ nothing }","b":"{ taskTypes { name } }","c":"{ x"}');
    const { code, of } = await examine({ PERSISTED_OPERATIONS: manifest });
    expect(code).toBe(1);
    expect(of("documents")).toMatchObject([
      {
        status: "failed",
        message: `Of 3 documents of ${manifest}, 2 cannot be executed.`,
        details: [expect.stringContaining('"a"'), expect.stringContaining('"c"')],
        cure: expect.stringContaining("Make the manifest anew"),
      },
    ]);
  });
});

describe("doctor names what is wrong with IMM, and the cure:", () => {
  it.each([
    [
      "ALIBABA_CLOUD_ACCESS_KEY_ID",
      "InvalidAccessKeyId.NotFound",
      "set ALIBABA_CLOUD_ACCESS_KEY_ID to one that is active",
    ],
    ["ALIBABA_CLOUD_ACCESS_KEY_SECRET", "SignatureDoesNotMatch", "set ALIBABA_CLOUD_ACCESS_KEY_SECRET anew"],
  ])("a wrong %s, by one call", async (name, reason, cure) => {
    const { env } = await serveImm();
    const { code, calls, of, text } = await examine({ ...env, [name]: "hunter2" });
    expect({ code, calls }).toEqual({ code: 1, calls: 1 });
    expect(of("account")).toMatchObject([
      { status: "failed", message: expect.stringContaining(reason), cure: expect.stringContaining(cure) },
    ]);
    expect(of("project")).toMatchObject([{ status: "skipped" }]);
    expect(text).not.toContain("hunter2");
  });

  it("a clock that is off: a warning, and a failure from where IMM refuses every call", async () => {
    const { env } = await serveImm();
    const behind = await examine(env, [], ({ clock }) => clock.stepWall(-45_000));
    expect(behind.code).toBe(0);
    expect(behind.of("clock")).toMatchObject([
      {
        status: "warning",
        message: expect.stringMatching(/^The clock of this machine is 4[456] seconds behind IMM's/),
        cure: expect.stringContaining("NTP"),
      },
    ]);
    const clock = { ...systemClock, now: () => systemClock.now() + 1_200_000 };
    const late = await examine((await serveImm({ clock })).env);
    expect(late.code).toBe(1);
    expect(late.of("clock")).toMatchObject([
      { status: "failed", message: expect.stringContaining("20 minutes behind"), cure: expect.stringContaining("NTP") },
    ]);
    expect(late.of("account")).toMatchObject([{ status: "failed", cure: expect.stringContaining("NTP") }]);
  });

  it("a project that is not there, beside one that is", async () => {
    const { env } = await serveImm();
    const { code, of } = await examine({ ...env, IMM_PROJECTS: "immtest,Immtest" });
    expect(code).toBe(1);
    expect(statuses([...of("project"), ...of("rights")])).toEqual({
      "project:immtest": "ok",
      "rights:immtest": "ok",
      "project:Immtest": "failed",
    });
    expect(of("project:Immtest")[0]?.cure).toMatch(/^Correct IMM_PROJECTS or IMM_REGION/);
  });

  it("no right to list, or to read a result: what that costs, and what to allow", async () => {
    const { emulator, env } = await serveImm();
    for (const action of ["ListTasks", "GetVideoModerationResult"]) emulator.injectFault({ kind: "refuse", action });
    const { code, of } = await examine(env);
    expect(code).toBe(0);
    expect(of("project")).toMatchObject([{ status: "ok" }]);
    expect(of("rights")).toMatchObject([
      {
        status: "warning",
        cure: expect.stringContaining(
          "Allow imm:ListTasks, imm:GetVideoModerationResult on acs:imm:emulator:*:project/immtest",
        ),
        details: [expect.stringContaining("`progress` is null"), expect.stringContaining("`result`")],
      },
    ]);
  });

  it("no right to read a task, or none at all", async () => {
    const { emulator, env } = await serveImm();
    emulator.injectFault({ kind: "refuse", action: "GetTask" });
    const some = await examine(env);
    expect(some.code).toBe(1);
    expect(some.of("rights")).toMatchObject([{ status: "failed", cure: expect.stringContaining("imm:GetTask") }]);
    emulator.injectFault({ kind: "throttle", action: "ListTasks" });
    emulator.injectFault({ kind: "throttle", action: "GetVideoModerationResult" });
    const busy = await examine(env);
    expect(busy.of("rights")[0]?.details).toEqual([
      "imm:GetTask is denied: no task can be read.",
      "imm:ListTasks is not known: IMM is throttling this project's requests.",
      "imm:GetVideoModerationResult is not known: IMM is throttling this project's requests.",
    ]);
    emulator.clearFaults();
    emulator.injectFault({ kind: "refuse" });
    const none = await examine(env);
    expect(none.of("account")).toMatchObject([{ status: "ok" }]);
    expect(none.of("project")).toMatchObject([{ status: "failed", message: expect.stringContaining("read nothing") }]);
  });

  it("an endpoint that never answers, by its deadline", async () => {
    const { emulator, env } = await serveImm();
    emulator.injectFault({ kind: "stall" });
    const { code, calls, of } = await examine(env, [], async ({ clock }) => {
      await eventually(() => emulator.calls.length > 0);
      await clock.advance(4_000);
    });
    expect({ code, calls }).toEqual({ code: 1, calls: 0 });
    expect(of("endpoint")).toMatchObject([
      { status: "failed", message: "127.0.0.1 does not answer in time.", cure: expect.stringContaining("firewall") },
    ]);
    expect(of("account")).toMatchObject([{ status: "skipped" }]);
  });

  it("calls that are never answered, by their deadline", async () => {
    const { emulator, env } = await serveImm();
    emulator.injectFault({ kind: "stall", action: "ListTasks" });
    const { code, of } = await examine(env, [], async ({ clock }) => {
      await eventually(() => emulator.calls.some(({ action }) => action === "ListTasks"));
      await clock.advance(4_000);
      await clock.advance(200);
    });
    expect(code).toBe(1);
    expect(of("account")).toMatchObject([{ status: "failed", cure: expect.stringContaining("IMM") }]);
  });

  it("a port where nothing listens, and one that speaks no TLS", async () => {
    const { emulator, env } = await serveImm();
    const plain = await examine({ ...env, IMM_ENDPOINT: emulator.url.replace("http:", "https:") });
    expect(plain.of("endpoint")).toMatchObject([
      { status: "failed", message: expect.stringContaining("not TLS"), cure: expect.stringContaining("https://") },
    ]);
    await emulator.close();
    const closed = await examine(env);
    expect(closed.of("endpoint")).toMatchObject([
      { status: "failed", message: "127.0.0.1 cannot be reached (ECONNREFUSED)." },
    ]);
  });
});

describe("doctor names what is wrong with the way to Redis, and the cure:", () => {
  it.each([
    [
      "nothing listens",
      "redis://:hunter2@127.0.0.1:1/0",
      /^Redis cannot be reached at redis:\/\/127\.0\.0\.1:1\/0 \(ECONN/,
      "let this machine in",
    ],
    [
      "its host has no address",
      "redis://:hunter2@redis.invalid",
      /^The host of redis:\/\/redis\.invalid has no address/,
      "spelled",
    ],
  ])("%s", async (_what, REDIS_URL, message, cure) => {
    const { code, of, text } = await examine({ REDIS_URL });
    expect(code).toBe(1);
    expect(of("redis")).toMatchObject([
      { status: "failed", message: expect.stringMatching(message), cure: expect.stringContaining(cure) },
    ]);
    expect(text).not.toContain("hunter2");
  });

  it("something else listens", async () => {
    const other = createServer((socket) => socket.on("error", () => undefined).end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    disposeAfterTest(() => void other.close());
    const { of } = await examine({ REDIS_URL: `redis://127.0.0.1:${(other.address() as AddressInfo).port}` });
    expect(of("redis")).toMatchObject([
      {
        status: "failed",
        message: expect.stringContaining("does not answer as Redis does"),
        cure: expect.stringContaining("rediss://"),
      },
    ]);
  });
});

describe("doctor names what is wrong with who may ask, and the cure:", () => {
  it("a pointer that is none, by its place", async () => {
    const file = fileWith("tokens: []\nissuers: [{ issuer: a, caller: sub }]");
    const { code, of } = await examine({ ACCESS_FILE: file });
    expect(code).toBe(1);
    expect(of("access")).toMatchObject([
      { status: "failed", message: expect.stringContaining(file), cure: expect.stringContaining("docs/access.md") },
    ]);
    expect(of("keys")).toMatchObject([{ status: "skipped" }]);
  });

  it("claims that no token has, types that there are not, projects that are not served, keys that cannot be had", async () => {
    const issuer = await TestIssuer.start(() => systemClock.now());
    issuer.fault = { status: 404 };
    const config = issuer.config([
      {
        when: { "/https://example.com/roles": "a" },
        projects: ["{/exp}-x"],
        allow: ["read"],
        own: { tag: "o", equals: "/sub/id" },
      },
      { projects: ["other"], taskTypes: ["OfficeConversio"], allow: ["read"] },
    ]);
    const soon = new Date(systemClock.now() + 1_000).toISOString();
    const tokens = [{ name: "old", sha256: digestOf(TOKEN), expiresAt: soon, grants: [] }];
    const anonymous = { grants: [{ projects: ["immtest"], allow: ["create"] }] };
    const file = fileWith(JSON.stringify({ issuers: [config], tokens, anonymous }));
    const { code, of } = await examine({ ACCESS_FILE: file, IMM_PROJECTS: "immtest" });
    expect(code).toBe(1);
    const warnings = of("access").filter(({ status }) => status === "warning");
    expect(warnings.map(({ id, cure }) => [id, cure])).toEqual([
      ["access:tokens[0].expiresAt", expect.stringContaining("imm-graphql token")],
      ["access:tokens[0].grants", "Add a grant."],
      ["access:issuers[0].grants[0].when", expect.stringMatching(/^Write \/https:~1~1example\.com~1roles,/)],
      ["access:issuers[0].grants[0].own.equals", "Write /sub."],
      ["access:issuers[0].grants[0].projects", expect.stringContaining("texts")],
      ["access:issuers[0].grants[1].taskTypes[0]", expect.stringContaining("docs/task-types.md")],
      ["access:issuers[0].grants[1].projects", "Correct one of the two."],
      ["access:anonymous", "Take the right `create` away."],
    ]);
    expect(warnings[5]?.message).toContain("did you mean `OfficeConversion`?");
    expect(of("keys")).toMatchObject([
      { status: "failed", message: expect.stringContaining("status 404"), cure: expect.stringContaining("jwks.url") },
    ]);
  });

  it("whether a caller may read a task, and what each of its grants says of that", async () => {
    const { emulator, env } = await serveImm();
    emulator.addTask({ taskType: "FileCompression", taskId: "hers", durationMs: 1_000, tags: { owner: "eve" } });
    const issuer = await TestIssuer.start(() => systemClock.now());
    const grants = [
      { when: { "/roles": "admin" }, projects: ["*"], allow: ["read"] as const },
      { projects: ["immtest"], taskTypes: ["MediaConvert"], allow: ["read"] as const },
      { projects: ["immtest"], allow: ["create"] as const },
      { projects: ["{/tenant}-*"], allow: ["read"] as const },
      { projects: ["immtest"], allow: ["read"] as const, own: { tag: "owner", equals: "/sub" } },
    ];
    const access = { ACCESS_FILE: fileWith(JSON.stringify({ issuers: [issuer.config(grants)] })) };
    const task = toGlobalTaskId({
      region: "emulator",
      projectName: "immtest",
      taskType: "FileCompression",
      taskId: "hers",
    });
    const ask = async (claims: Readonly<Record<string, unknown>>): Promise<Report> =>
      examine({ ...env, ...access }, ["--task", task, "--as", fileWith(await issuer.token(claims))]);

    const ann = await ask({ tenant: "acme", roles: ["user"] });
    expect(ann.code).toBe(1);
    expect(ann.of("caller")).toMatchObject([
      { status: "ok", message: expect.stringContaining(" ann, with 4 of 5 grants") },
    ]);
    expect(ann.of("task")).toMatchObject([
      {
        status: "failed",
        message: "The caller gets NOT_FOUND for FileCompression hers of immtest: it is not the caller's own.",
        cure: expect.stringContaining("Give it a grant without `own`"),
        details: [
          'issuers[0].grants[0] is not the caller\'s: the claim at /roles is not, and has not in it, "admin".',
          "issuers[0].grants[1] is for MediaConvert, not for FileCompression.",
          "issuers[0].grants[2] does not allow `read`.",
          "issuers[0].grants[3] is for acme-*, not for immtest.",
          "issuers[0].grants[4] is for the caller's own tasks, and the tag `owner` of this one is not ann.",
        ],
      },
    ]);
    const eve = await ask({ sub: "eve" });
    expect(eve.code).toBe(0);
    expect(eve.of("task")).toMatchObject([
      { status: "ok", message: "The caller may read FileCompression hers of immtest, by issuers[0].grants[4]." },
    ]);
    expect(eve.of("task")[0]?.details?.[3]).toContain("no text, nor a list of texts, for the claim in {/tenant}-*");
    const admin = await ask({ roles: "admin" });
    expect(admin.of("task")[0]?.message).toContain("by issuers[0].grants[0]");
    const late = await ask({ exp: issuer.secondsFromNow(-60) });
    expect(late.of("caller")).toMatchObject([{ status: "failed", message: expect.stringContaining("has expired") }]);
    expect(late.of("task")).toMatchObject([{ status: "skipped" }]);
  });

  it("a caller without the grant, without a call for its task", async () => {
    const { emulator, env } = await serveImm();
    const tokens = [{ name: "svc", sha256: digestOf(TOKEN), grants: [{ projects: ["other"], allow: ["read"] }] }];
    const access = { ACCESS_FILE: fileWith(JSON.stringify({ tokens })) };
    const task = toGlobalTaskId({
      region: "emulator",
      projectName: "immtest",
      taskType: "FileCompression",
      taskId: "a",
    });
    const { code, of } = await examine({ ...env, ...access }, ["--as", fileWith(`${TOKEN}\n`), "--task", task]);
    expect(code).toBe(1);
    expect(of("task")).toMatchObject([
      {
        status: "failed",
        cure: expect.stringContaining("Add a grant"),
        details: ["tokens[0].grants[0] is for other, not for immtest."],
      },
    ]);
    expect(emulator.calls.filter(({ parameters }) => parameters["TaskId"] === "a")).toEqual([]);
  });
});

describe("docs/observing.md", () => {
  const page = readFileSync(new URL("../../../docs/observing.md", import.meta.url), "utf8");
  const blockOf = (beginning: string): string => {
    const from = page.indexOf(`\n${beginning}`) + 1;
    return page.slice(from, page.indexOf("\n```", from) + 1);
  };

  it("shows what is written, and the form of its JSON", async () => {
    const env = { IMM_PROJECTS: "immtst", PORT: "0" };
    const { stdout } = await new CommandRun(["doctor"], env).finished;
    const [, ...lines] = blockOf("$ IMM_PROJECTS=immtst").split("\n");
    // Another program may have the port, and settings are added.
    const anywhere = (text: string): string =>
      text.replace(/\d+ of \d+ are/, "some are").replace(/PORT: .*(?= can)/, "");
    expect(anywhere(stdout)).toBe(anywhere(lines.join("\n")));
    const { code: _code, of, text } = await examine(env);
    const shown = JSON.parse(blockOf('{\n  "version"')) as object;
    expect({ ...(JSON.parse(text) as object), checks: of("project") }).toEqual(shown);
  });

  it("has a row for each check", () => {
    const [, ofDoctor = ""] = page.split(/^## (?=Doctor|Health)/m);
    const rows = [...ofDoctor.matchAll(/^\| `([a-z]+)` /gm)].map(([, name = ""]) => name);
    const names = ["settings", "upstream", "endpoint", "clock", "credentials", "account", "project", "rights"];
    expect(rows).toEqual([...names, "creates", "access", "keys", "caller", "task", "redis", "documents", "port"]);
  });
});

describe("doctor names what is wrong with the port:", () => {
  it("another program has it, or a gateway that runs", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    disposeAfterTest(() => void server.close());
    await once(server, "listening");
    const taken = String((server.address() as AddressInfo).port);
    server.on("connection", (socket) => socket.destroy());
    const other = await examine({ PORT: taken });
    expect(other.code).toBe(1);
    expect(other.of("port")).toMatchObject([
      {
        status: "failed",
        message: `Cannot listen on 127.0.0.1:${taken}: it is in use by another program.`,
        cure: expect.stringContaining("Set PORT to another port"),
      },
    ]);
    const { port } = await startGateway();
    const gateway = await examine({ PORT: String(port) });
    expect(gateway.code).toBe(0);
    expect(gateway.of("port")).toMatchObject([{ status: "warning", cure: expect.stringContaining("Stop it") }]);
  });
});

describe("doctor writes", () => {
  it("as a process: which link of the chain has the key, in lines without colour, and exits with 1", async () => {
    const { env } = await serveImm();
    const credentials = fileWith(
      "[default]\ntype = access_key\naccess_key_id = emulator\naccess_key_secret = emulator\n",
    );
    const command = fileURLToPath(new URL("../../command/imm-graphql.js", import.meta.url));
    const { IMM_ENDPOINT, IMM_REGION } = env as { readonly IMM_ENDPOINT: string; readonly IMM_REGION: string };
    const run = new Run([command, "doctor", "--port", "0", "--as", "-"], {
      IMM_ENDPOINT,
      IMM_REGION,
      ALIBABA_CLOUD_CREDENTIALS_FILE: credentials,
      HOME: join(credentials, ".."),
    });
    const { code, stdout, stderr } = await run.finished;
    // Newer releases of Node warn of what the vendor's client uses.
    expect({ code, stderr: stderr.replaceAll(/^\((?:node:\d+|Use `node).*\n/gm, "") }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toMatch(/^✓ credentials {2}The AccessKey emul… comes from a profile file \(.*\); calls go /m);
    expect(stdout).toMatch(/^- project {6}No project is named: set IMM_PROJECTS/m);
    expect(stdout).toMatch(/^✗ caller {7}--as: expected a token on standard input, got nothing\.$/m);
    expect(stdout).toMatch(/\n\n1 wrong; 0 warnings, \d right, \d skipped\. 1 call to IMM, a read\.\n$/);
    expect(stdout).not.toContain("\u001B");
  });

  it("what cures a token that is not there", async () => {
    const { of } = await examine({}, ["--as", "/nowhere/token.jwt"]);
    expect(of("caller")).toMatchObject([
      {
        message: "/nowhere/token.jwt: there is no such file: is the path right?",
        cure: expect.stringMatching(/`--as`/),
      },
    ]);
  });

  it.each(["a device without an end", "one byte too many"])("what is no token: %s", async (kind) => {
    const path = kind === "one byte too many" ? fileWith("t".repeat(65_537)) : "/dev/zero";
    const { of } = await examine({}, ["--as", path]);
    expect(of("caller")).toMatchObject([{ message: `--as: expected a token in ${path}, got more than 64 KiB.` }]);
  });

  it("colours and broken lines in a terminal alone, unless NO_COLOR is set", () => {
    const check: Check = { id: "port:PORT", status: "failed", message: `${"word ".repeat(12)}end.`, cure: "Stop it." };
    const terminal = { isTTY: true, columns: 60, write: () => undefined };
    expect(toLines(check, createPaper(terminal, {})).replaceAll("\u001B", "^")).toBe(
      `^[31m✗ port         ^[39m${"word ".repeat(9).trim()}\n${" ".repeat(15)}word word word end.\n${" ".repeat(15)}^[36m→^[39m Stop it.\n`,
    );
    expect(toLines(check, createPaper(terminal, { NO_COLOR: "1" }))).not.toContain("\u001B");
    expect(toLines(check, createPaper({ write: () => undefined }, {}))).toBe(
      `✗ port         ${check.message}\n${" ".repeat(15)}→ Stop it.\n`,
    );
  });
});
