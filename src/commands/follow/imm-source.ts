/**
 * IMM itself: the gateway's schema, executed in this process with the settings of `serve`, without a server. What it asks,
 * how often and with what retries is the same as a gateway's.
 */

import { execute, parse, subscribe, type ExecutionArgs, type ExecutionResult } from "graphql";
import { EVERYBODY } from "../../access/principal.js";
import type { Clock } from "../../clock.js";
import { toError } from "../../errors.js";
import { GuardedImmClient } from "../../imm/policy/call-policy.js";
import { OpenApiImmClient, type OpenApi } from "../../imm/wire/openapi-client.js";
import { EndableInterest } from "../../interest.js";
import { silentLogger } from "../../log.js";
import type { Options } from "../../options/options.js";
import { createSchema } from "../../schema/build-schema.js";
import type { GatewayContext } from "../../schema/context.js";
import { CallTally } from "../../tasks/call-tally.js";
import { createTaskServices, Tasks, type TaskServices } from "../../tasks/tasks.js";
import type { Operation, OperationResult, Sink, TaskSource } from "./task-source.js";

export interface ImmSourceOptions {
  readonly options: Options;
  /** That which `openApi` asks. */
  readonly region: string;
  readonly openApi: OpenApi;
  readonly clock: Clock;
  /** Counts the time of the network. */
  readonly networkClock: Clock;
}

/** IMM, as the gateway would ask it. */
export class ImmSource implements TaskSource {
  readonly #options: ImmSourceOptions;
  readonly #client: GuardedImmClient;
  readonly #services: TaskServices;

  constructor(given: ImmSourceOptions) {
    const { options, openApi, clock, networkClock } = given;
    const parts = { ...options, clock, logger: silentLogger };
    this.#options = given;
    this.#client = new GuardedImmClient(new OpenApiImmClient({ openApi, callTimeoutMs: options.callTimeoutMs }), {
      ...parts,
      limits: options,
      networkClock,
    });
    this.#services = createTaskServices({ ...parts, client: this.#client });
  }

  subscribe({ query, variables }: Operation, sink: Sink): () => void {
    const interest = new EndableInterest();
    const args: ExecutionArgs = {
      schema: createSchema(),
      document: parse(query),
      variableValues: variables,
      contextValue: this.#createContext(interest),
    };
    void this.#run(args, query.startsWith("subscription"), interest, sink);
    return () => interest.end();
  }

  cureOf(): string {
    return "";
  }

  async close(): Promise<void> {
    this.#services.hub.dispose();
    this.#client.dispose();
  }

  async #run(args: ExecutionArgs, isStream: boolean, interest: EndableInterest, sink: Sink): Promise<void> {
    try {
      const results = isStream ? await subscribe(args) : await execute(args);
      if (!(Symbol.asyncIterator in results)) sink.next(toPlain(results));
      else {
        const leave = (): void => void results.return?.(undefined);
        interest.addEventListener("abort", leave);
        for await (const result of results) if (!interest.aborted) sink.next(toPlain(result));
      }
      if (!interest.aborted) sink.end();
    } catch (thrown) {
      if (!interest.aborted) sink.end(toError(thrown));
    }
  }

  #createContext(interest: EndableInterest): GatewayContext {
    const { options, region, clock } = this.#options;
    const tally = new CallTally();
    return {
      region,
      federationPrefix: undefined,
      maxAwaitMs: options.maxAwaitMs,
      maxKeys: Infinity,
      maxListedTasks: options.maxListedTasks,
      tally,
      reportsCalls: false,
      tasks: new Tasks(this.#services, { principal: EVERYBODY, tally, signal: interest }),
      clock,
      end: () => interest.end(),
    };
  }
}

/** As it would have travelled: errors are plain, and members that are undefined are not there. */
function toPlain(result: ExecutionResult): OperationResult {
  return JSON.parse(JSON.stringify(result)) as OperationResult;
}
