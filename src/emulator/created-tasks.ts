/**
 * How the tasks that clients create live: what they keep of the request, how long they run and how they end. Called by
 * `imm-service.ts`; the clock gives it chance, and the program that started the emulator may decide instead.
 */

import type { Clock } from "../clock.js";
import type { CreateAction } from "../imm/operations/operations.js";
import { isRecord, stringifyExact } from "../json.js";
import { objectNameOf, plausibleResult } from "./results.js";
import type { Pace } from "./task-life.js";
import type { NewTask } from "./task-plan.js";

/** What a client asks for: the request has passed all checks. */
export interface CreateRequest {
  readonly action: CreateAction;
  /** The type of the task that it starts. */
  readonly taskType: string;
  /** The parameters as values, by the wire's names; those that were left out hold their default or undefined. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** How a task lives. */
export type TaskLife = Pick<NewTask, "durationMs" | "pace" | "outcome" | "result">;

/** Decides how created tasks live; what it leaves out is as it would be without it. */
export type LifePlanner = (request: CreateRequest) => TaskLife;

/** How long most tasks of a type take, on a demo's scale. */
interface Span {
  readonly minMs: number;
  readonly maxMs: number;
}

/** One image or one archive is looked at. */
const SHORT: Span = { minMs: 4_000, maxMs: 8_000 };
/** Something is written. */
const MEDIUM: Span = { minMs: 8_000, maxMs: 20_000 };
/** A video or a whole dataset is worked on. */
const LONG: Span = { minMs: 20_000, maxMs: 40_000 };

/** Types that are not named here take `MEDIUM`. */
const spans: Readonly<Record<string, Span>> = {
  ArchiveFileInspection: SHORT,
  DecodeBlindWatermark: SHORT,
  ImageModeration: SHORT,
  FaceClustering: LONG,
  Highlight: LONG,
  LocationDateClustering: LONG,
  MediaConvert: LONG,
  SimilarImageClustering: LONG,
  VideoLabelClassification: LONG,
  VideoModeration: LONG,
};

const paces: readonly Pace[] = ["early", "steady", "late"];

/** A missing source is noticed before any work. */
const MISSING_SOURCE: TaskLife = {
  durationMs: 2_000,
  outcome: {
    status: "Failed",
    code: "ResourceNotFound",
    message: "The specified resource Object is not found.",
    atProgress: 0,
  },
};

/**
 * The task that a request starts. It succeeds, unless the name of one of its source objects holds "missing".
 *
 * @param sent - the texts of the request; the definition holds what was sent, not what defaults add.
 */
export function toNewTask(
  request: CreateRequest,
  sent: ReadonlyMap<string, string>,
  clock: Clock,
  planLife: LifePlanner = () => ({}),
): NewTask {
  const { taskType, parameters } = request;
  const { UserData, Tags } = parameters;
  const definition = Object.entries(parameters).filter(([name]) => (sent.get(name) ?? "") !== "");
  return {
    taskType,
    ...ordinaryLife(request, clock),
    ...planLife(request),
    requestDefinition: stringifyExact(Object.fromEntries(definition), undefined, "\t"),
    ...(typeof UserData === "string" && { userData: UserData }),
    ...(isRecord(Tags) && { tags: Tags }),
  };
}

function ordinaryLife({ taskType, parameters }: CreateRequest, clock: Clock): TaskLife {
  const sources = sourceUrisOf(parameters);
  const { minMs, maxMs } = spans[taskType] ?? MEDIUM;
  return {
    durationMs: minMs + clock.random() * (maxMs - minMs),
    pace: paces[Math.floor(clock.random() * paces.length)] ?? "steady",
    result: plausibleResult(taskType, sources[0]),
    ...(sources.some((uri) => objectNameOf(uri).includes("missing")) && MISSING_SOURCE),
  };
}

/** The objects that a task reads, by the parameters that all create operations name them with. */
function sourceUrisOf({ SourceURI, SourceManifestURI, Sources }: CreateRequest["parameters"]): readonly string[] {
  const listed = Array.isArray(Sources) ? Sources.map((source: unknown) => isRecord(source) && source["URI"]) : [];
  return [SourceURI, SourceManifestURI, ...listed].filter((uri) => typeof uri === "string");
}
