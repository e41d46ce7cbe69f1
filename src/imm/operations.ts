/**
 * The table of IMM's operations, models and task types, in the wire's own spelling: facts only, no behaviour.
 *
 * One table drives the client's encoding (`wire.ts`), the emulator's checks and the schema's catalogue. An operation is
 * added by adding its row. Vendor spelling (PascalCase) lives here and in `imm/`, nowhere else.
 *
 * @see the `request`, `response` and model definitions of `@alicloud/imm20200930` 5.0.1, and the ListTasks page
 * (document 478242) for value ranges and defaults.
 */

/** What IMM calls its API's generation; sent as the header `x-acs-version`. */
export const API_VERSION = "2020-09-30";

/** How a value is typed on the wire. A `map` has free keys; an `object` has the members of its `model`. */
export type WireType = "string" | "boolean" | "integer" | "number" | "array" | "object" | "map";

/** One member of a model, of a response, or the items of an array. */
export interface Member {
  readonly type: WireType;
  /** The model's name, when `type` is `object`. */
  readonly model?: string;
  /** What an array holds. */
  readonly items?: Member;
  /** Known values. The vocabulary is open unless `closed` is set. */
  readonly values?: readonly string[];
  /** Whether IMM refuses a value that is not among `values`. */
  readonly closed?: true;
  readonly range?: { readonly min: number; readonly max: number; readonly exclusiveMin?: true };
  readonly default?: string | number | boolean;
}

/** One request parameter: a member with a place. `style: "json"` sends the value as JSON text. */
export interface Parameter extends Member {
  readonly in: "query" | "body";
  readonly required?: true;
  readonly style?: "json";
}

/** One operation. All are `POST /` in the RPC style, the action being a header. */
export interface Operation {
  readonly action: string;
  readonly kind: "get" | "list" | "create" | "result";
  readonly request: Readonly<Record<string, Parameter>>;
  readonly response: Readonly<Record<string, Member>>;
}

const STATUS_VALUES = ["Running", "Succeeded", "Failed"] as const;

/** What GetTask answers and an item of ListTasks have in common. */
const TASK_MEMBERS = {
  TaskId: { type: "string" },
  TaskType: { type: "string" },
  Status: { type: "string", values: STATUS_VALUES },
  Progress: { type: "integer" },
  Code: { type: "string" },
  Message: { type: "string" },
  StartTime: { type: "string" },
  EndTime: { type: "string" },
  UserData: { type: "string" },
  Tags: { type: "map" },
  TaskRequestDefinition: { type: "string" },
} as const satisfies Record<string, Member>;

/** The nested structures that parameters and responses refer to by name. */
export const models = {
  TimeRange: {
    Start: { type: "string" },
    End: { type: "string" },
  },
  TaskInfo: TASK_MEMBERS,
} as const satisfies Record<string, Record<string, Member>>;

/** The operations by action. */
export const operations = {
  GetTask: {
    action: "GetTask",
    kind: "get",
    request: {
      ProjectName: { type: "string", in: "query", required: true },
      TaskType: { type: "string", in: "query", required: true },
      TaskId: { type: "string", in: "query", required: true },
      RequestDefinition: { type: "boolean", in: "query", default: false },
    },
    response: {
      RequestId: { type: "string" },
      ProjectName: { type: "string" },
      EventId: { type: "string" },
      ...TASK_MEMBERS,
    },
  },
  ListTasks: {
    action: "ListTasks",
    kind: "list",
    request: {
      ProjectName: { type: "string", in: "query", required: true },
      TaskTypes: { type: "array", items: { type: "string" }, in: "query", style: "json" },
      Status: { type: "string", values: STATUS_VALUES, closed: true, in: "query" },
      StartTimeRange: { type: "object", model: "TimeRange", in: "query", style: "json" },
      EndTimeRange: { type: "object", model: "TimeRange", in: "query", style: "json" },
      TagSelector: { type: "string", in: "query" },
      Sort: {
        type: "string",
        values: ["TaskId", "StartTime", "EndTime"],
        closed: true,
        default: "TaskId",
        in: "query",
      },
      Order: { type: "string", values: ["asc", "desc"], closed: true, default: "asc", in: "query" },
      MaxResults: { type: "integer", range: { min: 0, max: 100, exclusiveMin: true }, default: 100, in: "query" },
      NextToken: { type: "string", in: "query" },
      RequestDefinition: { type: "boolean", default: false, in: "query" },
    },
    response: {
      RequestId: { type: "string" },
      ProjectName: { type: "string" },
      // A number going in, a string coming out.
      MaxResults: { type: "string" },
      NextToken: { type: "string" },
      Tasks: { type: "array", items: { type: "object", model: "TaskInfo" } },
    },
  },
} as const satisfies Record<string, Operation>;

/** The actions the table knows. */
export type Action = keyof typeof operations;

/** How sure the spelling of a task type is: printed in the docs, seen in the SDK, or concluded from the event type. */
export type Evidence = "docs" | "sdk" | "inferred";

/** One row of the catalogue of task types. */
export interface TaskTypeFacts {
  /** The value of `TaskType` on the wire. It does not follow from the operation's name. */
  readonly name: string;
  /** The operation that starts a task of this type. */
  readonly createdBy: string;
  /** Whether GetTask returns the request definition for this type. */
  readonly hasRequestDefinition: boolean;
  readonly takesTags: boolean;
  readonly takesUserData: boolean;
  readonly takesCredentialConfig: boolean;
  /** The type of the completion event: a third vocabulary. Null when none is listed. */
  readonly eventType: string | null;
  readonly stage: "general" | "public-preview" | "invitational-preview";
  readonly evidence: Evidence;
}

type Capability = "definition" | "tags" | "userData" | "credentials";

function taskType(
  name: string,
  createdBy: string,
  capabilities: readonly Capability[],
  rest: Partial<Pick<TaskTypeFacts, "eventType" | "stage" | "evidence">> = {},
): TaskTypeFacts {
  return {
    name,
    createdBy,
    hasRequestDefinition: capabilities.includes("definition"),
    takesTags: capabilities.includes("tags"),
    takesUserData: capabilities.includes("userData"),
    takesCredentialConfig: capabilities.includes("credentials"),
    eventType: `imm:Task:${name}`,
    stage: "general",
    evidence: "docs",
    ...rest,
  };
}

/**
 * The task types that are known. The vocabulary is open: it has grown before, and a type that is not here passes through.
 *
 * @see the task types page (document 2743993), GetTaskRequest of the SDK for `definition`, document 205730 for events.
 */
export const taskTypes: readonly TaskTypeFacts[] = [
  taskType("ArchiveFileInspection", "CreateArchiveFileInspectionTask", ["definition", "userData", "credentials"], {
    stage: "public-preview",
  }),
  taskType("DecodeBlindWatermark", "CreateDecodeBlindWatermarkTask", [], { evidence: "sdk" }),
  taskType("FaceClustering", "CreateFigureClusteringTask", ["definition", "tags", "userData"], {
    eventType: "imm:Task:FigureClustering",
  }),
  taskType("FacesSearching", "CreateFacesSearchingTask", ["definition", "userData"]),
  taskType("FigureClustersMerging", "CreateFigureClustersMergingTask", ["tags", "userData"], { evidence: "inferred" }),
  taskType("FileCompression", "CreateFileCompressionTask", ["definition", "userData", "credentials"], {
    stage: "public-preview",
  }),
  taskType("FileUncompression", "CreateFileUncompressionTask", ["definition", "userData", "credentials"], {
    stage: "public-preview",
  }),
  taskType("Highlight", "CreateHighlightTask", ["tags", "userData", "credentials"], {
    eventType: null,
    stage: "invitational-preview",
    evidence: "sdk",
  }),
  taskType("ImageModeration", "CreateImageModerationTask", ["tags", "userData", "credentials"]),
  taskType("ImageSplicing", "CreateImageSplicingTask", ["definition", "tags", "userData", "credentials"]),
  taskType("ImageToPDF", "CreateImageToPDFTask", ["definition", "tags", "userData", "credentials"]),
  taskType("LocationDateClustering", "CreateLocationDateClusteringTask", ["definition", "tags", "userData"]),
  taskType("MediaConvert", "CreateMediaConvertTask", ["definition", "tags", "userData", "credentials"]),
  taskType("OfficeConversion", "CreateOfficeConversionTask", ["tags", "userData", "credentials"]),
  taskType("PointCloudCompress", "CreateCompressPointCloudTask", ["definition", "tags", "userData", "credentials"], {
    eventType: "imm:Task:PointCloudCompression",
  }),
  taskType("SimilarImageClustering", "CreateSimilarImageClusteringTask", ["tags", "userData"], { evidence: "sdk" }),
  taskType("StoryCreation", "CreateStory", ["definition", "tags", "userData"]),
  taskType("VideoLabelClassification", "CreateVideoLabelClassificationTask", [
    "definition",
    "tags",
    "userData",
    "credentials",
  ]),
  taskType("VideoModeration", "CreateVideoModerationTask", ["tags", "userData", "credentials"]),
];

/** Days after a task's start when IMM forgets it: GetTask and ListTasks then know it no more. */
export const RETENTION_DAYS = 7;
