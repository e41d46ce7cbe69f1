/**
 * The models of what becomes of a medium's streams: video, audio, subtitles, still and animated images. Shared by media
 * conversion and highlights.
 *
 * On the wire, offsets and sizes of areas are pixels when they are whole numbers and a ratio of the picture when they
 * have a decimal point: 1 is one pixel, 1.0 all of it.
 */

import { choice, double, flag, float, int32, list, model, object, objects, ossUri, text } from "./rows.js";
import { seconds } from "./shared-members.js";
import { lowerSource, mediaScaleType, referencePosition, watermarkType } from "./vocabularies.js";

const stream = { type: "integer", format: "int32" } as const;

/** What happens when the source has less than is asked for. */
function option(of: string) {
  return choice(lowerSource, `What to do when the source has a lower ${of}.`, { default: "fixed" });
}

const audioModels = {
  TargetAudio: model("TargetAudio", "What becomes of the audio.", {
    DisableAudio: flag("Whether the result has no audio.", { default: false, schemaName: "disabled" }),
    Stream: list(
      { type: "integer", format: "int64" },
      "Indexes of the audio streams to process: the first one when omitted, all when one is above 100.",
      { schemaName: "streams" },
    ),
    TranscodeAudio: object("TargetAudioTranscodeAudio", "How audio is encoded.", { schemaName: "transcode" }),
    FilterAudio: object("TargetAudioFilterAudio", "What is done to the sound; only when it is encoded anew.", {
      schemaName: "filter",
    }),
  }),
  TargetAudioFilterAudio: model("AudioFilter", "What is done to the sound.", {
    Mixing: flag("Whether all tracks are mixed into one.", { default: false }),
  }),
  TargetAudioTranscodeAudio: model(
    "AudioTranscoding",
    "How audio is encoded.",
    {
      Codec: text("The codec; `copy` takes the stream as it is and ignores the rest.", {
        values: ["copy", "mp3", "vorbis", "aac", "flac", "ac3", "opus", "amr"],
        default: "copy",
      }),
      Bitrate: int32("Bits a second.", { range: { min: 1000, max: 10_000_000 }, schemaName: "bitrateBps" }),
      BitrateOption: option("bitrate"),
      Quality: int32("Quality instead of a bitrate; the higher the better.", { range: { min: 0, max: 100 } }),
      SampleRate: int32("Samples a second; as the source when omitted.", {
        schemaName: "sampleRateHz",
        values: [8000, 12025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000],
      }),
      SampleRateOption: option("sample rate"),
      Channel: int32("How many channels; as the source when omitted.", {
        range: { min: 1, max: 8 },
        schemaName: "channels",
      }),
      BitsPerSample: int32("Bits of a sample; for flac.", { values: [16, 24] }),
    },
    {
      rules: [
        { kind: "atMostOneOf", members: ["Bitrate", "Quality"] },
        { kind: "needs", member: "BitrateOption", needs: "Bitrate" },
        { kind: "needs", member: "SampleRateOption", needs: "SampleRate" },
      ],
    },
  ),
};

const subtitleModels = {
  TargetSubtitle: model("TargetSubtitle", "What becomes of the subtitles.", {
    DisableSubtitle: flag("Whether the result has no subtitles.", { default: false, schemaName: "disabled" }),
    Stream: list(stream, "Indexes of the subtitle streams to process: all when omitted or when one is above 100.", {
      schemaName: "streams",
    }),
    ExtractSubtitle: object("TargetSubtitleExtractSubtitle", "Writes the subtitles to files of their own.", {
      schemaName: "extract",
    }),
  }),
  TargetSubtitleExtractSubtitle: model("SubtitleExtraction", "How subtitles are written to files of their own.", {
    Format: text("Format of the files.", { values: ["ass", "srt", "webvtt"], needed: true }),
    URI: ossUri("OSS URI that the files' names begin with; the stream's index and the extension follow.", {
      isOutput: true,
      needed: true,
    }),
  }),
};

const startSeconds = seconds("start", "Where the first frame is taken, in seconds; the beginning when omitted.");
const frameCount = int32("How many frames; up to the end of the video when 0 or omitted.", {
  schemaName: "count",
  atLeast: 0,
});
const frameChoice = {
  Mode: text("How the frames are chosen."),
  Threshold: int32("A threshold of the choice of frames; its meaning is not documented."),
  StartTime: startSeconds,
  Interval: double("Seconds between frames.", { schemaName: "intervalSeconds", atLeast: 0 }),
  Number: frameCount,
};
const frameSize = {
  Width: double("Width; as the video when omitted.", { form: "length" }),
  Height: double("Height; as the video when omitted.", { form: "length" }),
  ScaleType: text("How a frame gets its size.", { form: mediaScaleType }),
};

const imageModels = {
  TargetImage: model(
    "TargetImage",
    "Images to make of the video.",
    {
      Snapshots: objects("TargetImageSnapshots", "Single frames."),
      Sprites: objects("TargetImageSprites", "Many small frames in one image."),
      Animations: objects("TargetImageAnimations", "Animated images."),
    },
    { inputRules: [{ kind: "atLeastOneOf", members: ["Snapshots", "Sprites", "Animations"] }] },
  ),
  TargetImageSnapshots: model("Snapshots", "Single frames, each written as an image.", {
    URI: ossUri("OSS URI that the images are written to.", { required: true, isOutput: true }),
    Format: text("Format of the images, such as `jpg` or `png`.", { required: true }),
    ...frameChoice,
    ...frameSize,
  }),
  TargetImageSprites: model("SpriteSheet", "Many small frames in one image.", {
    URI: ossUri("OSS URI that the image is written to.", { required: true, isOutput: true }),
    Format: text("Format of the image, such as `jpg` or `png`.", { required: true }),
    ...frameChoice,
    TileWidth: int32("Frames in a row; 6 when omitted.", { schemaName: "columns", atLeast: 1 }),
    TileHeight: int32("Frames in a column; 6 when omitted.", { schemaName: "rows", atLeast: 1 }),
    ScaleWidth: float("Width of a frame.", { form: "length", schemaName: "frameWidth" }),
    ScaleHeight: float("Height of a frame.", { form: "length", schemaName: "frameHeight" }),
    ScaleType: frameSize.ScaleType,
    Pad: int32("Space between frames; 2 when omitted.", { schemaName: "padding", atLeast: 0 }),
    Margin: int32("Space around all of them; 2 when omitted.", { atLeast: 0 }),
  }),
  TargetImageAnimations: model("AnimatedImage", "An animated image of a part of the video.", {
    URI: ossUri("OSS URI that the image is written to.", { required: true, isOutput: true }),
    Format: text("Format of the image, such as `gif` or `webp`.", { required: true }),
    StartTime: startSeconds,
    Interval: double("Seconds between the frames that are taken.", { schemaName: "intervalSeconds", atLeast: 0 }),
    Number: frameCount,
    FrameRate: double("Frames a second when it is played.", { schemaName: "framesPerSecond", atLeast: 0 }),
    ...frameSize,
  }),
};

const position = {
  ReferPos: choice(referencePosition, "The corner of the picture that offsets count from.", {
    default: "topleft",
    schemaName: "referencePosition",
  }),
  Dx: float("Offset to the side; 0 when omitted.", { form: "length" }),
  Dy: float("Offset up or down; 0 when omitted.", { form: "length" }),
};

/** Faces and licence plates are hidden by the same settings. */
function anonymization(what: string) {
  return {
    Confidence: float(`How sure it must be that it is ${what}, as a ratio.`, { range: { min: 0, max: 1 }, default: 0 }),
    MinSize: int32("Width and height in pixels from which on it is hidden.", {
      default: 0,
      schemaName: "minSizePixels",
      atLeast: 0,
    }),
    BlurRadius: int32("Radius of the blur.", { atLeast: 0 }),
    ScaleRatio: float("How much larger than what was found the hidden area is, as a factor.", { atLeast: 0 }),
    Transparency: float("Transparency of the hidden area."),
  };
}

const videoModels = {
  TargetVideo: model("TargetVideo", "What becomes of the video.", {
    DisableVideo: flag("Whether the result has no video.", { default: false, schemaName: "disabled" }),
    Stream: list(
      stream,
      "Indexes of the video streams to process: the first one when omitted, all when one is above 100.",
      { schemaName: "streams" },
    ),
    TranscodeVideo: object("TargetVideoTranscodeVideo", "How video is encoded.", { schemaName: "transcode" }),
    FilterVideo: object("TargetVideoFilterVideo", "What is done to the picture; only when it is encoded anew.", {
      schemaName: "filter",
    }),
  }),
  TargetVideoTranscodeVideo: model(
    "VideoTranscoding",
    "How video is encoded.",
    {
      Codec: text("The codec; `copy` takes the stream as it is and ignores the rest.", {
        values: ["copy", "h264", "h265", "vp9"],
        default: "copy",
      }),
      Resolution: text("Size such as `1280x720`, `1280x` or `x720`, in pixels; as the source when omitted."),
      AdaptiveResolutionDirection: flag("Whether the resolution is long by short side, not width by height.", {
        default: false,
      }),
      ResolutionOption: option("resolution"),
      ScaleType: choice(mediaScaleType, "How the picture gets the resolution.", { default: "stretch" }),
      Rotation: int32("Degrees to turn the picture by, clockwise.", {
        values: [0, 90, 180, 270],
        closed: true,
        default: 0,
        schemaName: "rotateDegrees",
      }),
      FrameRate: float("Frames a second; as the source when omitted.", { schemaName: "framesPerSecond", atLeast: 0 }),
      FrameRateOption: { ...option("frame rate"), schemaName: "framesPerSecondOption" },
      Bitrate: int32("Bits a second.", { schemaName: "bitrateBps", atLeast: 0 }),
      BitrateOption: option("bitrate"),
      CRF: float("Constant rate factor instead of a bitrate; the lower the better, 23 when neither is given.", {
        range: { min: 0, max: 51 },
      }),
      MaxBitrate: int32("Bits a second that a constant rate factor may reach.", {
        schemaName: "maxBitrateBps",
        atLeast: 0,
      }),
      BufferSize: int32("Buffer of the decoder for a constant rate factor, in bits.", {
        schemaName: "bufferBits",
        atLeast: 0,
      }),
      GOPSize: int32("Frames from one key frame to the next.", { default: 150, schemaName: "gopFrames", atLeast: 1 }),
      BFrames: int32("B-frames in a row.", { default: 3, atLeast: 0 }),
      Refs: int32("Reference frames.", { default: 2, schemaName: "referenceFrames", atLeast: 0 }),
      PixelFormat: text("Format of the pixels; as the source when omitted.", {
        values: ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le", "yuva420p"],
      }),
      VideoSlim: int32("Whether to make the video smaller.", {
        values: [0, 1],
        default: 0,
        form: "switch",
        schemaName: "slim",
      }),
    },
    {
      rules: [
        { kind: "atMostOneOf", members: ["Bitrate", "CRF"] },
        { kind: "needs", member: "BitrateOption", needs: "Bitrate" },
        { kind: "needs", member: "MaxBitrate", needs: "CRF" },
        { kind: "needs", member: "MaxBitrate", needs: "BufferSize" },
        { kind: "needs", member: "BufferSize", needs: "CRF" },
        { kind: "needs", member: "FrameRateOption", needs: "FrameRate" },
        { kind: "needs", member: "ResolutionOption", needs: "Resolution" },
        { kind: "needs", member: "ScaleType", needs: "Resolution" },
      ],
    },
  ),
  TargetVideoFilterVideo: model("VideoFilter", "What is done to the picture.", {
    Speed: float("Speed of playback, relative to the source.", { range: { min: 0.5, max: 1 }, default: 1 }),
    Watermarks: objects("TargetVideoFilterVideoWatermarks", "Watermarks to put on it."),
    Delogos: objects("TargetVideoFilterVideoDelogos", "Areas to blur, such as the logo of a station."),
    Desensitization: object("TargetVideoFilterVideoDesensitization", "Faces and licence plates to hide."),
  }),
  TargetVideoFilterVideoDelogos: model("BlurredArea", "A rectangle that is blurred for a while.", {
    StartTime: seconds("start", "When it begins, in seconds; with the video when omitted."),
    Duration: seconds("duration", "How many seconds it lasts; to the end when omitted."),
    ...position,
    Width: float("Width; all of it when omitted.", { form: "length" }),
    Height: float("Height; all of it when omitted.", { form: "length" }),
  }),
  TargetVideoFilterVideoDesensitization: model("VideoAnonymization", "What is hidden of people and cars.", {
    Face: object("TargetVideoFilterVideoDesensitizationFace", "Hides faces."),
    LicensePlate: object("TargetVideoFilterVideoDesensitizationLicensePlate", "Hides licence plates."),
  }),
  TargetVideoFilterVideoDesensitizationFace: model(
    "FaceAnonymization",
    "Which faces are hidden.",
    anonymization("a face"),
  ),
  TargetVideoFilterVideoDesensitizationLicensePlate: model(
    "LicensePlateAnonymization",
    "Which licence plates are hidden.",
    anonymization("a licence plate"),
  ),
  TargetVideoFilterVideoWatermarks: model(
    "VideoWatermark",
    "A text or an image on the picture.",
    {
      Type: choice(watermarkType, "Whether it is a text or an image.", { default: "text" }),
      StartTime: seconds("start", "When it appears, in seconds; with the video when omitted."),
      Duration: seconds("duration", "How many seconds it stays; to the end when omitted."),
      ...position,
      URI: ossUri("Image: OSS URI of the file, png or mov."),
      Width: float("Image: width; the file's own when omitted.", { form: "length" }),
      Height: float("Image: height; the file's own when omitted.", { form: "length" }),
      Content: text("Text: what it says."),
      FontName: text("Text: the font.", {
        values: ["SourceHanSans-Regular", "SourceHanSans-Bold", "SourceHanSerif-Regular", "SourceHanSerif-Bold"],
        default: "SourceHanSans-Regular",
      }),
      FontSize: int32("Text: size of the font.", {
        range: { min: 4, max: 120, exclusiveMin: true, exclusiveMax: true },
        default: 16,
      }),
      FontColor: text("Text: colour as a name or `#RRGGBB`; black when omitted."),
      // The missing letter is the vendor's.
      FontApha: float("Text: opacity.", {
        range: { min: 0, max: 1, exclusiveMin: true },
        default: 1,
        schemaName: "fontAlpha",
      }),
      BorderWidth: int32("Text: width of its outline in pixels.", {
        range: { min: 0, max: 4096 },
        default: 0,
        schemaName: "borderWidthPixels",
      }),
      BorderColor: text("Text: colour of its outline, as a name or `#RRGGBB`; black when omitted."),
    },
    {
      inputRules: [
        { kind: "atLeastOneOf", members: ["Content", "URI"] },
        { kind: "onlyWhere", members: ["URI", "Width", "Height"], where: "Type", values: ["file"] },
        {
          kind: "onlyWhere",
          members: ["Content", "FontName", "FontSize", "FontColor", "FontApha", "BorderWidth", "BorderColor"],
          where: "Type",
          values: ["text", null],
        },
      ],
    },
  ),
};

/** What comes out of media, converted or cut to highlights. */
export const streamsOut = {
  Video: object("TargetVideo", "What becomes of the video; the first stream is copied when omitted."),
  Audio: object("TargetAudio", "What becomes of the audio; the first stream is copied when omitted."),
};
export const VIDEO_CONTAINERS = ["mp4", "mkv", "mov", "asf", "avi", "mxf", "ts", "flv"] as const;

export const mediaTargetModels = { ...videoModels, ...audioModels, ...subtitleModels, ...imageModels };
