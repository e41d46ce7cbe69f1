/**
 * IMM over HTTPS, through the vendor's own stack: the only file that knows `@alicloud/*`.
 *
 * It calls the inherited `callApi` of any client that has it: the gateway's own `OpenApi` client, or a `Client` of
 * `@alicloud/imm20200930`. It is also the inward error border: whatever that stack throws leaves as a `GatewayError`
 * without a URL, a query or a key. It never retries and never waits; `call-policy` does.
 */

import credentialsModule from "@alicloud/credentials";
import openApiModule from "@alicloud/openapi-core";
import {
  BadUserInputError,
  ConfigurationError,
  toError,
  CredentialsUnavailableError,
  UpstreamInvalidResponseError,
  type GatewayError,
} from "../../errors.js";
import type { Endpoint } from "./endpoints.js";
import type {
  CallOptions,
  CreatedTask,
  CreateTaskRequest,
  GetResultRequest,
  GetTaskRequest,
  ImmClient,
  ImmTask,
  ImmTaskFields,
  ImmTaskInfo,
  ImmTaskPage,
  ImmTaskResult,
  ListTasksRequest,
} from "../imm-client.js";
import {
  uncapitalize,
  API_VERSION,
  operations,
  resultOperationOf,
  type CreateOperation,
  models,
  type Members,
  type Operation,
} from "../operations/operations.js";
import { readJsonBody } from "./response-body.js";
import { fromAnswer, fromCallFailure, withoutWords } from "./upstream-errors.js";
import { makeCall, MAX_REFUSAL_BYTES } from "./upstream-request.js";
import {
  decodeMembers,
  encodeParameters,
  toSchemaMembers,
  WireShapeError,
  type Decoded,
  type Fitting,
  type WireParameters,
} from "./wire.js";

// Both packages are CommonJS: under Node's ES module loader the class is the default of the default.
const { $OpenApiUtil, default: OpenApiClient } = openApiModule;
const { default: Credential } = credentialsModule;

/**
 * What the gateway needs of the vendor's client: any instance with the inherited `callApi` fits. Said in our own words,
 * since the vendor's declarations do not compile in every project that checks those of its packages.
 */
export interface OpenApi {
  /**
   * @param params - the vendor's `Params`: the action and how it is called.
   * @param request - its `OpenApiRequest`: the parameters, encoded.
   * @param runtime - its `RuntimeOptions`: milliseconds.
   * @returns the answer; `body` is a stream, or the parsed JSON.
   */
  callApi(params: OpenApiParams, request: OpenApiRequest, runtime: OpenApiRuntime): Promise<Record<string, unknown>>;
}

/** The operation that is called; the vendor's `Params` has more members. */
export interface OpenApiParams {
  readonly action: string;
  readonly version: string;
}

/** Where the parameters of a call travel; the vendor's `OpenApiRequest` has more members. */
export interface OpenApiRequest {
  readonly query?: Record<string, string>;
  readonly body?: unknown;
}

/** How long a socket may be silent, in milliseconds; the vendor's `RuntimeOptions` has more members. */
export interface OpenApiRuntime {
  readonly readTimeout?: number;
  readonly connectTimeout?: number;
}

/** A fixed key pair. Without one, the vendor's default chain finds the credentials. */
export interface AccessKey {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly securityToken?: string | undefined;
}

/** How to reach IMM. */
export interface OpenApiOptions {
  readonly endpoint: Endpoint;
  /** @default the vendor's chain: environment, OIDC, profile file, ECS role, credentials URI */
  readonly accessKey?: AccessKey | undefined;
  /** Appended to the `user-agent` that IMM sees. */
  readonly userAgent: string;
}

/** A vendor client, and which package it came from. */
export interface OpenApiHandle {
  readonly openApi: OpenApi;
  readonly packageName: "@alicloud/imm20200930" | "@alicloud/openapi-core";
  /** What the vendor's chain found; undefined where a key pair was given. */
  readonly found: FoundCredentials | undefined;
}

/** Credentials that were found, without their secrets. */
export interface FoundCredentials {
  /** The links of the chain, in the vendor's words, for example `default/profile/static_ak`. */
  readonly provider: string;
  readonly accessKeyId: string;
}

type ClientClass = new (config: InstanceType<typeof $OpenApiUtil.Config>) => OpenApi;

/** Loads a module by name; the default asks Node, which answers with an error where the package is not installed. */
export type ModuleLoader = (name: string) => Promise<unknown>;

const IMM_SDK = "@alicloud/imm20200930";

/**
 * Builds the vendor's client: IMM's own SDK where it is installed, else its core, which sends the same requests.
 * Proves that credentials can be had before it answers.
 *
 * @throws ConfigurationError - when no credentials are found, or the installed SDK is no such client.
 */
export async function createOpenApi(
  options: OpenApiOptions,
  loadModule: ModuleLoader = (name) => import(name),
): Promise<OpenApiHandle> {
  const { endpoint, accessKey, userAgent } = options;
  const searched = accessKey === undefined ? await createDefaultCredential() : undefined;
  const found = searched?.found;
  const config = new $OpenApiUtil.Config({
    endpoint: endpoint.host,
    protocol: endpoint.protocol,
    userAgent,
    ...(accessKey ?? { credential: searched?.credential }),
  });
  const sdk = await loadImmSdk(loadModule);
  return sdk === null
    ? { openApi: new OpenApiClient(config), packageName: "@alicloud/openapi-core", found }
    : { openApi: new sdk(config), packageName: IMM_SDK, found };
}

async function loadImmSdk(loadModule: ModuleLoader): Promise<ClientClass | null> {
  let loaded: unknown;
  try {
    loaded = await loadModule(IMM_SDK);
  } catch (thrown) {
    // Only this package itself may be missing: one that lacks a dependency of its own is broken, not absent.
    const isAbsent =
      toError(thrown).message.startsWith(`Cannot find`) && toError(thrown).message.includes(`'${IMM_SDK}'`);
    if (isAbsent) return null;
    throw new ConfigurationError(`${IMM_SDK} is installed but does not load.`, { cause: withoutWords(thrown) });
  }
  const exported = (loaded as { default?: { default?: unknown } }).default;
  const client = exported?.default ?? exported;
  if (typeof client !== "function" || typeof client.prototype?.callApi !== "function") {
    throw new ConfigurationError(`${IMM_SDK} is installed but its default export is no client with callApi.`);
  }
  return client as ClientClass;
}

/** The vendor's default chain, whose failures become ours: its messages list every place it looked at. */
async function createDefaultCredential(): Promise<{
  readonly credential: InstanceType<typeof Credential>;
  readonly found: FoundCredentials;
}> {
  const credential = new Credential();
  const find = credential.getCredential.bind(credential);
  let found: FoundCredentials;
  try {
    const { providerName = "", accessKeyId = "" } = await find();
    found = { provider: providerName, accessKeyId };
  } catch (thrown) {
    throw new ConfigurationError(
      "No Alibaba Cloud credentials: set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or provide a profile file, an OIDC role or an ECS role.",
      { cause: withoutWords(thrown) },
    );
  }
  credential.getCredential = async () => {
    try {
      return await find();
    } catch (thrown) {
      const cause = withoutWords(thrown);
      throw new CredentialsUnavailableError("The gateway's own credentials could not be refreshed.", { cause });
    }
  };
  return { credential, found };
}

export interface OpenApiImmClientOptions {
  readonly openApi: OpenApi;
  /** Milliseconds after which the vendor's stack gives a socket up; the deadline that counts is `call-policy`'s. */
  readonly callTimeoutMs: number;
}

export class OpenApiImmClient implements ImmClient {
  readonly #openApi: OpenApi;
  readonly #runtime: OpenApiRuntime;

  constructor({ openApi, callTimeoutMs }: OpenApiImmClientOptions) {
    this.#openApi = openApi;
    // Setting one of the two leaves the other at the vendor's 3 seconds. `connectTimeout` is the socket's idle timeout.
    // The vendor's class only carries these members; a plain object does.
    this.#runtime = { readTimeout: callTimeoutMs, connectTimeout: callTimeoutMs };
  }

  async getTask(request: GetTaskRequest, options?: CallOptions): Promise<ImmTask> {
    return this.#call(
      operations.GetTask,
      options,
      encodeParameters(operations.GetTask, toWireNames(operations.GetTask, request)),
      (answer) => {
        checkTaskId(answer.TaskId, request.taskId);
        return Object.assign(toTaskFields(answer), {
          status: required(answer.Status, "answer.Status"),
          requestId: fittingOf(answer.RequestId),
          eventId: answer.EventId,
        });
      },
    );
  }

  async listTasks(request: ListTasksRequest, options?: CallOptions): Promise<ImmTaskPage> {
    return this.#call(
      operations.ListTasks,
      options,
      encodeParameters(operations.ListTasks, {
        ...toWireNames(operations.ListTasks, request),
        StartTimeRange: request.startTimeRange && toWireNames(TIME_RANGE, request.startTimeRange),
        EndTimeRange: request.endTimeRange && toWireNames(TIME_RANGE, request.endTimeRange),
      }),
      (answer) => ({
        requestId: fittingOf(answer.RequestId),
        tasks: orThrow(answer.Tasks ?? []).flatMap(toTaskInfos),
        // Missing and empty both mean that there is no further page.
        nextToken: orThrow(answer.NextToken) || undefined,
      }),
    );
  }

  async getResult(request: GetResultRequest, options?: CallOptions): Promise<ImmTaskResult> {
    const operation = resultOperationOf(request.taskType);
    if (operation === undefined) {
      throw new BadUserInputError("taskType", "Expected `taskType` to be a type whose tasks have a result to read.");
    }
    const parameters = encodeParameters(operation, toWireNames(operation, request));
    return this.#call(operation, options, parameters, (answer) => {
      checkTaskId(answer["TaskId"], request.taskId);
      return toSchemaMembers(operation.response, answer);
    });
  }

  async createTask({ action, input }: CreateTaskRequest, options?: CallOptions): Promise<CreatedTask> {
    const operation: CreateOperation = operations[action];
    return this.#call(operation, options, encodeParameters(operation, input), (answer) => ({
      taskId: required(answer.TaskId, "answer.TaskId"),
      eventId: fittingOf(answer.EventId),
      requestId: fittingOf(answer.RequestId),
    }));
  }

  async #call<O extends Operation, T>(
    operation: O,
    { signal }: CallOptions = {},
    { query, body }: WireParameters,
    read: (answer: Decoded<O["response"]>) => T,
  ): Promise<T> {
    const params = new $OpenApiUtil.Params({
      action: operation.action,
      version: API_VERSION,
      protocol: "HTTPS",
      pathname: "/",
      method: "POST",
      authType: "AK",
      style: "RPC",
      reqBodyType: "formData",
      // A stream; the vendor's other ways read it whole, however long it is.
      bodyType: "binary",
    });
    let httpStatus = 0;
    const onStatus = (status: number): void => void (httpStatus = status);
    let cut: GatewayError | undefined;
    const onCut = (): void => {
      cut = new UpstreamInvalidResponseError(`IMM's refusal is longer than ${MAX_REFUSAL_BYTES} bytes.`);
    };
    try {
      const response = await makeCall({ signal, onStatus, onCut }, async (headers) => {
        const request = new $OpenApiUtil.OpenApiRequest({
          query,
          headers,
          ...(Object.keys(body).length > 0 && { body }),
        });
        return this.#openApi.callApi(params, request, this.#runtime);
      });
      const answer = await readJsonBody(response["body"]);
      const refusal = fromAnswer(operation, answer);
      if (refusal !== null) throw refusal;
      return read(decodeMembers<O["response"]>(operation.response, answer));
    } catch (thrown) {
      throw cut ?? fromCallFailure(thrown, httpStatus);
    }
  }
}

/** A range, as an operation's parameters are described. */
const TIME_RANGE = { request: models.TimeRange.members };

/** The members of a request of ours by IMM's names, which begin with a capital. What is false is left out. */
function toWireNames({ request }: { readonly request: Members }, values: object): Readonly<Record<string, unknown>> {
  const ours = new Map<string, unknown>(Object.entries(values));
  const entries = Object.keys(request).map((name) => [name, ours.get(uncapitalize(name))] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== false));
}

/** One task, or none where the item does not say which one it is: the others of the page stay. */
function toTaskInfos(item: Fitting<Decoded<typeof models.TaskInfo.members>>): ImmTaskInfo[] {
  if (item instanceof WireShapeError) return [];
  const taskType = fittingOf(item.TaskType);
  const taskId = fittingOf(item.TaskId);
  if (taskType === undefined || taskType === "" || taskId === undefined || taskId === "") return [];
  return [Object.assign(toTaskFields(item), { status: fittingOf(item.Status) ?? "", taskType, taskId })];
}

/** The members that describe a task, by IMM's name and by ours. */
const TASK_FIELDS = Object.keys(models.TaskInfo.members)
  .filter((name) => !["TaskId", "TaskType", "Status"].includes(name))
  .map((name) => [name, uncapitalize(name)] as const);

function toTaskFields(source: Decoded<typeof models.TaskInfo.members>): Omit<ImmTaskFields, "status"> {
  const members = source as Readonly<Record<string, unknown>>;
  const fields: Record<string, unknown> = {};
  for (const [wireName, name] of TASK_FIELDS) fields[name] = members[wireName];
  return fields;
}

/** IMM may leave the id out of its answer; another id than the one asked for is not this task. */
function checkTaskId(answered: unknown, asked: string): void {
  if (answered === undefined || answered === asked) return;
  throw new WireShapeError("Expected answer.TaskId to be the id that was asked for.");
}

function required(text: Fitting<string> | undefined, path: string): string {
  if (text === undefined || text === "") throw new WireShapeError(`Expected ${path} to be there.`);
  return orThrow(text);
}

/** @throws WireShapeError - when the value is one. */
function orThrow<T>(value: Fitting<T>): T {
  if (value instanceof WireShapeError) throw value;
  return value;
}

/** The value, where it fits: for what is only passed on. */
function fittingOf<T>(value: Fitting<T> | undefined): T | undefined {
  return value instanceof WireShapeError ? undefined : value;
}
