/** The rows of the operations on images and point clouds. */

import {
  choice,
  creates,
  double,
  flag,
  inQuery,
  int32,
  int64,
  model,
  object,
  objects,
  ossUri,
  text,
  texts,
} from "./rows.js";
import { notification, projectName, usual } from "./shared-members.js";
import {
  pointCloudMethod,
  splicingDirection,
  splicingFormat,
  splicingScaleType,
  watermarkModel,
  watermarkStrength,
} from "./vocabularies.js";

const imageSource = {
  URI: ossUri("OSS URI of the image.", { required: true }),
  Rotate: int64("Degrees to turn the image by.", {
    values: [0, 90, 180, 270],
    closed: true,
    default: 0,
    schemaName: "rotateDegrees",
  }),
};

export const imageModels = {
  CreateImageSplicingTaskRequestSources: model("ImageSplicingSource", "One image of a splice.", imageSource),
  CreateImageToPDFTaskRequestSources: model("ImageToPdfSource", "One image, hence one page.", imageSource),
  OctreeOption: model("OctreeOption", "How an octree compresses a point cloud.", {
    LibraryName: text("The library that does it.", { values: ["pcl"], default: "pcl" }),
    OctreeResolution: double("Edge of the smallest cell, in the unit of the coordinates.", {
      default: 0.01,
      schemaName: "resolution",
      atLeast: 0,
    }),
    PointResolution: double("Precision of the coordinates, in their unit.", { default: 0.01, atLeast: 0 }),
    // The doubled word is the vendor's.
    DoVoxelGridDownDownSampling: flag("Whether the points of a cell become one, at its centre.", {
      schemaName: "doVoxelGridDownSampling",
    }),
  }),
  KdtreeOption: model("KdtreeOption", "How a k-d tree compresses a point cloud.", {
    LibraryName: text("The library that does it.", { values: ["draco"], default: "draco" }),
    CompressionLevel: int32("How hard to compress.", { range: { min: 0, max: 10 } }),
    QuantizationBits: int32("Bits that a coordinate is kept in.", { range: { min: 0, max: 31 } }),
  }),
};

export const imageOperations = creates({
  CreateImageSplicingTask: {
    taskType: "ImageSplicing",
    hasRequestDefinition: true,
    description: "Joins images into one, below or beside each other.",
    request: inQuery({
      ProjectName: projectName,
      Sources: objects("CreateImageSplicingTaskRequestSources", "The images, in order.", { required: true }),
      TargetURI: ossUri("OSS URI of the image to write.", { required: true, isOutput: true }),
      Direction: choice(splicingDirection, "Whether the images go below or beside each other.", {
        default: "vertical",
      }),
      Align: int64("Common width (VERTICAL) or height (HORIZONTAL) in pixels; that of the first image when omitted.", {
        schemaName: "alignPixels",
        atLeast: 1,
      }),
      ScaleType: choice(splicingScaleType, "How an image gets the common width or height.", { default: "fit" }),
      Padding: int64("Pixels between the images.", { default: 0, schemaName: "paddingPixels", atLeast: 0 }),
      Margin: int64("Pixels around all of them.", { default: 0, schemaName: "marginPixels", atLeast: 0 }),
      BackgroundColor: text("Colour of padding and margin: `#FFFFFF`, or a name such as `red`."),
      ImageFormat: choice(splicingFormat, "Format of the image to write.", { default: "jpg" }),
      Quality: int64("Quality of a JPG or WEBP, the higher the better.", { range: { min: 0, max: 100 }, default: 80 }),
      ...usual,
    }),
  },
  CreateImageToPDFTask: {
    taskType: "ImageToPDF",
    hasRequestDefinition: true,
    description: "Makes one PDF of images, a page each.",
    request: inQuery({
      ProjectName: projectName,
      Sources: objects("CreateImageToPDFTaskRequestSources", "The images, in order.", { required: true }),
      TargetURI: ossUri("OSS URI of the PDF to write.", { required: true, isOutput: true }),
      ...usual,
    }),
  },
  CreateDecodeBlindWatermarkTask: {
    taskType: "DecodeBlindWatermark",
    evidence: "sdk",
    hasRequestDefinition: false,
    description: "Reads the invisible watermark of an image.",
    request: inQuery({
      ProjectName: { ...projectName, description: "The project in which the watermark was put into the image." },
      SourceURI: ossUri("OSS URI of the image.", { required: true }),
      WatermarkType: text("What the watermark is.", { values: ["text"] }),
      StrengthLevel: choice(watermarkStrength, "How thoroughly to look."),
      Model: choice(watermarkModel, "The algorithm of the older watermarks; the newer kind is meant when omitted.", {
        default: "FFT",
      }),
      OriginalImageURI: ossUri("Older watermarks: OSS URI of the image before it was marked."),
      TargetURI: ossUri("Older watermarks: OSS URI of the image to write.", { isOutput: true }),
      ImageQuality: int32("Older watermarks: quality of the image to write.", {
        range: { min: 70, max: 100 },
        default: 90,
      }),
      Notification: notification,
    }),
  },
  CreateCompressPointCloudTask: {
    taskType: "PointCloudCompress",
    eventType: "imm:Task:PointCloudCompression",
    hasRequestDefinition: true,
    description: "Compresses a point cloud.",
    request: inQuery({
      ProjectName: projectName,
      SourceURI: ossUri("OSS URI of the point cloud.", { required: true }),
      TargetURI: ossUri("OSS URI of what is written.", { required: true, isOutput: true }),
      PointCloudFileFormat: text("Format of the point cloud.", {
        values: ["pcd"],
        default: "pcd",
        schemaName: "fileFormat",
      }),
      PointCloudFields: texts("Which fields to keep, in which order, such as `xyz` and `intensity`.", {
        required: true,
        schemaName: "fields",
      }),
      CompressMethod: choice(pointCloudMethod, "The algorithm.", { required: true, schemaName: "method" }),
      OctreeOption: object("OctreeOption", "Settings of the algorithm OCTREE.", { schemaName: "octree" }),
      KdtreeOption: object("KdtreeOption", "Settings of the algorithm KDTREE.", { schemaName: "kdtree" }),
      ...usual,
    }),
    inputRules: [
      { kind: "onlyWhere", members: ["OctreeOption"], where: "CompressMethod", values: ["octree"] },
      { kind: "onlyWhere", members: ["KdtreeOption"], where: "CompressMethod", values: ["kdtree"] },
    ],
  },
});
