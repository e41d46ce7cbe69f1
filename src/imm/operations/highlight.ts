/** The row of highlights of videos, which accounts are invited to. Everything but the project travels in the body. */

import { choice, creates, double, inBody, inQuery, int64, model, object, objects, ossUri, text } from "./rows.js";
import { credentialConfig, notification, projectName, seconds, tags, userData } from "./shared-members.js";
import { streamsOut, VIDEO_CONTAINERS } from "./media-targets.js";
import { effectMode, highlightMode, highlightType, musicMode } from "./vocabularies.js";

const weight = int64("How often it is drawn, relative to the others.", { range: { min: 1, max: 100 }, default: 50 });

export const highlightModels = {
  CreateHighlightTaskRequestSources: model("HighlightSource", "One video that goes in.", {
    URI: ossUri("OSS URI of the video.", { required: true }),
    StartTime: seconds("start", "Where to begin, in seconds; for the type `CONCAT`."),
    Duration: double("How many seconds to take, 0 for all that follow; for the type `CONCAT`.", {
      default: 0,
      schemaName: "durationSeconds",
      atLeast: 0,
    }),
  }),
  CreateHighlightTaskRequestHighlight: model("HighlightSubject", "What makes a moment a highlight.", {
    // Pets, people, sports, meetings: the service takes the Chinese words.
    Content: text("The subject to look for.", {
      required: true,
      values: ["宠物", "人物", "运动", "会议"],
      maxLength: 100,
    }),
  }),
  CreateHighlightTaskRequestEdit: model("HighlightEdit", "How the moments are put together.", {
    Mode: text("In which order they come.", { required: true, values: ["Sequential"] }),
    BackgroundMusicMode: choice(musicMode, "How the music is chosen.", { default: "Closed" }),
    BackgroundMusics: objects("CreateHighlightTaskRequestEditBackgroundMusics", "The music to choose from.", {
      maxItems: 1,
    }),
    TransitionMode: choice(effectMode, "How transitions are chosen.", { default: "Closed" }),
    Transitions: objects("CreateHighlightTaskRequestEditTransitions", "The transitions to choose from.", {
      maxItems: 10,
    }),
    VfxEffectMode: choice(effectMode, "How effects are chosen.", { default: "Closed" }),
    VfxEffects: objects("CreateHighlightTaskRequestEditVfxEffects", "The effects to choose from.", {
      maxItems: 10,
    }),
  }),
  CreateHighlightTaskRequestEditBackgroundMusics: model("HighlightBackgroundMusic", "Music behind the moments.", {
    URI: ossUri("OSS URI of the audio file.", { required: true }),
    Volume: double("Volume; 1 is the file's own.", { range: { min: 0, max: 10 }, default: 0.2 }),
  }),
  CreateHighlightTaskRequestEditTransitions: model("HighlightTransition", "A transition between two moments.", {
    Transition: text("The transition's name, such as `fade`.", { required: true, schemaName: "name" }),
    Duration: double("How many seconds it lasts.", { range: { min: 0, max: 5 }, schemaName: "durationSeconds" }),
    Weight: weight,
  }),
  CreateHighlightTaskRequestEditVfxEffects: model("HighlightEffect", "An effect on a moment.", {
    VfxEffect: text("The effect's name.", { required: true, schemaName: "name" }),
    Weight: weight,
  }),
  CreateHighlightTaskRequestOutput: model("HighlightOutput", "What comes out.", {
    URI: ossUri("OSS URI of what is written.", { required: true, isOutput: true }),
    Container: text("The container; needed for the types `CONCAT` and `COMPOSE`.", {
      values: VIDEO_CONTAINERS,
    }),
    MaxDuration: double("Seconds that it lasts at most.", { schemaName: "maxDurationSeconds", atLeast: 0 }),
    Speed: double("Speed of playback, relative to the source.", { range: { min: 0.5, max: 1 }, default: 1 }),
    ...streamsOut,
    Segment: object("CreateHighlightTaskRequestOutputSegment", "Cuts it into segments."),
  }),
  CreateHighlightTaskRequestOutputSegment: model("HighlightSegment", "How what comes out is cut into segments.", {
    Format: text("The protocol to cut for.", { values: ["hls", "dash"], needed: true }),
    Duration: seconds("duration", "Length of a segment in seconds."),
    StartNumber: int64("Number of the first segment; for hls.", { default: 0, atLeast: 0 }),
  }),
};

export const highlightOperations = creates({
  CreateHighlightTask: {
    taskType: "Highlight",
    evidence: "sdk",
    eventType: null,
    retentionDays: null,
    hasRequestDefinition: false,
    stage: "invitational-preview",
    description: "Finds the highlights of videos and makes a video of them.",
    request: {
      ...inQuery({ ProjectName: projectName }),
      ...inBody({
        Type: choice(highlightType, "What to make.", { required: true }),
        Mode: choice(highlightMode, "How the videos are cut into moments.", { default: "Average" }),
        Sources: objects("CreateHighlightTaskRequestSources", "The videos.", {
          required: true,
          maxItems: 10,
        }),
        Highlight: object("CreateHighlightTaskRequestHighlight", "What makes a moment a highlight."),
        Edit: object("CreateHighlightTaskRequestEdit", "How the moments are put together."),
        Output: object("CreateHighlightTaskRequestOutput", "What comes out.", { required: true }),
        // No limit is documented for this operation.
        UserData: text(userData.description),
        Tags: tags,
        Notification: notification,
        CredentialConfig: credentialConfig,
      }),
    },
  },
});
