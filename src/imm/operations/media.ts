/** The row of media conversion: transcoding, joining, packaging, and images of videos. */

import {
  choice,
  creates,
  double,
  flag,
  float,
  inQuery,
  int32,
  list,
  model,
  object,
  objects,
  ossUri,
  text,
} from "./rows.js";
import { projectName, seconds, usual } from "./shared-members.js";
import { streamsOut, VIDEO_CONTAINERS } from "./media-targets.js";
import { alignMode } from "./vocabularies.js";

const AUDIO_CONTAINERS = ["mp3", "aac", "flac", "oga", "ac3", "opus"] as const;

const streams = { type: "integer", format: "int32" } as const;

const speed = float("Speed of playback, relative to the source.", { range: { min: 0.5, max: 1 }, default: 1 });
const stripMetadata = flag("Whether titles and other metadata are dropped.", { default: false });
const segmentDuration = seconds("duration", "Length of a segment in seconds.");
const startNumber = int32("Number of the first segment; for hls.", { default: 0, atLeast: 0 });

export const mediaModels = {
  CreateMediaConvertTaskRequestSources: model("MediaConvertSource", "One medium that goes in.", {
    URI: ossUri("OSS URI of the medium.", { needed: true }),
    StartTime: double("Where to begin, in seconds.", { default: 0, schemaName: "startSeconds", atLeast: 0 }),
    Duration: seconds("duration", "How many seconds to take; to the end when 0 or omitted."),
    Subtitles: objects("CreateMediaConvertTaskRequestSourcesSubtitles", "Subtitles to add."),
    DisableVideo: flag("Whether its video is dropped.", { default: false, schemaName: "dropVideo" }),
    DisableAudio: flag("Whether its audio is dropped.", { default: false, schemaName: "dropAudio" }),
    Attached: flag("Whether it runs beside the others instead of after them; not the one of `alignmentIndex`.", {
      default: false,
    }),
    AlignMode: choice(alignMode, "How one that runs beside the others gets their length.", { default: "false" }),
  }),
  CreateMediaConvertTaskRequestSourcesSubtitles: model("MediaConvertSubtitle", "A file of subtitles to add.", {
    URI: ossUri("OSS URI of the file: srt, vtt, mov_text, ass, dvd_sub or pgs.", { needed: true }),
    Language: text("Language of the subtitles, ISO 639-2. Example: `eng`."),
    TimeOffset: double("Seconds that the subtitles come later; negative for earlier.", {
      default: 0,
      schemaName: "offsetSeconds",
    }),
  }),
  CreateMediaConvertTaskRequestTargets: model(
    "MediaConvertTarget",
    "One medium that comes out, or images and subtitles alone.",
    {
      URI: ossUri("OSS URI of what is written; without an extension, container and segment give it one.", {
        isOutput: true,
      }),
      Container: text("The container.", { values: [...VIDEO_CONTAINERS, ...AUDIO_CONTAINERS] }),
      ...streamsOut,
      Subtitle: object("TargetSubtitle", "What becomes of the subtitles; the first stream is copied when omitted."),
      Image: object("TargetImage", "Images to make of the video."),
      Segment: object("CreateMediaConvertTaskRequestTargetsSegment", "Cuts what comes out into segments."),
      Speed: speed,
      StripMetadata: stripMetadata,
      AttachedPicture: object(
        "CreateMediaConvertTaskRequestTargetsAttachedPicture",
        "Which attached pictures stay; for mp4 and mkv.",
      ),
      Data: object("CreateMediaConvertTaskRequestTargetsData", "Which data streams stay; for mp4."),
    },
    {
      rules: [
        { kind: "needs", member: "Container", needs: "URI" },
        { kind: "needs", member: "URI", needs: "Container" },
      ],
      inputRules: [{ kind: "atLeastOneOf", members: ["URI", "Subtitle", "Image"] }],
    },
  ),
  CreateMediaConvertTaskRequestTargetsSegment: model("MediaConvertSegment", "How a medium is cut into segments.", {
    Format: text("The protocol to cut for.", { values: ["hls", "dash"], needed: true }),
    Duration: segmentDuration,
    StartNumber: startNumber,
  }),
  CreateMediaConvertTaskRequestTargetsAttachedPicture: model("AttachedPictures", "Which attached pictures stay.", {
    Stream: list(streams, "Indexes of the pictures: none when omitted, all for -1.", { schemaName: "streams" }),
  }),
  CreateMediaConvertTaskRequestTargetsData: model("DataStreams", "Which data streams stay.", {
    Stream: list(streams, "Indexes of the streams: none when omitted, all for -1.", { schemaName: "streams" }),
  }),
  CreateMediaConvertTaskRequestTargetGroups: model(
    "MediaConvertTargetGroup",
    "One master playlist (HLS) with its variants.",
    {
      URI: ossUri("OSS URI of the master playlist.", { isOutput: true, needed: true }),
      Targets: objects("CreateMediaConvertTaskRequestTargetGroupsTargets", "The variants.", { needed: true }),
    },
  ),
  CreateMediaConvertTaskRequestTargetGroupsTargets: model(
    "MediaConvertGroupTarget",
    "One variant of a master playlist.",
    {
      URI: ossUri("OSS URI of the variant's playlist, in the directory of the master playlist or below it.", {
        isOutput: true,
        needed: true,
      }),
      Container: text("The container.", { values: ["mp4", "ts"], needed: true }),
      ...streamsOut,
      Subtitle: object("TargetSubtitle", "Subtitles to package; one variant is enough."),
      Segment: object("CreateMediaConvertTaskRequestTargetGroupsTargetsSegment", "How it is cut into segments."),
      Speed: speed,
      StripMetadata: stripMetadata,
    },
  ),
  CreateMediaConvertTaskRequestTargetGroupsTargetsSegment: model(
    "MediaConvertGroupSegment",
    "How a variant is cut into segments.",
    {
      Format: text("The protocol to cut for.", { values: ["hls"], needed: true }),
      Duration: segmentDuration,
      StartNumber: startNumber,
    },
  ),
};

export const mediaOperations = creates({
  CreateMediaConvertTask: {
    taskType: "MediaConvert",
    hasRequestDefinition: true,
    description: "Converts media: transcodes, joins, packages, cuts out images and subtitles.",
    request: inQuery({
      ProjectName: projectName,
      Sources: objects("CreateMediaConvertTaskRequestSources", "The media; more than one are joined in this order.", {
        required: true,
        maxItems: 11,
      }),
      AlignmentIndex: int32(
        "Index in `sources`, from 0, of the medium that gives the joined one its resolution and frame rate.",
        {
          default: 0,
          atLeast: 0,
        },
      ),
      Targets: objects("CreateMediaConvertTaskRequestTargets", "What comes out."),
      TargetGroups: objects("CreateMediaConvertTaskRequestTargetGroups", "Playlists (HLS) that come out."),
      ...usual,
    }),
    // Each is optional by its flag, but a task needs something to write.
    rules: [{ kind: "atLeastOneOf", members: ["Targets", "TargetGroups"] }],
  },
});
