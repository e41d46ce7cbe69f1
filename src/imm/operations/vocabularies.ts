/**
 * The closed choices of inputs: enums of the schema, with the wire's word for each of their values. A list that IMM extends
 * (codecs, containers, fonts, scenes) is none; it stays text, with the known words beside its member.
 */

import type { Vocabulary } from "./rows.js";

function vocabulary<const Words extends Vocabulary["words"]>(
  schemaName: string,
  description: string,
  words: Words,
): Vocabulary & { readonly words: Words } {
  return { schemaName, description, words };
}

export const packingMode = vocabulary("FilePackingMode", "Which objects an OSS URI names.", {
  PREFIX: { wire: "prefix", description: "All objects whose names begin with the URI." },
  FULL_NAME: { wire: "fullname", description: "The object with exactly this name." },
});

export const roleType = vocabulary("CredentialRoleType", "Who assumes a role.", {
  USER: { wire: "user", description: "An account." },
  SERVICE: { wire: "service", description: "A service." },
});

export const storyType = vocabulary("StoryTheme", "What a story is about.", {
  TIME_MEMORY: { wire: "TimeMemory", description: "A span of time." },
  PEOPLE_MEMORY: { wire: "PeopleMemory", description: "People." },
  TAG_MEMORY: { wire: "TagMemory", description: "A subject, such as food or pets." },
  TRAVEL_MEMORY: { wire: "TravelMemory", description: "A trip." },
});

export const officeTarget = vocabulary("OfficeTargetType", "What a document is converted into.", {
  PNG: { wire: "png", description: "PNG images." },
  JPG: { wire: "jpg", description: "JPEG images." },
  PDF: { wire: "pdf", description: "A PDF." },
  TXT: { wire: "txt", description: "Plain text." },
});

export const paperSize = vocabulary("SheetPaperSize", "The paper that a sheet is fitted to.", {
  A0: { wire: "A0", description: "Sheets of 841 × 1189 mm." },
  A2: { wire: "A2", description: "Sheets of 420 × 594 mm." },
  A4: { wire: "A4", description: "Sheets of 210 × 297 mm." },
});

export const splicingDirection = vocabulary("ImageSplicingDirection", "Where the next image of a splice goes.", {
  VERTICAL: { wire: "vertical", description: "Below the one before." },
  HORIZONTAL: { wire: "horizontal", description: "Beside the one before." },
});

export const splicingScaleType = vocabulary("ImageSplicingScaleType", "How an image gets the common width or height.", {
  FIT: { wire: "fit", description: "Its proportions are kept." },
  STRETCH: { wire: "stretch", description: "It is stretched." },
});

export const splicingFormat = vocabulary("ImageSplicingFormat", "The format of a spliced image.", {
  JPG: { wire: "jpg", description: "JPEG." },
  PNG: { wire: "png", description: "PNG." },
  WEBP: { wire: "webp", description: "WebP." },
});

export const watermarkStrength = vocabulary("BlindWatermarkStrength", "How thoroughly a watermark is looked for.", {
  LOW: { wire: "low", description: "Least thoroughly." },
  MEDIUM: { wire: "medium", description: "Between the two." },
  HIGH: { wire: "high", description: "Most thoroughly." },
});

export const watermarkModel = vocabulary("BlindWatermarkModel", "The algorithm of the older watermarks.", {
  FFT: { wire: "FFT", description: "Fast Fourier transform." },
  FFT_FULL: { wire: "FFT_FULL", description: "Fast Fourier transform, the variant that IMM calls full." },
  DWT: { wire: "DWT", description: "Discrete wavelet transform." },
  DWT_IBG: { wire: "DWT_IBG", description: "Discrete wavelet transform, the variant that IMM calls IBG." },
});

export const pointCloudMethod = vocabulary("PointCloudCompressMethod", "How a point cloud is compressed.", {
  OCTREE: { wire: "octree", description: "By an octree; see `octree`." },
  KDTREE: { wire: "kdtree", description: "By a k-d tree; see `kdtree`." },
});

export const alignMode = vocabulary("MediaAlignMode", "How a medium that runs beside the others gets their length.", {
  NONE: { wire: "false", description: "It keeps its own." },
  LOOP: { wire: "loop", description: "It is repeated." },
  PAD: { wire: "pad", description: "It is padded." },
});

export const lowerSource = vocabulary(
  "MediaLowerSourceOption",
  "What happens when the source has less than is asked for, such as a lower bitrate.",
  {
    FIXED: { wire: "fixed", description: "What is asked for is used all the same." },
    ADAPTIVE: { wire: "adaptive", description: "What the source has is used." },
    FAIL: { wire: "fall", description: "The task fails. IMM's word for it is `fall`." },
  },
);

export const mediaScaleType = vocabulary("MediaScaleType", "How a picture gets its new size.", {
  STRETCH: { wire: "stretch", description: "It is stretched." },
  CROP: { wire: "crop", description: "It keeps its proportions; what is too much is cut off." },
  FILL: { wire: "fill", description: "It keeps its proportions; what is missing is filled." },
  FIT: { wire: "fit", description: "It keeps its proportions, inside the size." },
});

export const referencePosition = vocabulary("VideoReferencePosition", "The corner that offsets count from.", {
  TOP_LEFT: { wire: "topleft", description: "The upper left corner." },
  TOP_RIGHT: { wire: "topright", description: "The upper right corner." },
  BOTTOM_RIGHT: { wire: "bottomright", description: "The lower right corner." },
  BOTTOM_LEFT: { wire: "bottomleft", description: "The lower left corner." },
});

export const watermarkType = vocabulary("VideoWatermarkType", "What a watermark is.", {
  TEXT: { wire: "text", description: "A text." },
  FILE: { wire: "file", description: "An image." },
});

export const highlightType = vocabulary("HighlightType", "What is made of the highlights of videos.", {
  RETRIEVAL: { wire: "Retrieval", description: "The moments alone." },
  CONCAT: { wire: "Concat", description: "The sources, joined." },
  COMPOSE: { wire: "Compose", description: "A finished video." },
});

export const highlightMode = vocabulary("HighlightMode", "How a video is cut into moments.", {
  SCENE: { wire: "Scene", description: "By scene." },
  AVERAGE: { wire: "Average", description: "In even slices." },
});

export const musicMode = vocabulary("HighlightMusicMode", "How music is chosen.", {
  RANDOM: { wire: "Random", description: "By chance." },
  SEQUENTIAL: { wire: "Sequential", description: "In the order given." },
  CLOSED: { wire: "Closed", description: "None is." },
});

export const effectMode = vocabulary("HighlightEffectMode", "How transitions or effects are chosen.", {
  AUTO: { wire: "Auto", description: "By IMM." },
  RANDOM: { wire: "Random", description: "By chance." },
  SEQUENTIAL: { wire: "Sequential", description: "In the order given." },
  CLOSED: { wire: "Closed", description: "None is." },
});
