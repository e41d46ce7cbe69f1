import { describe, expect, it } from "@jest/globals";
import { isObjectType } from "graphql";
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
