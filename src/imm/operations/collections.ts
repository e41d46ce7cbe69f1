/** The rows of the operations on whole datasets: faces, similar images, places and days, stories. */

import { choice, creates, inBody, inQuery, int64, map, model, object, objects, ossUri, text, texts } from "./rows.js";
import { datasetName, followUp, notification, projectName, userData } from "./shared-members.js";
import { storyType } from "./vocabularies.js";

export const collectionModels = {
  CreateFacesSearchingTaskRequestSources: model("FacesSearchingSource", "One image whose faces are looked for.", {
    URI: ossUri("OSS URI of the image.", { needed: true }),
  }),
  CreateLocationDateClusteringTaskRequestDateOptions: model("DateClusteringOptions", "How many days make a group.", {
    MinDays: int64("Days that a group has at least.", { required: true, range: { min: 1, max: 99_999 } }),
    MaxDays: int64("Days that a group has at most.", { required: true, range: { min: 1, max: 99_999 } }),
    GapDays: int64("Days without pictures that a group may have.", { required: true, range: { min: 0, max: 99_999 } }),
  }),
  CreateLocationDateClusteringTaskRequestLocationOptions: model(
    "LocationClusteringOptions",
    "How large an area makes a group.",
    {
      LocationDateClusterLevels: texts("The levels of areas to group by, such as `city` and `province`.", {
        required: true,
        schemaName: "levels",
      }),
    },
  ),
  AddressForStory: model("StoryAddress", "Where the pictures of a story were taken.", {
    Country: text("Country."),
    Province: text("Province."),
    City: text("City."),
    District: text("District."),
    Township: text("Township."),
  }),
};

export const collectionOperations = creates({
  CreateFacesSearchingTask: {
    taskType: "FacesSearching",
    hasRequestDefinition: true,
    description: "Finds the images of a dataset that show the faces of given images.",
    request: inQuery({
      ProjectName: projectName,
      DatasetName: datasetName,
      Sources: objects("CreateFacesSearchingTaskRequestSources", "The images with the faces.", { needed: true }),
      MaxResult: int64("How many of the most similar faces to answer.", { range: { min: 0, max: 100 }, default: 5 }),
      UserData: userData,
      Notification: notification,
    }),
  },
  CreateFigureClusteringTask: {
    taskType: "FaceClustering",
    eventType: "imm:Task:FigureClustering",
    hasRequestDefinition: true,
    description: "Groups the faces of a dataset by person.",
    request: inQuery({
      ProjectName: projectName,
      DatasetName: datasetName,
      ...followUp,
    }),
  },
  CreateFigureClustersMergingTask: {
    taskType: "FigureClustersMerging",
    evidence: "inferred",
    hasRequestDefinition: false,
    description: "Merges groups of faces that show the same person.",
    request: inQuery({
      ProjectName: projectName,
      DatasetName: datasetName,
      From: text("The group to merge into the other.", { superseded: true }),
      Froms: texts("The ids of the groups to merge into the other.", { maxItems: 100, needed: true }),
      To: text("The id of the group that stays.", { required: true }),
      ...followUp,
    }),
    rules: [{ kind: "exactlyOneOf", members: ["From", "Froms"] }],
  },
  CreateSimilarImageClusteringTask: {
    taskType: "SimilarImageClustering",
    evidence: "sdk",
    hasRequestDefinition: false,
    description: "Groups the similar images of a dataset.",
    request: inQuery({
      ProjectName: projectName,
      DatasetName: datasetName,
      ...followUp,
    }),
  },
  CreateLocationDateClusteringTask: {
    taskType: "LocationDateClustering",
    hasRequestDefinition: true,
    description: "Groups the pictures of a dataset by where and when they were taken.",
    request: inQuery({
      ProjectName: projectName,
      DatasetName: datasetName,
      DateOptions: object(
        "CreateLocationDateClusteringTaskRequestDateOptions",
        "How many days make a group; changes the groups that exist, too.",
        { required: true },
      ),
      LocationOptions: object(
        "CreateLocationDateClusteringTaskRequestLocationOptions",
        "How large an area makes a group; changes the groups that exist, too.",
        { required: true },
      ),
      ...followUp,
    }),
  },
  CreateStory: {
    schemaName: "createStoryCreationTask",
    taskType: "StoryCreation",
    hasRequestDefinition: true,
    description: "Makes a story of a dataset's pictures: of a time, people, a trip or a subject.",
    request: {
      ...inBody({
        ProjectName: projectName,
        DatasetName: datasetName,
        StoryType: choice(storyType, "What the story is about.", { required: true, schemaName: "type" }),
        StorySubType: text("What the story is about, more closely.", {
          schemaName: "subType",
          values: ["Solo", "Food", "Pet", "PetDog", "PetCat", "Scenery"],
        }),
        StoryName: text("The story's name.", { schemaName: "name" }),
        StoryStartTime: text("Pictures taken from this instant on.", { form: "instant", schemaName: "startTime" }),
        StoryEndTime: text("Pictures taken up to this instant.", { form: "instant", schemaName: "endTime" }),
        Address: object("AddressForStory", "Where the pictures were taken."),
        MinFileCount: int64("Pictures that the story must have; with fewer it stays empty.", { atLeast: 0 }),
        MaxFileCount: int64("Pictures that the story has at most.", { atLeast: 0 }),
        ObjectId: text("The story's id: made by IMM when omitted; an existing one updates its story."),
        CustomId: text("An id to find and sort stories by."),
        CustomLabels: map("Labels to find stories by."),
        NotifyTopicName: text("The older way to name the topic of the notification."),
      }),
      ...inQuery({
        ...followUp,
      }),
    },
    inputRules: [{ kind: "onlyWhere", members: ["Address"], where: "StoryType", values: ["TravelMemory"] }],
  },
});
