import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { isInputObjectType, isInterfaceType, isObjectType, isSpecifiedScalarType } from "graphql";
import { createSchema, printGatewaySchema } from "../../src/schema/build-schema.js";

describe("the schema", () => {
  it("is the one that schema.graphql shows", () => {
    const committed = readFileSync(new URL("../../../schema.graphql", import.meta.url), "utf8");
    expect(printGatewaySchema()).toBe(committed);
  });

  it("describes every type, field and argument", () => {
    const silent: string[] = [];
    const check = (name: string, { description }: { readonly description?: string | null | undefined }): void => {
      if (description === undefined || description === null || description === "") silent.push(name);
    };
    const types = Object.values(createSchema().getTypeMap()).filter(
      (type) => !type.name.startsWith("__") && !isSpecifiedScalarType(type),
    );
    for (const type of types) {
      check(type.name, type);
      if ("getValues" in type) for (const value of type.getValues()) check(`${type.name}.${value.name}`, value);
      if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) continue;
      for (const field of Object.values(type.getFields())) {
        check(`${type.name}.${field.name}`, field);
        if ("args" in field) for (const arg of field.args) check(`${type.name}.${field.name}(${arg.name})`, arg);
      }
    }
    expect(silent).toEqual([]);
    expect(types.length).toBeGreaterThan(10);
  });

  it("gives a task all that IMM's GetTask answers, and what the gateway makes of it", () => {
    const task = createSchema().getType("Task");
    expect(isObjectType(task) && Object.keys(task.getFields())).toEqual([
      "id",
      "projectName",
      "taskType",
      "taskId",
      "status",
      "isDone",
      "progress",
      "error",
      "code",
      "message",
      "startTime",
      "endTime",
      "elapsedMs",
      "expiresAt",
      "eventId",
      "requestId",
      "userData",
      "userDataJson",
      "tags",
      "requestDefinition",
      "requestDefinitionText",
      "outputs",
      "result",
      "estimatedEndAt",
      "observedAt",
      "pollAfterMs",
    ]);
  });
});
