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
  type ResultOperation,
} from "./rows.js";
import { RESULT_MEMBERS, TASK_NAME } from "./task-reads.js";

/** Two of the four operations document no values of the status. */
const UNDOCUMENTED_STATUS = { ...RESULT_MEMBERS, Status: text(RESULT_MEMBERS.Status.description) };

const verdictMembers = {
  URI: text("OSS URI of what was checked."),
  Suggestion: text("Whether to show it, to have somebody look at it, or to block it.", {
    values: ["pass", "review", "block"],
  }),
  Categories: texts("What was found."),
};

const frameMembers = {
  Label: text("What was found."),
  Rate: double("How sure that is."),
  Offset: int32("Where the frame is."),
};

const totalCount = int32("How many frames were looked at.");

export const resultModels = {
  GetImageModerationResultResponseBodyModerationResult: model("ImageVerdict", "What the check of an image found.", {
    ...verdictMembers,
    Frames: object("GetImageModerationResultResponseBodyModerationResultFrames", "The frames of an animated image."),
  }),
  GetImageModerationResultResponseBodyModerationResultFrames: model("ImageFrames", "The frames of an animated image.", {
    TotalCount: totalCount,
    BlockFrames: objects(
      "GetImageModerationResultResponseBodyModerationResultFramesBlockFrames",
      "The frames that must not be shown.",
    ),
  }),
  GetImageModerationResultResponseBodyModerationResultFramesBlockFrames: model(
    "BlockedImageFrame",
    "A frame of an animated image that must not be shown.",
    frameMembers,
  ),
  GetVideoModerationResultResponseBodyModerationResult: model("VideoVerdict", "What the check of a video found.", {
    ...verdictMembers,
    Suggestion: text(verdictMembers.Suggestion.description, { values: ["block", "review", "pass"] }),
    Frames: object("GetVideoModerationResultResponseBodyModerationResultFrames", "The frames that were looked at."),
  }),
  GetVideoModerationResultResponseBodyModerationResultFrames: model("VideoFrames", "The frames that were looked at.", {
    TotalCount: totalCount,
    BlockFrames: objects(
      "GetVideoModerationResultResponseBodyModerationResultFramesBlockFrames",
      "The frames that must not be shown.",
    ),
  }),
  GetVideoModerationResultResponseBodyModerationResultFramesBlockFrames: model(
    "BlockedVideoFrame",
    "A frame of a video that must not be shown.",
    frameMembers,
  ),
  Label: model("VideoLabel", "Something that a video shows.", {
    LabelName: text("The label."),
    LabelAlias: text("Another name of the label."),
    LabelLevel: int64("How deep in the tree of labels it is, from 1 on.", { values: [1, 2, 3] }),
    ParentLabelName: text("The label above it."),
    LabelConfidence: float("How sure the label is, 0 to 1."),
    CentricScore: float("How likely it is the main thing shown, 0 to 1."),
    Language: text("Language of the label, BCP 47."),
    Clips: objects("Clip", "Where the video shows it."),
  }),
  Clip: model("VideoLabelClip", "A part of a video that a label holds for.", {
    TimeRange: list({ type: "integer", format: "int64" }, "Where the part begins and ends."),
  }),
};

export const resultOperations = {
  GetImageModerationResult: {
    action: "GetImageModerationResult",
    kind: "result",
    taskType: "ImageModeration",
    schemaName: "ImageModerationResult",
    outcome: "ModerationResult",
    description: "Reads what the check of an image found.",
    stage: "general",
    request: TASK_NAME,
    response: {
      ...RESULT_MEMBERS,
      ModerationResult: object("GetImageModerationResultResponseBodyModerationResult", "What was found."),
    },
    rules: [],
  },
  GetVideoModerationResult: {
    action: "GetVideoModerationResult",
    kind: "result",
    taskType: "VideoModeration",
    schemaName: "VideoModerationResult",
    outcome: "ModerationResult",
    description: "Reads what the check of a video found.",
    stage: "general",
    request: TASK_NAME,
    response: {
      ...RESULT_MEMBERS,
      ModerationResult: object("GetVideoModerationResultResponseBodyModerationResult", "What was found."),
    },
    rules: [],
  },
  GetVideoLabelClassificationResult: {
    action: "GetVideoLabelClassificationResult",
    kind: "result",
    taskType: "VideoLabelClassification",
    schemaName: "VideoLabelClassificationResult",
    outcome: "Labels",
    description: "Reads what a video shows.",
    stage: "general",
    request: TASK_NAME,
    response: { ...UNDOCUMENTED_STATUS, Labels: objects("Label", "What the video shows.") },
    rules: [],
  },
  GetDecodeBlindWatermarkResult: {
    action: "GetDecodeBlindWatermarkResult",
    kind: "result",
    taskType: "DecodeBlindWatermark",
    schemaName: "DecodeBlindWatermarkResult",
    outcome: "Content",
    description: "Reads the text of an image's invisible watermark.",
    stage: "general",
    request: TASK_NAME,
    response: { ...UNDOCUMENTED_STATUS, Content: text("The text of the watermark.") },
    rules: [],
  },
} as const satisfies Readonly<Record<string, ResultOperation>>;
