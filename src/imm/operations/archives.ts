/** The rows of the operations on archives: packing, unpacking, looking inside. All are in public preview. */

import { choice, creates, inQuery, model, objects, ossUri, text, texts } from "./rows.js";
import { credentialConfig, notification, projectName, userData } from "./shared-members.js";
import { packingMode } from "./vocabularies.js";

export const archiveModels = {
  CreateFileCompressionTaskRequestSources: model(
    "FileCompressionSource",
    "One packing rule: which objects, and where they go in the archive.",
    {
      URI: ossUri("OSS URI of an object, or of a directory when the mode is `PREFIX`.", { needed: true }),
      Mode: choice(packingMode, "Whether the URI means one object or all that begin with it.", { default: "prefix" }),
      Alias: text("Path or name inside the archive, the path in the bucket when omitted. Example: `/reports`."),
    },
  ),
};

export const archiveOperations = creates({
  CreateFileCompressionTask: {
    taskType: "FileCompression",
    hasRequestDefinition: true,
    stage: "public-preview",
    description: "Packs objects of OSS into one archive.",
    request: inQuery({
      ProjectName: projectName,
      Sources: objects("CreateFileCompressionTaskRequestSources", "What to pack.", { maxItems: 100 }),
      SourceManifestURI: ossUri(
        "OSS URI of a JSON file with the packing rules, where they are too many for a request.",
      ),
      TargetURI: ossUri("OSS URI of the archive to write.", { required: true, isOutput: true }),
      CompressedFormat: text("The archive's format.", { values: ["zip"] }),
      UserData: userData,
      Notification: notification,
      CredentialConfig: credentialConfig,
    }),
    rules: [{ kind: "exactlyOneOf", members: ["Sources", "SourceManifestURI"] }],
  },
  CreateFileUncompressionTask: {
    taskType: "FileUncompression",
    hasRequestDefinition: true,
    stage: "public-preview",
    description: "Unpacks an archive into OSS, as a whole or in part.",
    request: inQuery({
      ProjectName: projectName,
      SourceURI: ossUri("OSS URI of the archive.", { required: true }),
      TargetURI: ossUri("OSS URI of the directory that takes the files.", { isOutput: true }),
      SelectedFiles: texts("Which files of the archive to unpack; all when omitted."),
      Password: text("What the archive is locked with."),
      UserData: userData,
      Notification: notification,
      CredentialConfig: credentialConfig,
    }),
  },
  CreateArchiveFileInspectionTask: {
    taskType: "ArchiveFileInspection",
    hasRequestDefinition: true,
    stage: "public-preview",
    description: "Lists what an archive holds, without unpacking it.",
    request: inQuery({
      ProjectName: projectName,
      SourceURI: ossUri("OSS URI of the archive.", { needed: true }),
      Password: text("What the archive is locked with."),
      UserData: userData,
      Notification: notification,
      CredentialConfig: credentialConfig,
    }),
  },
});
