import { describe, expect, it } from "@jest/globals";
import { taskTypes } from "../../../src/imm/operations/operations.js";
import { hintAtTaskType } from "../../../src/tasks/read/task-type-hint.js";

describe("the hint at a task type", () => {
  it.each(taskTypes.map(({ name }) => name))("is none for %s, which is known", (name) => {
    expect(hintAtTaskType(name)).toBeNull();
  });

  it.each([
    ["the name of the event", "FigureClustering", "FaceClustering"],
    ["the name of the event", "PointCloudCompression", "PointCloudCompress"],
    ["the name of the operation", "CreateFigureClusteringTask", "FaceClustering"],
    ["the name in the operation", "CompressPointCloud", "PointCloudCompress"],
    ["another case", "imagetopdf", "ImageToPDF"],
    ["a slip", "FileCompresion", "FileCompression"],
    ["the name of a field of the mutation", "createStoryCreationTask", "StoryCreation"],
  ])("sees through %s: %s", (_what, given, meant) => {
    expect(hintAtTaskType(given)).toBe(`The gateway knows no task type \`${given}\`; did you mean \`${meant}\`?`);
  });

  it.each(["x", "Transcription", "z".repeat(512)])("repeats nothing where no name is near: %s", (given) => {
    expect(hintAtTaskType(given)).toBe(
      "The gateway knows no task type of this name; the query `taskTypes` lists those that it knows.",
    );
  });
});
