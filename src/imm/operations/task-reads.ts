/**
 * The rows of GetTask and ListTasks.
 *
 * @see the ListTasks page (document 478242) for value ranges, defaults and the closed vocabularies
 */

import { flag, inQuery, int32, int64, map, model, object, objects, text, texts, type Operation } from "./rows.js";

const STATUS_VALUES = ["Running", "Succeeded", "Failed"] as const;

/** What an item of ListTasks, GetTask and the result operations have in common. */
const TASK_MEMBERS = {
  TaskId: text("What the task is called; unique together with its project and type."),
  TaskType: text("The kind of task."),
  Status: text("Whether the task runs, has succeeded or has failed.", { values: STATUS_VALUES }),
  Code: text("The code of the task's own error."),
  Message: text("The text of the task's own error."),
  StartTime: text("When the task started, RFC 3339."),
  EndTime: text("When the task ended, RFC 3339."),
  UserData: text("The text that was given at creation."),
};

const LISTED_MEMBERS = {
  ...TASK_MEMBERS,
  Progress: int32("How far the task is, in percent."),
  Tags: map("The tags that were given at creation."),
  TaskRequestDefinition: text("What the task was created with, as JSON text."),
};

/** What a single answer adds to the task it is about. */
const ANSWER_MEMBERS = {
  RequestId: text("IMM's id of the request, what its support asks for."),
  ProjectName: text("The project that the task belongs to."),
  EventId: text("The id of the task's completion event."),
};

/** What a result operation answers beside the outcome. Two of the four document no values of the status. */
export const RESULT_MEMBERS = { ...ANSWER_MEMBERS, ...TASK_MEMBERS };

/** How a single task is named. */
export const TASK_NAME = inQuery({
  ProjectName: text("The project that the task belongs to.", { required: true }),
  TaskType: text("The kind of task.", { required: true }),
  TaskId: text("What the task is called.", { required: true }),
});

export const taskReadModels = {
  TimeRange: model(
    "TimeRange",
    "A range of instants, each RFC 3339. Whether the bounds belong to it is not documented.",
    {
      Start: text("The earliest instant; open when omitted."),
      End: text("The latest instant; open when omitted."),
    },
  ),
  TaskInfo: model("ListedTask", "A task as a list shows it.", LISTED_MEMBERS),
};

export const taskReads = {
  GetTask: {
    action: "GetTask",
    kind: "get",
    description: "Reads one task.",
    stage: "general",
    request: {
      ...TASK_NAME,
      ...inQuery({
        RequestDefinition: flag("Whether to add what the task was created with.", { default: false }),
      }),
    },
    response: {
      ...ANSWER_MEMBERS,
      ...LISTED_MEMBERS,
      Progress: int32("Not given any more; only a list knows the progress.", { range: { min: 0, max: 100 } }),
    },
    rules: [],
  },
  ListTasks: {
    action: "ListTasks",
    kind: "list",
    description: "Lists a project's tasks of the last seven days, page by page.",
    stage: "general",
    request: inQuery({
      ProjectName: text("The project whose tasks are listed.", { required: true }),
      TaskTypes: texts("Only tasks of these kinds."),
      Status: text("Only tasks in this state.", { values: STATUS_VALUES, closed: true }),
      StartTimeRange: object("TimeRange", "Only tasks that started in this range."),
      EndTimeRange: object("TimeRange", "Only tasks that ended in this range."),
      TagSelector: text("Only tasks with this tag, as `key=value`."),
      Sort: text("What the tasks are sorted by.", {
        values: ["TaskId", "StartTime", "EndTime"],
        closed: true,
        default: "TaskId",
      }),
      Order: text("In which direction they are sorted.", { values: ["asc", "desc"], closed: true, default: "asc" }),
      MaxResults: int64("How many tasks a page has at most.", {
        range: { min: 0, max: 100, exclusiveMin: true },
        default: 100,
      }),
      NextToken: text("Where the page starts: what the page before it answered."),
      RequestDefinition: flag("Whether to add what each task was created with.", { default: false }),
    }),
    response: {
      RequestId: text("IMM's id of the request, what its support asks for."),
      ProjectName: text("The project whose tasks are listed."),
      // A number going in, a string coming out.
      MaxResults: text("How many tasks the page has at most."),
      NextToken: text("Where the next page starts; empty on the last one."),
      Tasks: objects("TaskInfo", "The page's tasks.", { maxItems: 100 }),
    },
    rules: [],
  },
} as const satisfies Readonly<Record<string, Operation>>;
