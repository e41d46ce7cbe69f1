/** The row of the conversion of office documents. */

import { choice, creates, flag, inBody, inQuery, int64, model, object, objects, ossUri, text } from "./rows.js";
import { projectName, usual } from "./shared-members.js";
import { officeTarget, paperSize } from "./vocabularies.js";

export const documentModels = {
  CreateOfficeConversionTaskRequestSources: model("OfficeConversionSource", "One image to convert.", {
    URI: ossUri("OSS URI of the image."),
    Rotate: int64("Degrees to turn it by.", { values: [0, 90, 180, 270], default: 0 }),
  }),
  TrimPolicy: model("SheetTrimPolicy", "What is kept of a spreadsheet that would otherwise be trimmed away.", {
    DisableDeleteEmptyCell: flag("Whether empty cells stay.", { schemaName: "keepEmptyCells" }),
    DisableDeleteRepeatedStyle: flag("Whether repeated styles stay.", { schemaName: "keepRepeatedStyles" }),
    DisableDeleteUnusedPicture: flag("Whether pictures that nothing uses stay.", { schemaName: "keepUnusedPictures" }),
    DisableDeleteUnusedShape: flag("Whether shapes that nothing uses stay.", { schemaName: "keepUnusedShapes" }),
  }),
};

const TEXT_DOCUMENTS = "doc docx wps wpss docm dotm dot dotx".split(" ");
const PRESENTATIONS = "pptx ppt pot potx pps ppsx dps dpt pptm potm ppsm dpss".split(" ");
const SPREADSHEETS = "xls xlt et ett xlsx xltx csv xlsb xlsm xltm ets".split(" ");

const SOURCE_TYPES: readonly string[] = [...TEXT_DOCUMENTS, ...PRESENTATIONS, ...SPREADSHEETS, "pdf"];

const IMAGE_MEMBERS = ["ImageDPI", "LongPicture", "FirstPage", "ShowComments"] as const;
const TEXT_MEMBERS = ["LongText", "HoldLineFeed"] as const;
const SPREADSHEET_MEMBERS = [
  "SheetIndex",
  "SheetCount",
  "MaxSheetRow",
  "MaxSheetColumn",
  "FitToHeight",
  "FitToWidth",
  "PaperSize",
  "PaperHorizontal",
  "TrimPolicy",
] as const;

export const documentOperations = creates({
  CreateOfficeConversionTask: {
    taskType: "OfficeConversion",
    hasRequestDefinition: false,
    description: "Converts a text document, presentation, spreadsheet or PDF into images, PDF or plain text.",
    request: {
      ...inQuery({
        ProjectName: projectName,
        SourceURI: ossUri("OSS URI of the document, at most 200 MB.", { needed: true }),
        SourceType: text("The document's extension, where the object's name has none.", {
          values: SOURCE_TYPES,
        }),
        TargetType: choice(officeTarget, "What to convert it into.", { required: true }),
        TargetURI: ossUri("OSS URI of what is written; it may hold variables such as `{autoext}`.", { isOutput: true }),
        TargetURIPrefix: ossUri("OSS URI that the names of what is written begin with.", { isOutput: true }),
        Password: text("What the document is locked with."),
        Pages: text("Which pages, such as `1,2-4,7`; goes before `startPage` and `endPage`."),
        StartPage: int64("The first page that becomes an image, counted from 1.", { default: 1, atLeast: 1 }),
        EndPage: int64("The last page that becomes an image; -1 for the document's last.", {
          default: -1,
          atLeast: -1,
        }),
        FirstPage: flag("Whether only the first image of a spreadsheet is kept; for long pictures.", {
          default: false,
          schemaName: "firstImageOnly",
        }),
        Quality: int64("Quality of what is written, the higher the better; chosen by the content when omitted.", {
          range: { min: 0, max: 100 },
        }),
        ImageDPI: int64("Resolution of images, in dots per inch.", {
          range: { min: 96, max: 600 },
          default: 96,
          schemaName: "dpi",
        }),
        ScalePercentage: int64("Size of what is written, in percent.", {
          range: { min: 20, max: 199 },
          default: 100,
          schemaName: "scalePercent",
        }),
        LongPicture: flag("Whether all pages become one long image, up to 20 pages.", {
          default: false,
          schemaName: "joinPages",
        }),
        LongText: flag("Whether all text goes into one file instead of one a page.", {
          default: false,
          schemaName: "joinPages",
        }),
        HoldLineFeed: flag("Whether text keeps its line feeds.", { default: false, schemaName: "keepLineFeeds" }),
        ShowComments: flag("Whether images of a text document show its comments.", { default: false }),
        SheetIndex: int64("The first sheet that becomes images, counted from 1.", {
          default: 1,
          atLeast: 1,
          schemaName: "firstSheet",
        }),
        SheetCount: int64("How many sheets become images; all when omitted.", { atLeast: 1 }),
        MaxSheetRow: int64("How many rows of a sheet become a long picture; all when omitted.", {
          atLeast: 1,
          schemaName: "maxRows",
        }),
        MaxSheetColumn: int64("How many columns of a sheet become a long picture; all when omitted.", {
          atLeast: 1,
          schemaName: "maxColumns",
        }),
        FitToHeight: flag("Whether all rows of a sheet go on one page.", { default: false }),
        FitToWidth: flag("Whether all columns of a sheet go on one page.", { default: false }),
        PaperSize: choice(paperSize, "The paper of a sheet that is fitted to pages.", { default: "A4" }),
        PaperHorizontal: flag("Whether the paper of a sheet lies on its long side.", {
          default: false,
          schemaName: "landscape",
        }),
        TrimPolicy: object("TrimPolicy", "What is kept of a spreadsheet.", { schemaName: "trim" }),
        ...usual,
      }),
      ...inBody({
        Sources: objects("CreateOfficeConversionTaskRequestSources", "Images to convert, in this order.", {
          unpublished: true,
        }),
      }),
    },
    rules: [{ kind: "exactlyOneOf", members: ["TargetURI", "TargetURIPrefix"] }],
    inputRules: [
      { kind: "onlyWhere", members: IMAGE_MEMBERS, where: "TargetType", values: ["png", "jpg"] },
      { kind: "onlyWhere", members: TEXT_MEMBERS, where: "TargetType", values: ["txt"] },
    ],
    inputGroups: {
      images: {
        schemaName: "OfficeImages",
        description: "How a document becomes images: for the targets PNG and JPG.",
        members: IMAGE_MEMBERS,
      },
      text: {
        schemaName: "OfficeText",
        description: "How a document becomes plain text: for the target TXT.",
        members: TEXT_MEMBERS,
      },
      spreadsheet: {
        schemaName: "OfficeSpreadsheet",
        description: "How a spreadsheet is converted: which sheets, on which paper.",
        members: SPREADSHEET_MEMBERS,
      },
    },
  },
});
