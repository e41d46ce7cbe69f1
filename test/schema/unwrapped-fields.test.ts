import { describe, expect, it } from "@jest/globals";
import { isObjectType, type GraphQLResolveInfo } from "graphql";
import { getMetadataStorage } from "type-graphql";
import { createSchema } from "../../src/schema/build-schema.js";

const schema = createSchema({ federation: true });

/** The fields of object types, with what their class has there. */
const fields = getMetadataStorage().objectTypes.flatMap(({ name: typeName, target, fields: given = [] }) => {
  const type = schema.getType(typeName);
  if (!isObjectType(type)) return [];
  return given.map(({ name, schemaName }) => ({
    coordinate: `${typeName}.${schemaName}`,
    member: name,
    schemaName,
    method: Object.getOwnPropertyDescriptor((target as unknown as { prototype: object }).prototype, name)
      ?.value as unknown,
    resolve: type.getFields()[schemaName]?.resolve,
  }));
});

describe("a field that is read without a wrapper", () => {
  const plain = fields.filter(({ resolve }) => resolve === undefined);

  it("has the name of its member, and is no method", () => {
    expect(plain.length).toBeGreaterThan(80);
    for (const { coordinate, member, schemaName, method } of plain) {
      expect([coordinate, member, typeof method]).toEqual([coordinate, schemaName, "undefined"]);
    }
  });

  it("is every plain field of what is asked for often", () => {
    const wrapped = fields.filter(({ resolve }) => resolve !== undefined).map(({ coordinate }) => coordinate);
    expect(wrapped.filter((coordinate) => /^Task(Connection|Edge|Error|Event|Type|Key)?\./.test(coordinate))).toEqual([
      "Task.eventId",
      "Task.result",
    ]);
  });
});

describe("a field of the root types", () => {
  it("gets its arguments as graphql-js has coerced them, and no object of a class for each", () => {
    // What has the names of a key, but is none that anything else could have made.
    class Given {
      readonly projectName = "immtest";
      readonly taskType = "FileCompression";
      get taskId(): string {
        return String(this instanceof Given);
      }
    }
    const asked: unknown[] = [];
    const context = { tasks: { look: (key: unknown) => asked.push(key) }, maxKeys: 2 };
    const info = { fieldNodes: [], fragments: {}, variableValues: {} };
    const { task, tasksByKey } = schema.getQueryType()?.getFields() ?? {};
    for (const [field, args] of [
      [task, { key: new Given() }],
      [tasksByKey, { keys: [new Given(), new Given()] }],
    ] as const) {
      void field?.resolve?.(undefined, args, context, info as unknown as GraphQLResolveInfo);
    }
    const key = { projectName: "immtest", taskType: "FileCompression", taskId: "true" };
    expect(asked).toEqual([key, key, key]);
  });
});
