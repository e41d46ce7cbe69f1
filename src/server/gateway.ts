/**
 * The gateway: joins the doors, the schema, the tasks and IMM, and owns start and stop.
 *
 * `cli.ts` and users of the library call it. It reads no environment and installs no signal handler.
 */

import type { FastifyInstance } from "fastify";
import type { ExecutionArgs } from "graphql";
import { systemClock, type Clock } from "../clock.js";
import { ConfigurationError, toListenError } from "../errors.js";
import { GuardedImmClient } from "../imm/call-policy.js";
import type { ImmClient } from "../imm/imm-client.js";
import { OpenApiImmClient, type OpenApi } from "../imm/openapi-client.js";
import { silentLogger, type Logger } from "../log.js";
import { createSchema } from "../schema/build-schema.js";
import type { GatewayContext } from "../schema/context.js";
import { CallTally } from "../tasks/call-tally.js";
import { TaskLister } from "../tasks/task-lister.js";
import { TaskLoader } from "../tasks/task-loader.js";
import { TaskReader } from "../tasks/task-reader.js";
import { TaskResults } from "../tasks/task-results.js";
import { TaskStarter } from "../tasks/task-starter.js";
import { WatchHub } from "../tasks/watch-hub.js";
import type { ExampleOperations } from "./transports/explorer.js";
import { asksForReport } from "./operation/call-report.js";
import { formatResult, type Caller } from "./operation/pipeline.js";
import { createFormatError } from "./operation/format-error.js";
import { createHttpDoor, GRAPHQL_PATH, type HttpDoor } from "./transports/http.js";
import { limitNames, parseLimits, type GatewayLimits } from "./limits.js";
import { createAllowsHost, createAllowsOrigin, LOCAL_ORIGINS } from "./transports/origins.js";
import { toDocuments, type OperationManifest } from "./operation/operation-manifest.js";
import { PersistedOperations } from "./operation/persisted-operations.js";
import { SerializedResults } from "./subscription/serialized-results.js";
import { SharedSubscriptions } from "./subscription/shared-subscriptions.js";
import { openWebSocketDoor, type WebSocketDoor } from "./transports/websocket.js";

/** Which IMM the gateway talks to: exactly one of the two. */
export type Upstream =
  | {
      /** Any client of the vendor with `callApi`, for example a `Client` of `@alicloud/imm20200930`. */
      readonly openApi: OpenApi;
    }
  | {
      /** Any other implementation of the port. */
      readonly client: ImmClient;
    };

/** Everything about a gateway that can be set; see `limits.ts` for the numbers, their ranges and defaults. */
export type GatewayOptions = Upstream &
  Partial<GatewayLimits> & {
    /** @default the machine's clock */
    readonly clock?: Clock;
    /** Where to log; pino fits. @default nowhere */
    readonly logger?: Logger;
    /**
     * The address to listen on. The gateway asks nobody who they are, so it serves this machine only unless told.
     * @default "127.0.0.1"
     */
    readonly host?: string;
    /** The port to listen on; `0` takes a free one. @default 4_000 */
    readonly port?: number;
    /** Whether Apollo Sandbox, GraphiQL and introspection are there. @default false */
    readonly explorer?: boolean;
    /** What the explorers show first. */
    readonly example?: ExampleOperations;
    /**
     * Origins of the web pages that may use the gateway: `*` for all, `localhost` for any port of this machine.
     * @default [] // with the explorer: ["localhost"]
     */
    readonly corsOrigins?: readonly string[];
    /** The projects that may be asked for; others are FORBIDDEN without a call. @default all that the account may read */
    readonly projects?: readonly string[] | undefined;
    /** Whether the mutations, which start tasks and cost money, are FORBIDDEN without a call. @default false */
    readonly readOnly?: boolean;
    /** Documents that clients may name by id instead of sending them; checked against the schema at the start. */
    readonly persistedOperations?: OperationManifest | undefined;
    /** What errors call that manifest: the name of its file. @default "persistedOperations" */
    readonly persistedOperationsSource?: string | undefined;
    /** Whether nothing but the manifest's documents is executed, through any door. Not beside the explorer. @default false */
    readonly onlyPersistedOperations?: boolean;
    /** Whether secrets in request definitions are redacted. @default true */
    readonly redactDefinitions?: boolean;
    /** Whether the schema is served as a subgraph of Apollo Federation 2. @default false */
    readonly federation?: boolean;
    /** Whether every answer says in `extensions.imm` what it cost; else those whose request asks for it. @default false */
    readonly reportCalls?: boolean;
  };

/** A gateway that was started at most once. */
export interface Gateway {
  /**
   * Listens.
   *
   * @throws ConfigurationError - when the port is in use or may not be used.
   */
  start(): Promise<StartedGateway>;
  /** Refuses new work, lets running queries finish, ends subscriptions, closes sockets with 1001, leaves no timer. Can be called again. */
  stop(): Promise<void>;
  /** How many tasks are watched at this moment. */
  readonly watchedTasks: number;
}

/** Where a started gateway is. */
export interface StartedGateway {
  /** For example `http://127.0.0.1:4000`. */
  readonly url: string;
  readonly port: number;
}

type Phase =
  | { readonly name: "created" }
  | { readonly name: "starting"; readonly started: Promise<StartedGateway> }
  | { readonly name: "running"; readonly http: HttpDoor; readonly webSocket: WebSocketDoor }
  | { readonly name: "draining" | "stopped"; readonly stopped: Promise<void> };

/** What errors call a manifest that has no name of its own. */
const MANIFEST = "persistedOperations";

const NO_EXAMPLE: ExampleOperations = {
  query: "{ taskTypes { name createdBy } }",
  subscription: 'subscription { taskProgress(projectName: "", taskType: "", taskId: "") { status progress } }',
};

/** Builds a gateway without any I/O. */
export function createGateway(options: GatewayOptions): Gateway {
  return new ApolloGateway(options);
}

class ApolloGateway implements Gateway {
  readonly #options: GatewayOptions;
  readonly #limits: GatewayLimits;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #client: GuardedImmClient;
  readonly #reader: TaskReader;
  readonly #lister: TaskLister;
  readonly #results: TaskResults;
  readonly #starter: TaskStarter;
  readonly #hub: WatchHub;
  readonly #documents: ReadonlyMap<string, string> | undefined;
  #phase: Phase = { name: "created" };

  constructor(options: GatewayOptions) {
    const { clock = systemClock, logger = silentLogger } = options;
    checkOptions(options);
    const limits = parseLimits(options);
    const upstream = chooseClient(options, limits.callTimeoutMs);
    this.#options = options;
    this.#limits = limits;
    this.#documents = chooseDocuments(options, limits);
    this.#clock = clock;
    this.#logger = logger;
    this.#client = new GuardedImmClient(upstream, { limits, clock, projects: options.projects });
    this.#reader = new TaskReader({ ...limits, client: this.#client, clock });
    this.#lister = new TaskLister({
      client: this.#client,
      clock,
      learn: (snapshot) => this.#reader.learn(snapshot),
    });
    const { maxWatchedTasks, maxIdempotencyKeys, maxCachedResults } = limits;
    this.#results = new TaskResults({ client: this.#client, maxCachedResults });
    this.#starter = new TaskStarter({ client: this.#client, reader: this.#reader, clock, maxIdempotencyKeys });
    this.#hub = new WatchHub({ reader: this.#reader, clock, logger, bounds: limits, maxWatchedTasks });
  }

  get watchedTasks(): number {
    return this.#hub.watchedTasks;
  }

  async start(): Promise<StartedGateway> {
    if (this.#phase.name !== "created") throw new ConfigurationError("A gateway can be started only once.");
    const started = this.#open().catch((thrown: unknown) => {
      this.#phase = { name: "created" };
      throw thrown;
    });
    this.#phase = { name: "starting", started };
    return started;
  }

  async #open(): Promise<StartedGateway> {
    const { host = "127.0.0.1", port = 4_000, explorer = false, example = NO_EXAMPLE, corsOrigins } = this.#options;
    const origins = corsOrigins ?? (explorer ? [LOCAL_ORIGINS] : []);
    const subscriptions = new SharedSubscriptions();
    const formatError = createFormatError(this.#logger);
    const schema = createSchema({ federation: this.#options.federation });
    const rules = { schema, hasIntrospection: explorer, maxQueryTokens: this.#limits.maxQueryTokens };
    const shared = {
      ...rules,
      persisted: new PersistedOperations({
        documents: this.#documents,
        source: this.#options.persistedOperationsSource ?? MANIFEST,
        isExclusive: this.#options.onlyPersistedOperations ?? false,
        maxAutomaticQueryBytes: this.#limits.maxAutomaticQueryBytes,
        rules,
      }),
      subscribe: async (args: ExecutionArgs) => subscriptions.subscribe(args),
      createContext: (caller: Caller) => this.#createContext(caller),
      formatError,
      serialized: new SerializedResults((result) => formatResult(result, formatError)),
      logger: this.#logger,
      clock: this.#clock,
      allowsOrigin: createAllowsOrigin(origins),
      allowsHost: createAllowsHost(host, origins),
      maxRequestBytes: this.#limits.maxRequestBytes,
      maxOperationCost: this.#limits.maxOperationCost,
      maxCreatesPerOperation: this.#limits.maxCreatesPerOperation,
      isDraining: () => this.#phase.name === "draining",
    };
    const http = await createHttpDoor({ ...shared, hasExplorer: explorer, example });
    const webSocket = openWebSocketDoor({
      ...shared,
      server: http.app.server,
      path: GRAPHQL_PATH,
    });
    try {
      await listen(http.app, host, port);
    } catch (thrown) {
      await webSocket.close(0);
      await http.apollo.stop();
      throw thrown;
    }
    this.#phase = { name: "running", http, webSocket };
    const address = http.app.server.address();
    const openPort = typeof address === "object" && address !== null ? address.port : port;
    return { url: `http://${host.includes(":") ? `[${host}]` : host}:${openPort}`, port: openPort };
  }

  async stop(): Promise<void> {
    const phase = this.#phase;
    switch (phase.name) {
      case "created":
        this.#phase = { name: "stopped", stopped: Promise.resolve() };
        this.#client.dispose();
        return;
      case "starting":
        await phase.started.catch(() => undefined);
        return this.stop();
      case "running": {
        // The phase changes first: both doors look at it from the first moment of the drain on.
        const stopped = Promise.resolve().then(async () => this.#drain(phase.http, phase.webSocket));
        this.#phase = { name: "draining", stopped };
        return stopped;
      }
      case "draining":
      case "stopped":
        return phase.stopped;
    }
  }

  async #drain({ app, apollo, answers }: HttpDoor, webSocket: WebSocketDoor): Promise<void> {
    const { shutdownTimeoutMs } = this.#limits;
    const deadline = this.#clock.setTimer(shutdownTimeoutMs, () => app.server.closeAllConnections());
    const httpClosed = app.close();
    // The doors go before the watches: a watch that ended first would tell its subscribers that the task is over.
    answers.stop();
    await webSocket.close(shutdownTimeoutMs);
    this.#hub.dispose();
    await httpClosed;
    deadline.cancel();
    await apollo.stop();
    this.#client.dispose();
    this.#phase = { name: "stopped", stopped: Promise.resolve() };
  }

  #createContext({ headers, signal }: Caller): GatewayContext {
    const tally = this.#options.reportCalls === true || asksForReport(headers) ? new CallTally() : undefined;
    return {
      tally,
      taskLoader: new TaskLoader({
        readEach: (requests, options) => this.#reader.readEach(requests, options),
        maxTasksPerOperation: this.#limits.maxTasksPerOperation,
        tally,
      }),
      taskLister: this.#lister,
      taskResults: this.#results,
      taskStarter: this.#starter,
      isReadOnly: this.#options.readOnly ?? false,
      watchHub: this.#hub,
      clock: this.#clock,
      signal,
      maxAwaitMs: this.#limits.maxAwaitMs,
      pollBounds: this.#limits,
      typicalDurations: this.#reader.typicalDurations,
      redactDefinitions: this.#options.redactDefinitions ?? true,
      maxKeys: this.#limits.maxKeys,
      maxListedTasks: this.#limits.maxListedTasks,
    };
  }
}

/** What each option that is no limit must be; a name that stands in neither table is a mistake. */
const OPTION_CHECKS: Readonly<Record<string, readonly [expected: string, isRight: (value: unknown) => boolean]>> = {
  openApi: ["a client of the vendor with `callApi`", (value) => isObjectWith<OpenApi>(value, "callApi")],
  client: ["an ImmClient", (value) => isObjectWith<ImmClient>(value, "getTask")],
  clock: ["a Clock", (value) => isObjectWith<Clock>(value, "setTimer")],
  logger: ["a logger such as pino's", (value) => isObjectWith<Logger>(value, "error")],
  host: ["a string", (value) => typeof value === "string" && value !== ""],
  port: [
    "an integer from 0 to 65535",
    (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 65_535,
  ],
  explorer: ["a boolean", (value) => typeof value === "boolean"],
  example: ["an object", (value) => typeof value === "object" && value !== null],
  corsOrigins: ["an array of strings", isStrings],
  projects: ["an array of strings", isStrings],
  readOnly: ["a boolean", (value) => typeof value === "boolean"],
  persistedOperations: ["a manifest", (value) => typeof value === "object" && value !== null],
  persistedOperationsSource: ["a string", (value) => typeof value === "string" && value !== ""],
  onlyPersistedOperations: ["a boolean", (value) => typeof value === "boolean"],
  redactDefinitions: ["a boolean", (value) => typeof value === "boolean"],
  federation: ["a boolean", (value) => typeof value === "boolean"],
  reportCalls: ["a boolean", (value) => typeof value === "boolean"],
};

function isStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** Checks what a caller without types may have got wrong. */
function checkOptions(options: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || (limitNames as readonly string[]).includes(name)) continue;
    const check = OPTION_CHECKS[name];
    if (check === undefined) throw new ConfigurationError(`There is no option \`${name}\`.`);
    const [expected, isRight] = check;
    if (!isRight(value)) throw new ConfigurationError(`Expected \`${name}\` to be ${expected}, got ${typeof value}.`);
  }
}

/** The documents of the manifest, if there is one and nothing contradicts it. */
function chooseDocuments(
  {
    persistedOperations,
    persistedOperationsSource = MANIFEST,
    onlyPersistedOperations,
    explorer,
    federation,
  }: GatewayOptions,
  { maxAutomaticQueryBytes }: GatewayLimits,
): ReadonlyMap<string, string> | undefined {
  if (onlyPersistedOperations === true) {
    const refuse = (reason: string): never => {
      throw new ConfigurationError(`\`onlyPersistedOperations\` ${reason}.`);
    };
    if (persistedOperations === undefined) refuse("needs a manifest in `persistedOperations`");
    if (explorer === true) refuse("contradicts `explorer`, whose documents are in no manifest");
    if (federation === true) refuse("contradicts `federation`, whose router writes documents of its own");
    if (maxAutomaticQueryBytes > 0) refuse("contradicts `maxAutomaticQueryBytes`, which lets clients add documents");
  }
  return persistedOperations && toDocuments(persistedOperations, persistedOperationsSource);
}

function chooseClient(upstream: Partial<Record<"openApi" | "client", unknown>>, callTimeoutMs: number): ImmClient {
  if (upstream.openApi !== undefined && upstream.client !== undefined) {
    throw new ConfigurationError("Expected one of `openApi` and `client`, got both.");
  }
  if (isObjectWith<OpenApi>(upstream.openApi, "callApi")) {
    return new OpenApiImmClient({ openApi: upstream.openApi, callTimeoutMs });
  }
  if (isObjectWith<ImmClient>(upstream.client, "getTask", "listTasks", "getResult", "createTask")) {
    return upstream.client;
  }
  throw new ConfigurationError(
    "Expected `openApi` to be a client of the vendor with `callApi`, or `client` to be an ImmClient.",
  );
}

function isObjectWith<T extends object>(value: unknown, ...methods: readonly (keyof T & string)[]): value is T {
  return (
    typeof value === "object" &&
    value !== null &&
    methods.every((method) => typeof Reflect.get(value, method) === "function")
  );
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (thrown) {
    throw toListenError(thrown, host, port);
  }
}
