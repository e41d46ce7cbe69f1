/** What a program hands to `createGateway` that cannot be written as text: checked, since it may have no types. */

import type { Clock } from "../clock.js";
import { ConfigurationError } from "../errors.js";
import type { ImmClient } from "../imm/imm-client.js";
import { OpenApiImmClient, type OpenApi } from "../imm/wire/openapi-client.js";
import type { Logger } from "../log.js";
import { describeValue, expectation, secretExpectation } from "../options/refusal.js";
import type { RedisClientLike } from "./redis-client.js";

/** What each option that cannot be written as text must be. */
const PARTS: Readonly<Record<string, readonly [expected: string, isRight: (value: unknown) => boolean]>> = {
  openApi: ["a client of the vendor with `callApi`", (value) => isObjectWith<OpenApi>(value, "callApi")],
  client: ["an ImmClient", isImmClient],
  clock: [
    "a Clock, with now, tick, random and setTimer",
    (value) => isObjectWith<Clock>(value, "now", "tick", "random", "setTimer"),
  ],
  logger: ["a logger such as pino's", (value) => isObjectWith<Logger>(value, "error")],
  example: ["an object", (value) => typeof value === "object" && value !== null],
  persistedOperations: ["a manifest", (value) => typeof value === "object" && value !== null],
  access: [
    "an object, as the access file has it, or an AccessFile",
    (value) => typeof value === "object" && value !== null,
  ],
  authenticate: ["a function", (value) => typeof value === "function"],
  redis: ["a client of ioredis", (value) => isObjectWith<RedisClientLike>(value, "duplicate", "defineCommand")],
  apolloPlugins: ["an array of plugins of Apollo Server", isArrayOfObjects],
  persistedOperationsSource: ["a text that is not empty", (value) => typeof value === "string" && value !== ""],
};

/** Checks what a caller without types may have got wrong, but for the rows of the table. */
export function checkParts(options: unknown): void {
  if (typeof options !== "object" || options === null) {
    throw new ConfigurationError(`Expected the options of a gateway to be an object, got ${describeValue(options)}.`);
  }
  for (const [name, [expected, isRight]] of Object.entries(PARTS)) {
    const value: unknown = Reflect.get(options, name);
    if (value === undefined || isRight(value)) continue;
    // A URL may stand there, which has a password.
    throw name === "redis" ? secretExpectation(name, expected) : expectation(name, expected, value);
  }
}

export function chooseClient(
  upstream: Partial<Record<"openApi" | "client", unknown>>,
  callTimeoutMs: number,
): ImmClient {
  if (upstream.openApi !== undefined && upstream.client !== undefined) {
    throw new ConfigurationError("Expected one of `openApi` and `client`, got both.");
  }
  if (isObjectWith<OpenApi>(upstream.openApi, "callApi")) {
    return new OpenApiImmClient({ openApi: upstream.openApi, callTimeoutMs });
  }
  if (isImmClient(upstream.client)) return upstream.client;
  throw new ConfigurationError(
    "Expected `openApi` to be a client of the vendor with `callApi`, or `client` to be an ImmClient.",
  );
}

function isArrayOfObjects(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "object" && item !== null);
}

function isImmClient(value: unknown): value is ImmClient {
  return isObjectWith<ImmClient>(value, "getTask", "listTasks", "getResult", "createTask");
}

function isObjectWith<T extends object>(value: unknown, ...methods: readonly (keyof T & string)[]): value is T {
  return (
    typeof value === "object" &&
    value !== null &&
    methods.every((method) => typeof Reflect.get(value, method) === "function")
  );
}
