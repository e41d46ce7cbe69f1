import { beforeAll, describe, expect, it } from "@jest/globals";
import { generateKeyPair, exportJWK, exportSPKI, SignJWT, type CryptoKey, type JWTPayload } from "jose";
import type { AccessConfig, ClaimGrantConfig } from "../../src/access/config/access-config.js";
import { EMULATOR_REGION, type Emulator } from "../../src/emulator/emulator.js";
import { capitalize, createOperations, mutationNameOf } from "../../src/imm/operations/operations.js";
import { toGlobalTaskId } from "../../src/tasks/task-id.js";
import { createActions, exampleInput } from "../support/example-input.js";
import { keyLiteral } from "../support/query.js";
import { eventually } from "../support/eventually.js";
import { RawSocket } from "../support/raw-socket.js";
import { startGateway, type RunningGateway } from "../support/start-gateway.js";
import { openStream } from "../support/stream-request.js";

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
  "_entities by id": (key) => [
    `_entities(representations: [{ __typename: "Task", id: "${idOf(key)}" }]) { ... on Task { ${FIELDS} } }`,
    ["_entities", 0],
  ],
  "_entities by key": (key) => [
    `_entities(representations: [${keyLiteral(key).replace("{", `{ __typename: "Task", region: "${EMULATOR_REGION}",`)}]) { ... on Task { ${FIELDS} } }`,
    ["_entities", 0],
  ],
  awaitTask: (key) => [`awaitTask(key: ${keyLiteral(key)}) { ${FIELDS} }`, ["awaitTask"]],
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
  const lasting = {
    durationMs: 600_000,
    requestDefinition: JSON.stringify({
      Sources: [{ URI: "oss://a/b.mp4" }],
      Targets: [{ URI: "oss://a/c.mp4", Container: "mp4" }],
    }),
  };
  const archive = JSON.stringify({ Sources: [{ URI: "oss://a/" }], TargetURI: "oss://a/b.zip" });
  const ofAlice = { tags: { owner: "alice" }, userData: '{"ownerId":"alice"}' };
  emulator.addTask({ ...lasting, ...ofAlice, ...own });
  emulator.addTask({ ...lasting, ...others, tags: { owner: "bob" }, userData: '{"ownerId":"bob"}' });
  emulator.addTask({ ...lasting, ...ofAlice, ...otherProject });
  emulator.addTask({ ...lasting, ...ofAlice, ...otherType, requestDefinition: archive });
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

const STREAMS = [
  ["/graphql/stream", "text/event-stream"],
  ["/graphql", "multipart/mixed;subscriptionSpec=1.0, application/json"],
] as const;

const NO_PAGE = {
  nodes: [] as readonly { readonly taskId: string }[],
  pageInfo: { endCursor: null as string | null, hasNextPage: false },
};

function toRequest(token: string | undefined, accept: string, query: string): RequestInit {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const headers = { "content-type": "application/json", accept, ...authorization };
  return { method: "POST", headers, body: JSON.stringify({ query }) };
}

/** The first event of a stream of events, as its task and the code of its error; or what the socket was closed with. */
async function firstBySocket(url: string, token: string | undefined, query: string): Promise<unknown> {
  const socket = await RawSocket.openSilently(url);
  socket.webSocket.on("message", (data: Buffer) => socket.received.push(JSON.parse(data.toString())));
  socket.send({ type: "connection_init", payload: token === undefined ? {} : { authorization: `Bearer ${token}` } });
  await eventually(() => socket.received.length > 0 || socket.webSocket.readyState !== socket.webSocket.OPEN);
  if (socket.received.length === 0) return socket.closed;
  socket.send({ id: "a", type: "subscribe", payload: { query } });
  await eventually(() => socket.of("a").length > 0);
  const event = at(socket.of("a")[0], ["payload", "data", "taskEvents"]);
  socket.webSocket.terminate();
  return [at(event, ["task", "taskId"]), at(event, ["error", "code"]) ?? null];
}

function compare(a: string | undefined, b: string | undefined): number {
  return String(a) < String(b) ? -1 : 1;
}

function at(data: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((value, step) => (Object(value) as Record<string | number, unknown>)[step], data);
}

/** What came of something: the task that was shown, and the codes of what was not. */
type Seen = readonly [label: string, taskId: unknown, codes: readonly unknown[], isWithoutCall?: boolean];

function codesOf({ errors = [] }: Pick<Answer, "errors">): readonly unknown[] {
  return errors.map(({ extensions }) => extensions["code"]);
}

/** What a caller must see of each target, where what it was created with is two fields. */
function expectedOf({ codes, definitions }: Kind, label: string): readonly Seen[] {
  return TARGET_NAMES.map((name): Seen => {
    const code = codes[name];
    if (code !== null) return [`${label} ${name}`, undefined, [code], code !== "NOT_FOUND"];
    return [`${label} ${name}`, TARGETS[name].taskId, definitions ? [] : ["FORBIDDEN", "FORBIDDEN"], false];
  });
}

describe.each(Object.entries(KINDS))("%s", (_name, kind) => {
  const { codes, definitions, listed, creates } = kind;
  const isUnknown = listed === "UNAUTHENTICATED";

  it("by queries", async () => {
    const token = await kind.token();
    const seen: Seen[] = [];
    const statuses = new Set<number>();
    let running = await start();
    for (const [way, toDocument] of Object.entries(WAYS)) {
      // A wait begins with what is known: here, that tasks have ended.
      if (way === "awaitTask") running = await start();
      const { url, emulator } = running;
      for (const name of TARGET_NAMES) {
        const [text, path] = toDocument(TARGETS[name]);
        const before = emulator.calls.length;
        if (way === "awaitTask" && name !== "missing") emulator.finishTask(TARGETS[name].taskId);
        const answer = await ask(url, token, `{ ${text} }`);
        statuses.add(answer.status);
        const isWithoutCall = codes[name] !== null && emulator.calls.length === before;
        // What is not there is remembered, for those who may see their own alone.
        const isMissing = codes[name] === "NOT_FOUND";
        seen.push([
          `${way} ${name}`,
          at(answer.data, [...path, "taskId"]),
          codesOf(answer),
          !isMissing && isWithoutCall,
        ]);
      }
    }
    expect(seen).toEqual(Object.keys(WAYS).flatMap((way) => expectedOf(kind, way)));
    expect([...statuses]).toEqual([isUnknown ? 401 : 200]);
  });

  it("by lists, page by page", async () => {
    const { url, emulator } = await start();
    const token = await kind.token();
    const list =
      'tasks(projectName: "acme-1", first: 1, after: $after) { nodes { taskId } pageInfo { endCursor hasNextPage } }';
    const seen = new Set<unknown>();
    const ids: string[] = [];
    let after: string | null | undefined = null;
    while (after !== undefined) {
      const answer = await ask(url, token, `query ($after: String) { ${list} }`, { after });
      for (const code of codesOf(answer)) seen.add(code);
      const { nodes, pageInfo } = (at(answer.data, ["tasks"]) ?? NO_PAGE) as typeof NO_PAGE;
      ids.push(...nodes.map(({ taskId }) => taskId));
      after = pageInfo.hasNextPage ? pageInfo.endCursor : undefined;
    }
    const far = await ask(url, token, '{ tasks(projectName: "globex-1") { nodes { taskId } } }');
    const isRefused = typeof listed === "string";
    expect([ids.toSorted(), [...seen]]).toEqual(isRefused ? [[], [listed]] : [listed, []]);
    expect(codesOf(far)).toEqual([codes.otherProject].filter((code) => code !== null));
    expect(emulator.calls.length === 0).toBe(isRefused);
  });

  it("by a project that is followed", async () => {
    const { url, emulator } = await start();
    const query = 'subscription { projectEvents(projectName: "acme-1") { kind task { taskId } error { code } } }';
    const text = await openStream(`${url}/graphql/stream`, toRequest(await kind.token(), "text/event-stream", query));
    const isRefused = typeof listed === "string";
    const received = await text.until(isRefused ? `"code":"${listed}"` : '"CAUGHT_UP"');
    const ids = [...(received ?? "").matchAll(/"taskId":"(\w+)"/g)].map(([, id]) => id);
    expect([received === null, ids.toSorted(compare)]).toEqual([false, isRefused ? [] : listed]);
    expect(emulator.calls.length === 0).toBe(isRefused);
    text.vanish();
  });

  it("by subscriptions, over each transport", async () => {
    const { url, emulator } = await start();
    const token = await kind.token();
    const seen: unknown[] = [];
    const expected: unknown[] = [];
    for (const name of TARGET_NAMES) {
      const key = keyLiteral(TARGETS[name]);
      const query = `subscription { taskEvents(keys: [${key}]) { task { taskId requestDefinition } error { code } } }`;
      const code = codes[name];
      const before = emulator.calls.length;
      const word = code === null ? `"taskId":"${TARGETS[name].taskId}"` : `"code":"${code}"`;
      for (const [path, accept] of STREAMS) {
        const text = await openStream(url + path, toRequest(token, accept, query));
        const { status, headers } = text.response;
        seen.push([
          path,
          name,
          (await text.until(word)) !== null,
          status,
          headers.get("www-authenticate")?.slice(0, 6),
        ]);
        expected.push([path, name, true, ...(isUnknown ? [401, "Bearer"] : [200, undefined])]);
        text.vanish();
      }
      seen.push(["socket", name, await firstBySocket(url, token, query)]);
      expected.push(["socket", name, isUnknown ? 4_401 : [code === null ? TARGETS[name].taskId : undefined, code]]);
      seen.push([name, "calls", emulator.calls.length > before && code !== "NOT_FOUND"]);
      expected.push([name, "calls", code === null]);
    }
    expect(seen).toEqual(expected);
  });

  it("by creates", async () => {
    const { url, emulator } = await start();
    const token = await kind.token();
    const seen: unknown[] = [];
    const expected: unknown[] = [];
    for (const action of createActions) {
      const operation = createOperations[action];
      const name = mutationNameOf(operation);
      const type = `${capitalize(name)}Input`;
      const document = `mutation ($input: ${type}!) { ${name}(input: $input) { isNew } }`;
      // Whose user data tells whose a task is, has it as JSON.
      const { userData: _userData, ...input } = exampleInput(action, 0) as { readonly userData?: unknown };
      for (const projectName of ["acme-1", "globex-1"]) {
        const before = emulator.calls.length;
        const answer = await ask(url, token, document, { input: { ...input, projectName } });
        seen.push([
          name,
          projectName,
          at(answer.data, [name, "isNew"]),
          codesOf(answer),
          emulator.calls.length - before,
        ]);
        const isOfType = codes.otherType === null || operation.taskType === TYPE.taskType;
        const isHere = projectName === "acme-1" || codes.otherProject === null;
        const code = creates ?? (isOfType && isHere ? null : "FORBIDDEN");
        expected.push([name, projectName, ...(code === null ? [true, [], 1] : [undefined, [code], 0])]);
      }
    }
    expect(seen).toEqual(expected);
  });

  it("by running one again", async () => {
    const { url, emulator } = await start();
    const token = await kind.token();
    const document = "mutation ($input: RerunTaskInput!) { rerunTask(input: $input) { isNew userErrors { code } } }";
    for (const name of TARGET_NAMES) {
      const before = emulator.calls.length;
      const answer = await ask(url, token, document, { input: { id: idOf(TARGETS[name]) } });
      const isGranted = definitions && creates === null && codes[name] !== "FORBIDDEN";
      const refusal = isUnknown ? "UNAUTHENTICATED" : "FORBIDDEN";
      expect([name, codesOf(answer)]).toEqual([name, isGranted ? [] : [refusal]]);
      expect(emulator.calls.length > before).toBe(isGranted);
      const payload = at(answer.data, ["rerunTask"]);
      const reasons = at(payload, ["userErrors"]) as readonly { readonly code: string }[] | undefined;
      const isStarted = isGranted && codes[name] === null;
      expect([name, at(payload, ["isNew"]) ?? null]).toEqual([name, isStarted ? true : null]);
      expect(reasons?.map(({ code }) => code)).toEqual(isStarted ? [] : isGranted ? ["INVALID_INPUT"] : undefined);
    }
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

  it.each(["others", "missing"] as const)("costs no further call when more of it is asked for: %s", async (target) => {
    const token = await KINDS["owner by tag"]?.token();
    const { url, emulator } = await start();
    for (const fields of ["taskId", "requestDefinition", "eventId", "progress", FIELDS]) {
      const answer = await ask(url, token, `{ task(key: ${keyLiteral(TARGETS[target])}) { ${fields} } }`);
      expect([codesOf(answer), emulator.calls.length]).toEqual([["NOT_FOUND"], 1]);
    }
  });
});
