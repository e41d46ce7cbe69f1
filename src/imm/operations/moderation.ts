/** The rows of the operations that look at what images and videos show: moderation and labels. */

import { creates, inQuery, int64, ossUri, texts } from "./rows.js";
import { projectName, usual } from "./shared-members.js";

export const moderationOperations = creates({
  CreateImageModerationTask: {
    taskType: "ImageModeration",
    hasRequestDefinition: false,
    description: "Checks an image for content that must not be shown.",
    request: inQuery({
      ProjectName: projectName,
      SourceURI: ossUri("OSS URI of the image.", { required: true }),
      Scenes: texts("What to check for."),
      Interval: int64("Which frames of an animated, or parts of a long image, to look at: each n-th.", {
        default: 1,
        schemaName: "everyNthFrame",
        atLeast: 1,
      }),
      MaxFrames: int64("How many frames or parts to look at, at most.", { default: 1, atLeast: 1 }),
      ...usual,
    }),
  },
  CreateVideoModerationTask: {
    taskType: "VideoModeration",
    hasRequestDefinition: false,
    description: "Checks a video for content that must not be shown.",
    request: inQuery({
      ProjectName: projectName,
      SourceURI: ossUri("OSS URI of the video.", { required: true }),
      Scenes: texts("What to check for."),
      Interval: int64("Seconds between the frames to look at.", {
        range: { min: 1, max: 600 },
        default: 1,
        schemaName: "intervalSeconds",
      }),
      MaxFrames: int64("How many frames to look at, at most.", { range: { min: 5, max: 3600 }, default: 200 }),
      ...usual,
    }),
  },
  CreateVideoLabelClassificationTask: {
    taskType: "VideoLabelClassification",
    hasRequestDefinition: true,
    description: "Labels what a video shows.",
    request: inQuery({
      ProjectName: projectName,
      SourceURI: ossUri("OSS URI of the video.", { required: true }),
      ...usual,
    }),
  },
});
