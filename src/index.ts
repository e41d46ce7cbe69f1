/** The library: every public name, one by one. The command is `cli.ts`. */

export { createGateway } from "./server/gateway.js";
export type { AccessParts } from "./server/gateway-access.js";
export { AccessFile } from "./access/config/access-file.js";
export type { AccessFileOptions } from "./access/config/access-file.js";
export type {
  AccessConfig,
  AccessSource,
  ClaimGrantConfig,
  GrantConfig,
  Identity,
  IssuerConfig,
  KeySetConfig,
  OwnConfig,
  PublicKeyConfig,
  TokenConfig,
} from "./access/config/access-config.js";
export type { AuthenticateFunction } from "./access/authenticators/function-access.js";
export type { CallAllowance, Credentials, Right } from "./access/principal.js";
export type { Gateway, GatewayOptions, StartedGateway, StopOptions, Upstream } from "./server/gateway.js";
export type { RedisClientLike } from "./server/redis-client.js";
export type { ApolloContext, ApolloPlugin } from "./server/transports/http/apollo-plugin.js";
export { settings } from "./options/options.js";
export type { GivenOptions, Setting } from "./options/options.js";
export type { ExampleOperations } from "./server/transports/http/example-operations.js";
export { parseManifest } from "./server/operation/documents/operation-manifest.js";
export type { ApolloManifest, OperationManifest } from "./server/operation/documents/operation-manifest.js";

export { createOpenApi, OpenApiImmClient } from "./imm/wire/openapi-client.js";
export type {
  AccessKey,
  ModuleLoader,
  OpenApi,
  FoundCredentials,
  OpenApiHandle,
  OpenApiImmClientOptions,
  OpenApiOptions,
  OpenApiParams,
  OpenApiRequest,
  OpenApiRuntime,
} from "./imm/wire/openapi-client.js";
export { endpointOfRegion, parseEndpoint } from "./imm/wire/endpoints.js";
export type { Endpoint } from "./imm/wire/endpoints.js";
export type {
  CallOptions,
  CreatedTask,
  CreateTaskInput,
  CreateTaskRequest,
  GetResultRequest,
  GetTaskRequest,
  Given,
  ImmClient,
  ImmTask,
  ImmTaskFields,
  ImmTaskInfo,
  ImmTaskPage,
  ImmTaskResult,
  ListTasksRequest,
  TimeRange,
} from "./imm/imm-client.js";
export { taskTypes } from "./imm/operations/operations.js";
export type { CreateAction, Evidence, Stage, TaskTypeFacts } from "./imm/operations/operations.js";

export { EMULATOR_REGION, startEmulator } from "./emulator/emulator.js";
export type {
  CreateRequest,
  EmulatedTask,
  Emulator,
  EmulatorOptions,
  FaultKind,
  FaultRule,
  LifePlanner,
  NewTask,
  ReceivedCall,
  TaskLife,
  TaskOutcome,
} from "./emulator/emulator.js";
export type { Pace, TaskIdentity } from "./emulator/task-life.js";
export { demoTasks, startDemo } from "./emulator/demo.js";
export type { DemoOptions, DemoTask } from "./emulator/demo.js";

export { printGatewaySchema } from "./schema/build-schema.js";
export type { SchemaOptions } from "./schema/build-schema.js";
export { parseGlobalTaskId, toGlobalTaskId } from "./tasks/task-id.js";
export type { RegionalTaskKey } from "./tasks/task-id.js";
export type { TaskKey } from "./tasks/task.js";

export {
  BadUserInputError,
  ConfigurationError,
  CredentialsUnavailableError,
  ForbiddenError,
  GatewayError,
  IdempotencyKeyReusedError,
  InvalidDefinitionError,
  NotFoundError,
  OutcomeUnknownError,
  RateLimitedError,
  UnauthenticatedError,
  UpstreamInvalidResponseError,
  UpstreamMisconfiguredError,
  UpstreamRejectedError,
  UpstreamThrottledError,
  UpstreamTimeoutError,
  UpstreamUnavailableError,
} from "./errors.js";
export type { ErrorCode, GatewayErrorDetails, ImmFault } from "./errors.js";
export { systemClock } from "./clock.js";
export type { Clock, Timer } from "./clock.js";
export type { Logger, LogMethod } from "./log.js";
export type { CallSpan, Cause } from "./observe.js";
