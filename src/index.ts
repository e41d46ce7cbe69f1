/** The library: every public name, one by one. The command is `cli.ts`. */

export { createGateway } from "./server/gateway.js";
export type { Gateway, GatewayOptions, StartedGateway, StopOptions, Upstream } from "./server/gateway.js";
export { settings } from "./options/options.js";
export type { GivenOptions, Setting } from "./options/options.js";
export type { ExampleOperations } from "./server/transports/http/example-operations.js";
export { parseManifest } from "./server/operation/operation-manifest.js";
export type { ApolloManifest, OperationManifest } from "./server/operation/operation-manifest.js";

export { createOpenApi, OpenApiImmClient } from "./imm/wire/openapi-client.js";
export type {
  AccessKey,
  OpenApi,
  OpenApiHandle,
  OpenApiOptions,
  OpenApiParams,
  OpenApiRequest,
  OpenApiRuntime,
} from "./imm/wire/openapi-client.js";
export { endpointOfRegion, parseEndpoint } from "./imm/wire/endpoints.js";
export type { Endpoint } from "./imm/wire/endpoints.js";
export type {
  CreatedTask,
  CreateTaskInput,
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
  TimeRange,
} from "./imm/imm-client.js";
export { taskTypes } from "./imm/operations/operations.js";
export type { CreateAction, TaskTypeFacts } from "./imm/operations/operations.js";

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
export { demoTasks, startDemo } from "./emulator/demo.js";

export { createSchema, printGatewaySchema } from "./schema/build-schema.js";
export { parseGlobalTaskId, toGlobalTaskId } from "./tasks/task-id.js";
export type { RegionalTaskKey } from "./tasks/task-id.js";
export type { TaskKey } from "./tasks/task.js";

export {
  BadUserInputError,
  ConfigurationError,
  ForbiddenError,
  GatewayError,
  InvalidDefinitionError,
  NotFoundError,
  RateLimitedError,
  UpstreamInvalidResponseError,
  UpstreamMisconfiguredError,
  UpstreamRejectedError,
  UpstreamThrottledError,
  UpstreamTimeoutError,
  UpstreamUnavailableError,
} from "./errors.js";
export type { ErrorCode, ImmFault } from "./errors.js";
export { systemClock } from "./clock.js";
export type { Clock, Timer } from "./clock.js";
export type { Logger } from "./log.js";
