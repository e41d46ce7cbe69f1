import { beforeAll, describe, expect, it } from "@jest/globals";
import { generateKeyPair, exportJWK, exportSPKI, SignJWT, type CryptoKey, type JWTPayload } from "jose";
import type { AccessConfig, ClaimGrantConfig } from "../../src/access/access-config.js";
import { EMULATOR_REGION, type Emulator } from "../../src/emulator/emulator.js";
import { createOperations, mutationNameOf } from "../../src/imm/operations/operations.js";
import { toGlobalTaskId } from "../../src/tasks/task-id.js";
import { createActions, exampleInput } from "../support/example-input.js";
import { keyLiteral } from "../support/query.js";
import { eventually } from "../support/eventually.js";
import { RawSocket } from "../support/raw-socket.js";
import { startGateway, type RunningGateway } from "../support/start-gateway.js";
import { openStream, SseStream } from "../support/stream-request.js";

// Every kind of caller, on every way to every kind of task, over real sockets.

const ISSUER = "https://login.example.com/";
const TYPE = { projectName: "acme-1", taskType: "MediaConvert" };
/** The kinds of tasks; those of `acme-1` are Alice's or Bob's. */
const TARGETS = {
  own: { ...TYPE, taskId: "own" },
  others: { ...TYPE, taskId: "bobs" },
  otherProject: { ...TYPE, projectName: "globex-1", taskId: "far" },
  otherType: { ...TYPE, taskType: "FileCompression", taskId: "doc" },
  missing: { ...TYPE, taskId: "gone" },
} as const;
type TargetName = keyof typeof TARGETS;
const TARGET_NAMES = Object.keys(TARGETS) as readonly TargetName[];

const ALL = ["read", "create", "definitions"] as const;
const TENANT = { projects: ["{/tenant}-*"], taskTypes: ["MediaConvert"], allow: ALL };
const GRANTS: readonly ClaimGrantConfig[] = [
  { when: { "/roles": "admin" }, projects: ["*"], allow: ALL },
  { when: { "/scope": "imm:read" }, projects: ["{/tenant}-*"], allow: ["read"] },
  { when: { "/scope": "imm:tag" }, ...TENANT, own: { tag: "owner", equals: "/sub" } },
  { when: { "/scope": "imm:data" }, ...TENANT, own: { userData: "/ownerId", equals: "/sub" } },
  { when: { "/scope": "imm:create" }, projects: ["{/tenant}-*"], allow: ["read", "create"] },
];

type Code = "FORBIDDEN" | "NOT_FOUND" | "UNAUTHENTICATED" | null;
interface Kind {
  readonly token: () => Promise<string | undefined>;
  /** What it gets by each kind of key; null for the task. */
  readonly codes: Readonly<Record<TargetName, Code>>;
  readonly definitions: boolean;
  /** The tasks of `acme-1` that it sees. */
  readonly listed: readonly string[] | Code;
  /** What each of its creates in `acme-1` comes to. */
  readonly creates: Code;
}

let privateKey: CryptoKey;
let publicText: string;
let config: AccessConfig;
const ALICE = { sub: "alice", tenant: "acme" };

beforeAll(async () => {
  const pair = await generateKeyPair("ES256", { extractable: true });
  ({ privateKey } = pair);
  publicText = await exportSPKI(pair.publicKey);
  const key = { ...(await exportJWK(pair.publicKey)), kty: "EC", kid: "one", alg: "ES256" };
  const issuer = {
    issuer: ISSUER,
    audiences: ["imm-graphql"],
    algorithms: ["ES256"],
    jwks: { keys: [key] },
    grants: GRANTS,
  };
  config = { issuers: [issuer] };
});

async function sign(
  claims: JWTPayload,
  header: object = {},
  key: CryptoKey | Uint8Array = privateKey,
): Promise<string> {
  return new SignJWT({
    iss: ISSUER,
    aud: "imm-graphql",
    exp: Math.floor(Date.now() / 1_000) + 3_600,
    ...ALICE,
    ...claims,
  })
    .setProtectedHeader({ alg: "ES256", kid: "one", ...header })
    .sign(key);
}

const admin = { roles: ["admin"] };
const ALL_SEEN: Kind["codes"] = { own: null, others: null, otherProject: null, otherType: null, missing: "NOT_FOUND" };
const OWN_SEEN: Kind["codes"] = {
  own: null,
  others: "NOT_FOUND",
  otherProject: "FORBIDDEN",
  otherType: "FORBIDDEN",
  missing: "NOT_FOUND",
};
const TENANT_SEEN: Kind["codes"] = { ...ALL_SEEN, otherProject: "FORBIDDEN" };

function unauthenticated(token: () => Promise<string | undefined>): Kind {
  const code = "UNAUTHENTICATED";
  return {
    token,
    codes: { own: code, others: code, otherProject: code, otherType: code, missing: code },
    definitions: false,
    listed: code,
    creates: code,
  };
}

const KINDS: Readonly<Record<string, Kind>> = {
  admin: {
    token: async () => sign(admin),
    codes: ALL_SEEN,
    definitions: true,
    listed: ["bobs", "doc", "own"],
    creates: null,
  },
  "tenant reader": {
    token: async () => sign({ scope: "openid imm:read" }),
    codes: TENANT_SEEN,
    definitions: false,
    listed: ["bobs", "doc", "own"],
    creates: "FORBIDDEN",
  },
  "owner by tag": {
    token: async () => sign({ scope: "imm:tag" }),
    codes: OWN_SEEN,
    definitions: true,
    listed: ["own"],
    creates: null,
  },
  "owner by user data": {
    token: async () => sign({ scope: "imm:data" }),
    codes: OWN_SEEN,
    definitions: true,
    listed: ["own"],
    creates: null,
  },
  "creator without definitions": {
    token: async () => sign({ scope: "imm:create" }),
    codes: TENANT_SEEN,
    definitions: false,
    listed: ["bobs", "doc", "own"],
    creates: null,
  },
  "nobody's grants": {
    token: async () => sign({}),
    codes: {
      own: "FORBIDDEN",
      others: "FORBIDDEN",
      otherProject: "FORBIDDEN",
      otherType: "FORBIDDEN",
      missing: "FORBIDDEN",
    },
    definitions: false,
    listed: "FORBIDDEN",
    creates: "FORBIDDEN",
  },
  anonymous: unauthenticated(async () => undefined),
  expired: unauthenticated(async () => sign({ ...admin, exp: Math.floor(Date.now() / 1_000) - 61 })),
  tampered: unauthenticated(async () => {
    const [head, , signature] = (await sign({})).split(".");
    const [, body] = (await sign(admin)).split(".");
    return [head, body, signature].join(".");
  }),
  "alg: none": unauthenticated(async () => {
    const [, body] = (await sign(admin)).split(".");
    return `${Buffer.from('{"alg":"none"}').toString("base64url")}.${String(body)}.`;
  }),
  "wrong issuer": unauthenticated(async () => sign({ ...admin, iss: "https://evil.example.com/" })),
  "wrong audience": unauthenticated(async () => sign({ ...admin, aud: "other" })),
  "HS256 signed with the public key": unauthenticated(async () =>
    sign(admin, { alg: "HS256" }, new TextEncoder().encode(publicText)),
  ),
  "unknown kid": unauthenticated(async () => {
    const other = await generateKeyPair("ES256");
    return sign(admin, { kid: "two" }, other.privateKey);
  }),
};

const FIELDS = "taskId progress requestDefinition outputs result { __typename } eventId";

/** By name: a document that leads to the task of a key, and where its answer has it. */
const WAYS: Readonly<
  Record<string, (key: (typeof TARGETS)[TargetName]) => readonly [text: string, path: readonly (string | number)[]]>
> = {
  task: (key) => [`task(key: ${keyLiteral(key)}) { ${FIELDS} }`, ["task"]],
  tasksByKey: (key) => [`tasksByKey(keys: [${keyLiteral(key)}]) { ${FIELDS} }`, ["tasksByKey", 0]],
  node: (key) => [`node(id: "${idOf(key)}") { ... on Task { ${FIELDS} } }`, ["node"]],
  nodes: (key) => [`nodes(ids: ["${idOf(key)}"]) { ... on Task { ${FIELDS} } }`, ["nodes", 0]],
  awaitTask: (key) => [`awaitTask(key: ${keyLiteral(key)}) { ${FIELDS} }`, ["awaitTask"]],
  "_entities by id": (key) => [
    `_entities(representations: [{ __typename: "Task", id: "${idOf(key)}" }]) { ... on Task { ${FIELDS} } }`,
    ["_entities", 0],
  ],
  "_entities by key": (key) => [
    `_entities(representations: [${keyLiteral(key).replace("{", `{ __typename: "Task", region: "${EMULATOR_REGION}",`)}]) { ... on Task { ${FIELDS} } }`,
    ["_entities", 0],
  ],
};

function idOf(key: (typeof TARGETS)[TargetName]): string {
  return toGlobalTaskId({ region: EMULATOR_REGION, ...key });
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly data?: unknown;
  readonly errors?: readonly {
    readonly path?: readonly unknown[];
    readonly extensions: Readonly<Record<string, unknown>>;
  }[];
}

async function ask(url: string, token: string | undefined, document: string, variables?: object): Promise<Answer> {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "imm-extensions": "true",
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query: document, variables }),
  });
  const text = await response.text();
  return { ...(JSON.parse(text) as Omit<Answer, "status" | "text">), status: response.status, text };
}

function addTasks(emulator: Emulator): void {
  const { own, others, otherProject, otherType } = TARGETS;
  const requestDefinition = JSON.stringify({ TargetURI: "oss://a/b.zip", Password: "hunter2" });
  const lasting = { durationMs: 600_000, requestDefinition };
  const ofAlice = { tags: { owner: "alice" }, userData: '{"ownerId":"alice"}' };
  emulator.addTask({ ...lasting, ...ofAlice, ...own });
  emulator.addTask({ ...lasting, ...others, tags: { owner: "bob" }, userData: '{"ownerId":"bob"}' });
  emulator.addTask({ ...lasting, ...ofAlice, ...otherProject });
  emulator.addTask({ ...lasting, ...ofAlice, ...otherType });
}

async function start(): Promise<RunningGateway> {
  const emulator = { projects: ["acme-1", "globex-1"] };
  const running = await startGateway({
    emulator,
    gateway: { federation: true, access: config, explorer: false },
  });
  addTasks(running.emulator);
  return running;
}

function at(data: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((value, step) => (Object(value) as Record<string | number, unknown>)[step], data);
}

describe.each(Object.entries(KINDS))("%s", (_name, { token: makeToken, codes, definitions, listed, creates }) => {
  it.each(Object.entries(WAYS))("by %s", async (way, toDocument) => {
    const { url, emulator } = await start();
    const token = await makeToken();
    for (const name of TARGET_NAMES) {
      const [text, path] = toDocument(TARGETS[name]);
      const before = emulator.calls.length;
      // One that has ended is not waited for.
      if (way === "awaitTask" && name !== "missing") emulator.finishTask(TARGETS[name].taskId);
      const answer = await ask(url, token, `{ ${text} }`);
      const code = codes[name];
      if (code === null) {
        expect(at(answer.data, [...path, "taskId"])).toBe(TARGETS[name].taskId);
        const denied = answer.errors?.filter(({ extensions }) => extensions["code"] === "FORBIDDEN") ?? [];
        const fields = denied.map((error) => error.path?.at(-1)).toSorted();
        expect(fields).toEqual(definitions ? [] : ["outputs", "requestDefinition"]);
        expect(at(answer.data, [...path, "requestDefinition", "Password"])).toBe(
          definitions ? "[redacted]" : undefined,
        );
        continue;
      }
      expect([name, answer.errors?.map(({ extensions }) => extensions["code"])]).toEqual([name, [code]]);
      expect(at(answer.data, path) ?? null).toBeNull();
      expect(answer.status).toBe(code === "UNAUTHENTICATED" ? 401 : 200);
      if (code !== "NOT_FOUND") expect(emulator.calls.length).toBe(before);
    }
  });

  it("by lists, and by what goes on in a project", async () => {
    const { url, emulator, clock } = await start();
    const token = await makeToken();
    const list =
      'tasks(projectName: "acme-1", first: 1, after: $after) { nodes { taskId } pageInfo { endCursor hasNextPage } }';
    const seen: unknown[] = [];
    let after: unknown = null;
    for (let page = 0; page < 5; page += 1) {
      const answer = await ask(url, token, `query ($after: String) { ${list} }`, { after });
      if (typeof listed === "string") {
        expect(answer.errors?.map(({ extensions }) => extensions["code"])).toEqual([listed]);
        break;
      }
      const { nodes, pageInfo } = at(answer.data, ["tasks"]) as {
        nodes: readonly { taskId: string }[];
        pageInfo: { endCursor: string | null; hasNextPage: boolean };
      };
      seen.push(...nodes.map(({ taskId }) => taskId));
      after = pageInfo.endCursor;
      if (!pageInfo.hasNextPage) break;
    }
    const far = await ask(url, token, '{ tasks(projectName: "globex-1") { nodes { taskId } } }');
    expect(far.errors?.[0]?.extensions["code"] ?? null).toBe(codes.otherProject);
    if (typeof listed === "string") {
      expect(emulator.calls).toEqual([]);
      return;
    }
    expect(seen.toSorted()).toEqual(listed);
    const headers = {
      "content-type": "application/json",
      accept: "text/event-stream",
      authorization: `Bearer ${String(token)}`,
    };
    const body = JSON.stringify({
      query: 'subscription { projectEvents(projectName: "acme-1") { kind task { taskId } } }',
    });
    const stream = new SseStream(await openStream(`${url}/graphql/stream`, { method: "POST", headers, body }));
    const events: string[] = [];
    while (!events.includes("CAUGHT_UP")) {
      const { kind, task } = at(await stream.result(), ["data", "projectEvents"]) as {
        kind: string;
        task: { taskId: string } | null;
      };
      events.push(task?.taskId ?? kind);
    }
    expect(events.slice(0, -1).toSorted()).toEqual(listed);
    expect(clock.pendingTimers).toBeGreaterThan(0);
  });

  it("by subscriptions, over each transport", async () => {
    const { url, emulator } = await start();
    const token = await makeToken();
    for (const name of TARGET_NAMES) {
      const document = `subscription { taskEvents(keys: [${keyLiteral(TARGETS[name])}]) { kind task { taskId requestDefinition } error { code } } }`;
      const code = codes[name];
      const before = emulator.calls.length;
      if (code === "UNAUTHENTICATED") {
        const socket = await RawSocket.openSilently(url);
        socket.send({ type: "connection_init", payload: { authorization: `Bearer ${String(token)}` } });
        expect(await socket.closed).toBe(4_401);
      } else {
        const socket = await RawSocket.open(url, { authorization: `Bearer ${String(token)}` });
        socket.send({ id: "a", type: "subscribe", payload: { query: document } });
        await eventually(() => socket.of("a").length > 0);
        const [event] = socket.of("a");
        const { task, error } = at(event?.payload, ["data", "taskEvents"]) as {
          task: { taskId: string } | null;
          error: { code: string } | null;
        };
        expect([task?.taskId, error?.code ?? null]).toEqual([code === null ? TARGETS[name].taskId : undefined, code]);
        socket.webSocket.terminate();
      }
      for (const [path, accept] of [
        ["/graphql/stream", "text/event-stream"],
        ["/graphql", "multipart/mixed;subscriptionSpec=1.0, application/json"],
      ] as const) {
        const text = await openStream(url + path, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            accept,
            ...(token !== undefined && { authorization: `Bearer ${token}` }),
          },
          body: JSON.stringify({ query: document }),
        });
        const first = await text.until(code === null ? `"taskId":"${TARGETS[name].taskId}"` : `"code":"${code}"`);
        expect(first).not.toBeNull();
        expect(text.response.status).toBe(code === "UNAUTHENTICATED" ? 401 : 200);
        if (code === "UNAUTHENTICATED") expect(text.response.headers.get("www-authenticate")).toMatch(/^Bearer/);
        text.vanish();
      }
      if (code !== null && code !== "NOT_FOUND") expect(emulator.calls.length).toBe(before);
    }
  });

  it("by mutations", async () => {
    const { url, emulator } = await start();
    const token = await makeToken();
    // Whose user data tells whose a task is, has it as JSON.
    const inputs = Object.fromEntries(
      createActions.map((action) => {
        const { userData: _userData, ...input } = exampleInput(action, 0) as { readonly userData?: unknown };
        return [action, input];
      }),
    );
    for (const action of createActions) {
      const operation = createOperations[action];
      const name = mutationNameOf(operation);
      const type = `${name[0]?.toUpperCase() ?? ""}${name.slice(1)}Input`;
      const document = `mutation ($input: ${type}!) { ${name}(input: $input) { isNew task { taskId } userErrors { code } } }`;
      const isGranted = creates === null && (codes.otherType === null || operation.taskType === TYPE.taskType);
      const before = emulator.calls.length;
      for (const projectName of ["acme-1", "globex-1"]) {
        const answer = await ask(url, token, document, { input: { ...inputs[action], projectName } });
        const isHere = projectName === "acme-1" || codes.otherProject === null;
        if (isGranted && isHere) expect([answer.text, at(answer.data, [name, "isNew"])]).toEqual([answer.text, true]);
        else {
          expect(answer.errors?.map(({ extensions }) => extensions["code"])).toEqual([creates ?? "FORBIDDEN"]);
        }
      }
      if (!isGranted) expect(emulator.calls.length).toBe(before);
    }
    const started = emulator.calls.filter(({ action }) => action.startsWith("Create")).length;
    for (const name of TARGET_NAMES) {
      const before = emulator.calls.length;
      const input = { id: idOf(TARGETS[name]) };
      const answer = await ask(
        url,
        token,
        "mutation ($input: RerunTaskInput!) { rerunTask(input: $input) { isNew userErrors { code } } }",
        { input },
      );
      const code = codes[name] ?? (definitions ? null : "FORBIDDEN");
      if (code === "FORBIDDEN" || code === "UNAUTHENTICATED" || creates === "FORBIDDEN") {
        expect(answer.errors?.map(({ extensions }) => extensions["code"])).toEqual([
          code === "UNAUTHENTICATED" ? code : "FORBIDDEN",
        ]);
        expect(emulator.calls.length).toBe(before);
      }
      if (code === "NOT_FOUND" && definitions) {
        expect(at(answer.data, ["rerunTask", "userErrors"])).toEqual([{ code: "INVALID_INPUT" }]);
      }
    }
    const afterwards = emulator.calls.filter(({ action }) => action.startsWith("Create")).length;
    if (!definitions) expect(afterwards).toBe(started);
  });
});

describe("another's task, for an owner", () => {
  it.each(["owner by tag", "owner by user data"])("differs in nothing from one that is not there: %s", async (name) => {
    const token = await KINDS[name]?.token();
    for (const [way, toDocument] of Object.entries(WAYS).filter(([way]) => way !== "awaitTask")) {
      const seen: unknown[] = [];
      for (const target of ["others", "missing"] as const) {
        const { url, emulator } = await start();
        const [text] = toDocument(TARGETS[target]);
        for (let turn = 0; turn < 2; turn += 1) {
          const answer = await ask(url, token, `{ ${text} }`);
          seen.push([way, answer.status, answer.text, emulator.calls.length]);
        }
      }
      expect(seen.slice(2)).toEqual(seen.slice(0, 2));
      expect(JSON.stringify(seen)).not.toContain('"imm"');
    }
  });
});
