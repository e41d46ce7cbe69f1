/** The rows of the operations that read what tasks of one type came to. GetTask itself never carries the outcome. */

import {
  double,
  float,
  int32,
  int64,
  list,
  model,
  object,
  objects,
  text,
  texts,
  type Members,
  type ResultOperation,
} from "./rows.js";
import { RESULT_MEMBERS, TASK_NAME } from "./task-reads.js";

/** Two of the four operations document no values of the status. */
const UNDOCUMENTED_STATUS = { ...RESULT_MEMBERS, Status: text(RESULT_MEMBERS.Status.description) };

const URI = text("OSS URI of the checked object, for example oss://examplebucket/a.mp4.");
const SUGGESTION = text("What to do with the object.", { values: ["pass", "review", "block"] });
const CATEGORIES = texts("The kinds of content that were found, for example ad.");

const frameMembers = {
  Label: text("The kind of content that was found in the frame, for example ad."),
  Rate: double("The confidence in that, in percent, from 0 to 100.", { schemaName: "confidencePercent" }),
  Offset: int32("The position of the frame, as IMM counts it; IMM documents no unit."),
};

const TOTAL_COUNT = int32("The number of frames that were checked.");

export const resultModels = {
  GetImageModerationResultResponseBodyModerationResult: model("ImageVerdict", "What the check of an image found.", {
    URI,
    Suggestion: SUGGESTION,
    Categories: CATEGORIES,
    Frames: object("GetImageModerationResultResponseBodyModerationResultFrames", "The frames of an animated image."),
  }),
  GetImageModerationResultResponseBodyModerationResultFrames: model(
    "ImageFrames",
    "The checked frames of an animated image.",
    {
      TotalCount: TOTAL_COUNT,
      BlockFrames: objects(
        "GetImageModerationResultResponseBodyModerationResultFramesBlockFrames",
        "The frames of the image that must not be shown.",
        { schemaName: "blocked" },
      ),
    },
  ),
  GetImageModerationResultResponseBodyModerationResultFramesBlockFrames: model(
    "BlockedImageFrame",
    "A frame of an animated image that must not be shown.",
    frameMembers,
  ),
  GetVideoModerationResultResponseBodyModerationResult: model("VideoVerdict", "What the check of a video found.", {
    URI,
    Suggestion: { ...SUGGESTION, values: ["block", "review", "pass"] },
    Categories: CATEGORIES,
    Frames: object("GetVideoModerationResultResponseBodyModerationResultFrames", "The checked frames."),
  }),
  GetVideoModerationResultResponseBodyModerationResultFrames: model("VideoFrames", "The checked frames of a video.", {
    TotalCount: TOTAL_COUNT,
    BlockFrames: objects(
      "GetVideoModerationResultResponseBodyModerationResultFramesBlockFrames",
      "The frames of the video that must not be shown.",
      { schemaName: "blocked" },
    ),
  }),
  GetVideoModerationResultResponseBodyModerationResultFramesBlockFrames: model(
    "BlockedVideoFrame",
    "A frame of a video that must not be shown.",
    frameMembers,
  ),
  Label: model("VideoLabel", "Something that a video shows.", {
    LabelName: text("The name of the label, for example Beach.", { schemaName: "name" }),
    LabelAlias: text("Another name of the label.", { schemaName: "alias" }),
    LabelLevel: int64("The level of the label in the tree of labels; 1 is the top.", {
      schemaName: "level",
      values: [1, 2, 3],
    }),
    ParentLabelName: text("The name of the label one level above; empty at the top.", { schemaName: "parentName" }),
    LabelConfidence: float("The confidence in the label, from 0 to 1.", { schemaName: "confidence" }),
    CentricScore: float("How likely the label is the main content, from 0 to 1."),
    Language: text("The language of the names as a BCP 47 tag, for example zh-Hans."),
    Clips: objects("Clip", "The parts of the video that show it."),
  }),
  Clip: model("VideoLabelClip", "A part of a video that shows what a label says.", {
    TimeRange: list({ type: "integer", format: "int64" }, "Where the part begins and ends.", {
      // The unit is documented for the same member of the model SceneElement.
      pair: [
        { schemaName: "startMs", description: "Where the part begins, in milliseconds from the start of the video." },
        { schemaName: "endMs", description: "Where the part ends, in milliseconds from the start of the video." },
      ],
    }),
  }),
};

/** All are called after the type of the tasks that they read. */
function result<const Type extends string, const Response extends Members>(
  taskType: Type,
  outcome: keyof Response & string,
  description: string,
  response: Response,
) {
  const [action, schemaName] = [`Get${taskType}Result`, `${taskType}Result`] as const;
  const common = { kind: "result", stage: "general", request: TASK_NAME, rules: [] } as const;
  return { ...common, action, schemaName, taskType, outcome, description, response };
}

export const resultOperations = {
  GetImageModerationResult: result("ImageModeration", "ModerationResult", "Reads what the check of an image found.", {
    ...RESULT_MEMBERS,
    ModerationResult: object("GetImageModerationResultResponseBodyModerationResult", "What was found."),
  }),
  GetVideoModerationResult: result("VideoModeration", "ModerationResult", "Reads what the check of a video found.", {
    ...RESULT_MEMBERS,
    ModerationResult: object("GetVideoModerationResultResponseBodyModerationResult", "What was found."),
  }),
  GetVideoLabelClassificationResult: result("VideoLabelClassification", "Labels", "Reads what a video shows.", {
    ...UNDOCUMENTED_STATUS,
    Labels: objects("Label", "What the video shows."),
  }),
  GetDecodeBlindWatermarkResult: result(
    "DecodeBlindWatermark",
    "Content",
    "Reads the text of an image's invisible watermark.",
    { ...UNDOCUMENTED_STATUS, Content: text("The text of the watermark.") },
  ),
} satisfies Readonly<Record<string, ResultOperation>>;
