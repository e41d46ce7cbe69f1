/**
 * The models of what becomes of a medium's streams: video, audio, subtitles, still and animated images. Shared by media
 * conversion and highlights.
 *
 * Offsets and sizes of areas are pixels when they are whole numbers and a ratio of the picture when they lie between 0
 * and 1. A ratio of exactly 1 cannot be written, since JSON has one form for 1 and 1.0: it is what leaving out means.
 */

import { double, flag, float, int32, list, model, object, objects, ossUri, text } from "./rows.js";

const OPTION_VALUES = ["fixed", "adaptive", "fall"] as const;

const stream = { type: "integer", format: "int32" } as const;

/** What happens when the source has less than is asked for. */
function option(
  of: string,
): ReturnType<typeof text<{ readonly values: typeof OPTION_VALUES; readonly default: "fixed" }>> {
  return text(`What to do when the source has a lower ${of}: use what is asked for, use the source's, or fail.`, {
    values: OPTION_VALUES,
    default: "fixed",
  });
}

const audioModels = {
  TargetAudio: model("TargetAudio", "What becomes of the audio.", {
    DisableAudio: flag("Whether the result has no audio.", { default: false }),
    Stream: list(
      { type: "integer", format: "int64" },
      "Indexes of the audio streams to process: the first one when left out, all when one is above 100.",
    ),
    TranscodeAudio: object("TargetAudioTranscodeAudio", "How audio is encoded."),
    FilterAudio: object("TargetAudioFilterAudio", "What is done to the sound; only when it is encoded anew."),
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
      Bitrate: int32("Bits a second.", { range: { min: 1000, max: 10_000_000 } }),
      BitrateOption: option("bitrate"),
      Quality: int32("Quality instead of a bitrate; the higher the better.", { range: { min: 0, max: 100 } }),
      SampleRate: int32("Samples a second; as the source when left out.", {
        values: [8000, 12025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000],
      }),
      SampleRateOption: option("sample rate"),
      Channel: int32("How many channels; as the source when left out.", { range: { min: 1, max: 8 } }),
      BitsPerSample: int32("Bits of a sample; for flac.", { values: [16, 24] }),
    },
    [
      { kind: "atMostOneOf", members: ["Bitrate", "Quality"] },
      { kind: "needs", member: "BitrateOption", needs: "Bitrate" },
      { kind: "needs", member: "SampleRateOption", needs: "SampleRate" },
    ],
  ),
};

const subtitleModels = {
  TargetSubtitle: model("TargetSubtitle", "What becomes of the subtitles.", {
    DisableSubtitle: flag("Whether the result has no subtitles.", { default: false }),
    Stream: list(stream, "Indexes of the subtitle streams to process: all when left out or when one is above 100."),
    ExtractSubtitle: object("TargetSubtitleExtractSubtitle", "Writes the subtitles to files of their own."),
  }),
  TargetSubtitleExtractSubtitle: model("SubtitleExtraction", "How subtitles are written to files of their own.", {
    Format: text("Format of the files.", { values: ["ass", "srt", "webvtt"] }),
    URI: ossUri("OSS URI that the files' names begin with; the stream's index and the extension follow.", {
      isOutput: true,
    }),
  }),
};

const imageSize = "pixels when whole, a ratio of the picture when between 0 and 1, as the video when left out";

const imageModels = {
  TargetImage: model("TargetImage", "Images to make of the video.", {
    Snapshots: objects("TargetImageSnapshots", "Single frames."),
    Sprites: objects("TargetImageSprites", "Many small frames in one image."),
    Animations: objects("TargetImageAnimations", "Animated images."),
  }),
  TargetImageSnapshots: model("Snapshots", "Single frames, each written as an image.", {
    URI: ossUri("OSS URI that the images are written to.", { required: true, isOutput: true }),
    Format: text("Format of the images, such as `jpg` or `png`.", { required: true }),
    Mode: text("How the frames are chosen."),
    Threshold: int32("A threshold of the choice of frames; its meaning is not documented."),
    StartTime: double("Where the first frame is taken, in seconds; the beginning when left out."),
    Interval: double("Seconds between frames."),
    Number: int32("How many frames; up to the end of the video when 0 or left out."),
    Width: double(`Width: ${imageSize}.`),
    Height: double(`Height: ${imageSize}.`),
    ScaleType: text("How a frame gets its size, such as `stretch`, `crop`, `fill` or `fit`."),
  }),
  TargetImageSprites: model("SpriteSheet", "Many small frames in one image.", {
    URI: ossUri("OSS URI that the image is written to.", { required: true, isOutput: true }),
    Format: text("Format of the image, such as `jpg` or `png`.", { required: true }),
    Mode: text("How the frames are chosen."),
    Threshold: int32("A threshold of the choice of frames; its meaning is not documented."),
    StartTime: double("Where the first frame is taken, in seconds; the beginning when left out."),
    Interval: double("Seconds between frames."),
    Number: int32("How many frames; up to the end of the video when 0 or left out."),
    TileWidth: int32("Frames in a row; 6 when left out."),
    TileHeight: int32("Frames in a column; 6 when left out."),
    ScaleWidth: float("Width of a frame: pixels when whole, a ratio of the video when up to 1."),
    ScaleHeight: float("Height of a frame: pixels when whole, a ratio of the video when up to 1."),
    ScaleType: text("How a frame gets its size, such as `stretch`, `crop`, `fill` or `fit`."),
    Pad: int32("Space between frames; 2 when left out."),
    Margin: int32("Space around all of them; 2 when left out."),
  }),
  TargetImageAnimations: model("AnimatedImage", "An animated image of a part of the video.", {
    URI: ossUri("OSS URI that the image is written to.", { required: true, isOutput: true }),
    Format: text("Format of the image, such as `gif` or `webp`.", { required: true }),
    StartTime: double("Where the first frame is taken, in seconds; the beginning when left out."),
    Interval: double("Seconds between the frames that are taken."),
    Number: int32("How many frames; up to the end of the video when 0 or left out."),
    FrameRate: double("Frames a second when it is played."),
    Width: double(`Width: ${imageSize}.`),
    Height: double(`Height: ${imageSize}.`),
    ScaleType: text("How a frame gets its size, such as `stretch`, `crop`, `fill` or `fit`."),
  }),
};

const areaSize = "pixels when whole, a ratio of the picture when between 0 and 1";

const referPos = text("The corner of the picture that offsets count from.", {
  values: ["topleft", "topright", "bottomright", "bottomleft"],
  default: "topleft",
});

/** Faces and licence plates are hidden by the same settings. */
function anonymization(what: string) {
  return {
    Confidence: float(`How sure it must be that it is ${what}.`, { range: { min: 0, max: 1 }, default: 0 }),
    MinSize: int32("Width and height in pixels from which on it is hidden.", { default: 0 }),
    BlurRadius: int32("Radius of the blur."),
    ScaleRatio: float("How much larger than what was found the hidden area is."),
    Transparency: float("Transparency of the hidden area."),
  };
}

const videoModels = {
  TargetVideo: model("TargetVideo", "What becomes of the video.", {
    DisableVideo: flag("Whether the result has no video.", { default: false }),
    Stream: list(
      stream,
      "Indexes of the video streams to process: the first one when left out, all when one is above 100.",
    ),
    TranscodeVideo: object("TargetVideoTranscodeVideo", "How video is encoded."),
    FilterVideo: object("TargetVideoFilterVideo", "What is done to the picture; only when it is encoded anew."),
  }),
  TargetVideoTranscodeVideo: model(
    "VideoTranscoding",
    "How video is encoded.",
    {
      Codec: text("The codec; `copy` takes the stream as it is and ignores the rest.", {
        values: ["copy", "h264", "h265", "vp9"],
        default: "copy",
      }),
      Resolution: text("Size such as `1280x720`, `1280x` or `x720`; as the source when left out."),
      AdaptiveResolutionDirection: flag("Whether the resolution is long by short side, not width by height.", {
        default: false,
      }),
      ResolutionOption: option("resolution"),
      ScaleType: text("How the picture gets the resolution.", {
        values: ["stretch", "crop", "fill", "fit"],
        default: "stretch",
      }),
      Rotation: int32("Degrees to turn the picture by, clockwise.", { values: [0, 90, 180, 270], default: 0 }),
      FrameRate: float("Frames a second; as the source when left out."),
      FrameRateOption: option("frame rate"),
      Bitrate: int32("Bits a second."),
      BitrateOption: option("bitrate"),
      CRF: float("Constant rate factor instead of a bitrate; the lower the better, 23 when neither is given.", {
        range: { min: 0, max: 51 },
      }),
      MaxBitrate: int32("Bits a second that a constant rate factor may reach."),
      BufferSize: int32("Buffer of the decoder for a constant rate factor, in bits."),
      GOPSize: int32("Frames from one key frame to the next.", { default: 150 }),
      BFrames: int32("B-frames in a row.", { default: 3 }),
      Refs: int32("Reference frames.", { default: 2 }),
      PixelFormat: text("Format of the pixels; as the source when left out.", {
        values: ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le", "yuva420p"],
      }),
      VideoSlim: int32("Whether to make the video smaller: 1 for yes.", { values: [0, 1], default: 0 }),
    },
    [
      { kind: "atMostOneOf", members: ["Bitrate", "CRF"] },
      { kind: "needs", member: "BitrateOption", needs: "Bitrate" },
      { kind: "needs", member: "MaxBitrate", needs: "CRF" },
      { kind: "needs", member: "MaxBitrate", needs: "BufferSize" },
      { kind: "needs", member: "BufferSize", needs: "CRF" },
      { kind: "needs", member: "FrameRateOption", needs: "FrameRate" },
      { kind: "needs", member: "ResolutionOption", needs: "Resolution" },
      { kind: "needs", member: "ScaleType", needs: "Resolution" },
    ],
  ),
  TargetVideoFilterVideo: model("VideoFilter", "What is done to the picture.", {
    Speed: float("Speed of playback, relative to the source.", { range: { min: 0.5, max: 1 }, default: 1 }),
    Watermarks: objects("TargetVideoFilterVideoWatermarks", "Watermarks to put on it."),
    Delogos: objects("TargetVideoFilterVideoDelogos", "Areas to blur, such as the logo of a station."),
    Desensitization: object("TargetVideoFilterVideoDesensitization", "Faces and licence plates to hide."),
  }),
  TargetVideoFilterVideoDelogos: model("BlurredArea", "A rectangle that is blurred for a while.", {
    StartTime: double("When it begins, in seconds; with the video when left out."),
    Duration: double("How many seconds it lasts; to the end when left out."),
    ReferPos: referPos,
    Dx: float(`Offset to the side: ${areaSize}; 0 when left out.`),
    Dy: float(`Offset up or down: ${areaSize}; 0 when left out.`),
    Width: float(`Width: ${areaSize}; all of it when left out.`),
    Height: float(`Height: ${areaSize}; all of it when left out.`),
  }),
  TargetVideoFilterVideoDesensitization: model("VideoAnonymization", "What is hidden of people and cars.", {
    Face: object("TargetVideoFilterVideoDesensitizationFace", "Hides faces."),
    LicensePlate: object("TargetVideoFilterVideoDesensitizationLicensePlate", "Hides licence plates."),
  }),
  TargetVideoFilterVideoDesensitizationFace: model("FaceAnonymization", "Which faces are hidden.", {
    ...anonymization("a face"),
  }),
  TargetVideoFilterVideoDesensitizationLicensePlate: model(
    "LicensePlateAnonymization",
    "Which licence plates are hidden.",
    anonymization("a licence plate"),
  ),
  TargetVideoFilterVideoWatermarks: model("VideoWatermark", "A text or an image on the picture.", {
    Type: text("Whether it is a text or an image.", { values: ["text", "file"], default: "text" }),
    StartTime: double("When it appears, in seconds; with the video when left out."),
    Duration: double("How many seconds it stays; to the end when left out."),
    ReferPos: referPos,
    Dx: float(`Offset to the side: ${areaSize}; 0 when left out.`),
    Dy: float(`Offset up or down: ${areaSize}; 0 when left out.`),
    URI: ossUri("Image: OSS URI of the file, png or mov."),
    Width: float(`Image: width, ${areaSize}; the file's own when left out.`),
    Height: float(`Image: height, ${areaSize}; the file's own when left out.`),
    Content: text("Text: what it says."),
    FontName: text("Text: the font.", {
      values: ["SourceHanSans-Regular", "SourceHanSans-Bold", "SourceHanSerif-Regular", "SourceHanSerif-Bold"],
      default: "SourceHanSans-Regular",
    }),
    FontSize: int32("Text: size of the font.", {
      range: { min: 4, max: 120, exclusiveMin: true, exclusiveMax: true },
      default: 16,
    }),
    FontColor: text("Text: colour as a name or `#RRGGBB`; black when left out."),
    // The missing letter is the vendor's.
    FontApha: float("Text: opacity.", {
      range: { min: 0, max: 1, exclusiveMin: true },
      default: 1,
      schemaName: "fontAlpha",
    }),
    BorderWidth: int32("Text: width of its outline in pixels.", { range: { min: 0, max: 4096 }, default: 0 }),
    BorderColor: text("Text: colour of its outline, as a name or `#RRGGBB`; black when left out."),
  }),
};

export const mediaTargetModels = { ...videoModels, ...audioModels, ...subtitleModels, ...imageModels };
