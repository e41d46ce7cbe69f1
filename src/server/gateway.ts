/**
 * The gateway: joins the transports, the schema, the tasks and IMM, and owns start and stop.
 *
 * `cli.ts` and users of the library call it. It reads no environment and installs no signal handler.
 */

import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import type { Access } from "../access/access.js";
import { createWhenExpired } from "../access/expiry.js";
import { withRefusalLog } from "../access/refusal-log.js";
import { systemClock, type Clock } from "../clock.js";
import { ConfigurationError, toListenError } from "../errors.js";
import { GuardedImmClient } from "../imm/policy/call-policy.js";
import type { ImmClient } from "../imm/imm-client.js";
import type { OpenApi } from "../imm/wire/openapi-client.js";
import { EndableInterest } from "../interest.js";
import { silentLogger, type Logger } from "../log.js";
import { completeOptions, isBoardOn, type GivenOptions, type Options } from "../options/options.js";
import { expectation } from "../options/refusal.js";
import { LOCAL_ORIGINS } from "../options/row.js";
import { createSchema } from "../schema/build-schema.js";
import type { GatewayContext } from "../schema/context.js";
import { CallTally } from "../tasks/call-tally.js";
import { createTaskServices, Tasks, type TaskServices } from "../tasks/tasks.js";
import { DrainDelay } from "./drain-delay.js";
import { GatewaySharing, type SharedPorts } from "./gateway-sharing.js";
import type { RedisClientLike } from "./redis-client.js";
import { NO_EXAMPLE, type ExampleOperations } from "./transports/http/example-operations.js";
import { asksForReport } from "./operation/call-report.js";
import { Pipeline, type Caller } from "./operation/pipeline.js";
import { Documents } from "./operation/documents/documents.js";
import { CompiledQueries } from "./operation/compiled-queries.js";
import { createExecutor } from "./operation/executor.js";
import { createFormatError } from "./operation/format-error.js";
import type { ApolloPlugin } from "./transports/http/apollo-plugin.js";
import { GRAPHQL_PATH } from "./transports/http/json-answers.js";
import { createHttpTransport, type HttpTransport } from "./transports/http/http.js";
import { createRefuseHost } from "./transports/hosts.js";
import { createAllowsOrigin, createListsOrigin } from "./transports/origins.js";
import { AddressLimits } from "./limits/address-limits.js";
import { CallerLimits } from "./limits/caller-limits.js";
import { createAddressOf } from "./limits/client-address.js";
import { toDocuments, type OperationManifest } from "./operation/documents/operation-manifest.js";
import { PersistedOperations } from "./operation/persisted-operations.js";
import { createAccess, refuseOtherMachines, type AccessParts } from "./gateway-access.js";
import { Observation } from "./gateway-observation.js";
import { DRAINING, remarksOf, unreadinessOf } from "./readiness.js";
import { checkParts, chooseClient } from "./gateway-parts.js";
import { createRefuseStream } from "./subscription/refuse-stream.js";
import { SharedSubscriptions } from "./subscription/shared-subscriptions.js";
import { openWebSocketTransport, type WebSocketTransport } from "./transports/websocket/websocket.js";

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

/** Everything about a gateway that can be set: the rows of `options/` that are no command's alone, and what is no text. */
export type GatewayOptions = Upstream &
  GivenOptions & {
    /** The region that the client asks, for example `cn-hangzhou`; `EMULATOR_REGION` for the emulator. A part of every id. */
    readonly region: string;
    /** @default the machine's clock */
    readonly clock?: Clock | undefined;
    /** Where to log; pino fits. @default nowhere */
    readonly logger?: Logger | undefined;
    /** What the explorers show first. */
    readonly example?: ExampleOperations | undefined;
    /** Documents that clients may name by id instead of sending them; checked against the schema at the start. */
    readonly persistedOperations?: OperationManifest | undefined;
    /** What errors call that manifest: the name of its file. @default "persistedOperations" */
    readonly persistedOperationsSource?: string | undefined;
    /** By what the gateway shares with other instances: of ioredis, and instead of `redisUrl`. @default it shares nothing */
    readonly redis?: RedisClientLike | undefined;
    /** Plugins of @apollo/server: they see what is executed of JSON over HTTP, which then goes through Apollo Server. @default none */
    readonly apolloPlugins?: readonly ApolloPlugin[] | undefined;
  } & AccessParts;

/** A gateway that was started at most once. */
export interface Gateway {
  /**
   * Listens.
   *
   * @throws ConfigurationError - when the port is in use or may not be used.
   */
  start(): Promise<StartedGateway>;
  /**
   * Goes on serving for `drainDelayMs` while /readyz answers 503. Then refuses new work, lets running queries finish, ends
   * subscriptions, closes sockets with 1001, and leaves no timer. Called again, it can only shorten the delay.
   */
  stop(options?: StopOptions): Promise<void>;
  /** How many tasks are watched at this moment. */
  readonly watchedTasks: number;
  /** The metrics at this moment in Prometheus' text format, for a path of your own; empty without `metricsPort`. */
  metrics(): Promise<string>;
}

/** How to stop. */
export interface StopOptions {
  /** @default the option of `createGateway` */
  readonly drainDelayMs?: number;
}

/** Where a started gateway is. */
export interface StartedGateway {
  /** For example `http://127.0.0.1:4000`. */
  readonly url: string;
  readonly port: number;
  /** For example `http://127.0.0.1:9464/metrics`; undefined without `metricsPort`. */
  readonly metricsUrl: string | undefined;
}

interface Running {
  readonly name: "running";
  readonly http: HttpTransport;
  readonly webSocket: WebSocketTransport;
}

type Phase =
  | { readonly name: "created" }
  | { readonly name: "starting"; readonly started: Promise<StartedGateway> }
  | Running
  /** Serves as before, but is about to stop. */
  | { readonly name: "leaving"; readonly delay: DrainDelay; readonly stopped: Promise<void> }
  | { readonly name: "draining" | "stopped"; readonly stopped: Promise<void> };

/** What asks IMM, and what knows of tasks: made at the start, of what is shared with other instances. */
interface Core {
  readonly client: GuardedImmClient;
  readonly services: TaskServices;
}

/** What errors call a manifest that has no name of its own. */
const MANIFEST = "persistedOperations";

/** Builds a gateway without any I/O. */
export function createGateway(options: GatewayOptions): Gateway {
  return new GraphQLGateway(options);
}

class GraphQLGateway implements Gateway {
  readonly #options: Options & { readonly region: string };
  readonly #example: ExampleOperations;
  readonly #manifest: { readonly documents: ReadonlyMap<string, string> | undefined; readonly source: string };
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #client: ImmClient;
  readonly #access: Access;
  readonly #observation: Observation;
  readonly #sharing: GatewaySharing;
  readonly #apolloPlugins: readonly ApolloPlugin[];
  #core: Core | undefined;
  #phase: Phase = { name: "created" };

  constructor(given: GatewayOptions) {
    checkParts(given);
    const { openApi, client, clock, logger, example, ...rest } = { openApi: undefined, client: undefined, ...given };
    const { persistedOperations, persistedOperationsSource, access, authenticate, ...unshared } = rest;
    const { redis, apolloPlugins = [], ...others } = unshared;
    const options = completeOptions(others, persistedOperations !== undefined);
    const source = persistedOperationsSource ?? MANIFEST;
    const { region } = options;
    this.#example = example ?? NO_EXAMPLE;
    this.#manifest = { documents: persistedOperations && toDocuments(persistedOperations, source), source };
    this.#clock = clock ?? systemClock;
    this.#apolloPlugins = apolloPlugins;
    this.#logger = logger ?? silentLogger;
    this.#access = createAccess(
      { access, authenticate },
      // Fetching keys takes the time of the network, also where the clock is moved by hand.
      { clock: this.#clock, networkClock: systemClock, logger: this.#logger },
    );
    this.#observation = new Observation({ options, clock: this.#clock, logger: this.#logger });
    const { observers } = this.#observation;
    this.#sharing = new GatewaySharing({ redis, options, clock: this.#clock, logger: this.#logger, observers });
    this.#client = chooseClient({ openApi, client }, options.callTimeoutMs);
    if (region === undefined) throw expectation("region", "the region that is asked, such as cn-hangzhou", region);
    this.#options = { ...options, region };
  }

  get watchedTasks(): number {
    return this.#core?.services.hub.watchedTasks ?? 0;
  }

  async metrics(): Promise<string> {
    return this.#observation.metrics();
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
    await refuseOtherMachines(this.#access, this.#options, this.#logger);
    const { host, port, explorer, allowedHosts, onlyPersistedOperations, maxAutomaticQueryBytes } = this.#options;
    const ports = await this.#sharing.open();
    const { client, services } = (this.#core = this.#createCore(ports));
    const listsOrigin = createListsOrigin(this.#options.corsOrigins ?? (explorer ? [LOCAL_ORIGINS] : []));
    const schema = createSchema(this.#options);
    const compiled = this.#options.compileQueries ? new CompiledQueries(schema) : undefined;
    const execute = createExecutor({ ...this.#options, compiled });
    const observation = this.#observation;
    const subscriptions = new SharedSubscriptions(execute, createRefuseStream(this.#access), observation.onEvent);
    this.#access.onChange(() => subscriptions.review());
    const limits = { ...this.#options, ...ports, clock: this.#clock, onSpent: observation.onSpent };
    const [addressLimits, callerLimits] = [new AddressLimits(limits), new CallerLimits(limits)];
    const authenticate = withRefusalLog(this.#access.authenticate, this.#clock, this.#logger);
    const documents = new Documents({ ...this.#options, schema, hasIntrospection: explorer });
    const pipeline = new Pipeline({
      ...this.#options,
      schema,
      documents,
      persisted: new PersistedOperations({
        ...this.#manifest,
        isExclusive: onlyPersistedOperations,
        maxAutomaticQueryBytes,
        checked: documents,
      }),
      access: {
        authenticate: addressLimits.limitLogins(observation.countingLogins(authenticate)),
        renew: this.#access.renew,
      },
      callerLimits,
      createContext: (caller) => this.#createContext(caller, services),
      execute,
      subscribe: async (args) => subscriptions.subscribe(args),
      formatError: createFormatError(this.#logger, { hasSuggestions: explorer }),
      observers: observation.observers,
      journal: observation.journal,
    });
    const shared = {
      ...this.#options,
      schema,
      pipeline,
      apolloPlugins: this.#apolloPlugins,
      addressLimits,
      callerLimits,
      addressOf: createAddressOf(this.#options.trustedProxies ?? [], this.#logger),
      logger: this.#logger,
      observers: observation.observers,
      clock: this.#clock,
      whenExpired: createWhenExpired(this.#access, this.#clock),
      allowsOrigin: observation.countingOrigins(createAllowsOrigin(listsOrigin)),
      listsOrigin,
      refuseHost: observation.countingHosts(
        createRefuseHost({ host, allowedHosts, address: () => addressOf(http).address }),
      ),
      unreadiness: () =>
        this.#phase.name === "running" ? unreadinessOf(client.trouble, this.#sharing.readings?.state) : DRAINING,
      remarks: () => remarksOf(this.#sharing.readings?.state),
      isDraining: () => this.#phase.name === "draining",
    };
    const pages = { hasExplorer: explorer, hasBoard: isBoardOn(this.#options), example: this.#example };
    const http: HttpTransport = await createHttpTransport({ ...shared, ...pages });
    const webSocket = openWebSocketTransport({
      ...shared,
      server: http.app.server,
      path: GRAPHQL_PATH,
      // Whether a peer is still there is a matter of the network, also where the clock is moved by hand.
      pingClock: systemClock,
    });
    try {
      await observation.open(() => ({
        ...client.readings(),
        ...services.hub.readings(),
        ...services.reader.readings(),
        redis: this.#sharing.readings,
        sockets: webSocket.sockets,
        deliveredEvents: subscriptions.counts.delivered,
        replacedEvents: subscriptions.counts.replaced,
      }));
      await this.#sharing.start();
      await listen(http.app, host, port);
    } catch (thrown) {
      await this.#sharing.close();
      await observation.close();
      await webSocket.close(0);
      await http.apollo?.stop();
      throw thrown;
    }
    this.#phase = { name: "running", http, webSocket };
    this.#access.open();
    const { port: openPort } = addressOf(http);
    return {
      url: `http://${host.includes(":") ? `[${host}]` : host}:${openPort}`,
      port: openPort,
      metricsUrl: observation.metricsUrl,
    };
  }

  async stop(options: StopOptions = {}): Promise<void> {
    const { drainDelayMs = this.#options.drainDelayMs } = options;
    const phase = this.#phase;
    switch (phase.name) {
      case "created":
        this.#phase = { name: "stopped", stopped: Promise.resolve() };
        this.#access.close();
        return;
      case "starting":
        await phase.started.catch(() => undefined);
        return this.stop(options);
      case "running": {
        const delay = new DrainDelay(this.#clock);
        const stopped: Promise<void> = delay.over.then(async () => this.#drain(phase, stopped));
        this.#phase = { name: "leaving", delay, stopped };
        delay.endIn(drainDelayMs);
        return stopped;
      }
      case "leaving":
        phase.delay.endIn(drainDelayMs);
        return phase.stopped;
      case "draining":
      case "stopped":
        return phase.stopped;
    }
  }

  async #drain({ http, webSocket }: Running, stopped: Promise<void>): Promise<void> {
    const { app, apollo, answers } = http;
    // First, since the transports refuse new work by it.
    this.#phase = { name: "draining", stopped };
    const { shutdownTimeoutMs } = this.#options;
    const deadline = this.#clock.setTimer(shutdownTimeoutMs, () => app.server.closeAllConnections());
    const httpClosed = app.close();
    // The transports go before the watches: a watch that ended first would say to its subscribers that the task is over.
    answers.stop();
    await webSocket.close(shutdownTimeoutMs);
    this.#core?.services.hub.dispose();
    this.#access.close();
    await httpClosed;
    deadline.cancel();
    this.#core?.client.dispose();
    // Behind all that gives away what it holds.
    await this.#sharing.close();
    await this.#observation.close();
    this.#phase = { name: "stopped", stopped: Promise.resolve() };
    // At the very end, since a plugin may fail.
    await apollo?.stop();
  }

  #createCore(ports: Partial<SharedPorts>): Core {
    const { observers } = this.#observation;
    const parts = { ...this.#options, ...ports, clock: this.#clock, logger: this.#logger, observers };
    const client = new GuardedImmClient(this.#client, {
      ...parts,
      limits: this.#options,
      // A call in flight takes the time of the network, also where the clock is moved by hand.
      networkClock: systemClock,
    });
    return { client, services: createTaskServices({ ...parts, client }) };
  }

  #createContext({ principal, headers, signal }: Caller, services: TaskServices): GatewayContext {
    const { region, federationPrefix, maxAwaitMs, maxKeys, maxListedTasks, reportCalls } = this.#options;
    const tally = new CallTally();
    // What a call cost would tell another's task from one that is not there.
    const mayReport = principal.grants.every(({ own }) => own === undefined);
    const interest = new EndableInterest(signal);
    return {
      region,
      federationPrefix,
      maxAwaitMs,
      maxKeys,
      maxListedTasks,
      tally,
      reportsCalls: mayReport && (reportCalls || asksForReport(headers)),
      tasks: new Tasks(services, { principal, tally, signal: interest }),
      clock: this.#clock,
      end: () => interest.end(),
    };
  }
}

/** Where the transport listens, once it does. */
function addressOf({ app }: HttpTransport): AddressInfo {
  // The cast: it listens on no pipe.
  return app.server.address() as AddressInfo;
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (thrown) {
    throw toListenError(thrown, host, port);
  }
}
