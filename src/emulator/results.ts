/**
 * What tasks came to, made up: the outcomes that the result operations answer, in the wire's spelling. Pure. Called by
 * `task-plan.ts` for tasks that are added without one, and by `created-tasks.ts`.
 *
 * The names of objects decide, so that a demo can show each verdict: one that holds "block" is blocked, one that holds
 * "review" is for a person to look at, any other passes.
 */

/** A plausible outcome of a task of `taskType` that worked on `sourceUri`; undefined for types that have none to read. */
export function plausibleResult(taskType: string, sourceUri?: string): unknown {
  switch (taskType) {
    case "ImageModeration":
      return verdictOf(sourceUri ?? "oss://examplebucket/uploads/blocked.gif", 4, 1);
    case "VideoModeration":
      return verdictOf(sourceUri ?? "oss://examplebucket/uploads/blocked.mp4", 200, 30);
    case "VideoLabelClassification":
      return labels;
    case "DecodeBlindWatermark":
      return "imm-graphql demo";
    default:
      return undefined;
  }
}

/** The name of the object that an OSS URI means, in lower case. */
export function objectNameOf(uri: string): string {
  return uri.replace(/^oss:\/\/[^/]*\//i, "").toLowerCase();
}

/** What was found in `totalCount` frames; two of them, `step` apart, are bad where the whole is blocked. */
function verdictOf(uri: string, totalCount: number, step: number): unknown {
  const name = objectNameOf(uri);
  const isBlocked = name.includes("block");
  const suggestion = isBlocked ? "block" : name.includes("review") ? "review" : "pass";
  return {
    URI: uri,
    Suggestion: suggestion,
    Categories: suggestion === "pass" ? [] : ["ad"],
    Frames: {
      TotalCount: totalCount,
      BlockFrames: isBlocked
        ? [
            { Label: "ad", Rate: 99.5, Offset: step },
            { Label: "ad", Rate: 87.25, Offset: 2 * step },
          ]
        : [],
    },
  };
}

const outdoors = {
  LabelName: "Outdoors",
  LabelAlias: "Open air",
  LabelLevel: 1,
  // IMM knows no label above the first level.
  ParentLabelName: "",
  LabelConfidence: 0.97,
  CentricScore: 0.81,
  Language: "en",
  Clips: [{ TimeRange: [0, 42_000] }],
};

/** One label of each level, from the tree's top down. */
const labels: readonly unknown[] = [
  outdoors,
  {
    ...outdoors,
    LabelName: "Beach",
    LabelAlias: "Seaside",
    LabelLevel: 2,
    ParentLabelName: "Outdoors",
    LabelConfidence: 0.91,
    CentricScore: 0.74,
    Clips: [{ TimeRange: [0, 12_000] }, { TimeRange: [30_000, 42_000] }],
  },
  {
    ...outdoors,
    LabelName: "Volleyball",
    LabelAlias: "Beach volleyball",
    LabelLevel: 3,
    ParentLabelName: "Beach",
    LabelConfidence: 0.66,
    CentricScore: 0.58,
    Clips: [{ TimeRange: [31_500, 40_000] }],
  },
];
