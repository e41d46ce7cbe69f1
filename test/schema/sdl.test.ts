import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { isObjectType, Kind, parse, printSchema, visit, type ObjectTypeDefinitionNode } from "graphql";
import { createSchema, printGatewaySchema } from "../../src/schema/build-schema.js";

/** The elements that can be described. */
const DESCRIBED_KINDS: ReadonlySet<string> = new Set([
  ...Object.values(Kind).filter((kind) => kind.endsWith("TypeDefinition")),
  Kind.FIELD_DEFINITION,
  Kind.INPUT_VALUE_DEFINITION,
  Kind.ENUM_VALUE_DEFINITION,
  Kind.DIRECTIVE_DEFINITION,
]);

describe("the schema", () => {
  it("is the one that schema.graphql shows", () => {
    const committed = readFileSync(new URL("../../../schema.graphql", import.meta.url), "utf8");
    expect(printGatewaySchema()).toBe(committed);
  });

  it.each([
    ["as it is printed", () => printGatewaySchema()],
    ["as a subgraph serves it", () => printSchema(createSchema({ federation: true }))],
  ])("describes every element, %s", (_form, printed) => {
    const silent: string[] = [];
    let described = 0;
    visit(parse(printed()), {
      enter(node) {
        if (!DESCRIBED_KINDS.has(node.kind) || !("name" in node)) return;
        if ("description" in node && node.description !== undefined) described += 1;
        else silent.push(`${node.kind} ${node.name?.value}`);
      },
    });
    expect(silent).toEqual([]);
    expect(described).toBeGreaterThan(100);
  });

  it("says nothing twenty times", () => {
    const counts = new Map<string, number>();
    visit(parse(printGatewaySchema()), {
      StringValue({ value }, key) {
        if (key === "description") counts.set(value, (counts.get(value) ?? 0) + 1);
      },
    });
    expect([...counts].filter(([, count]) => count >= 20)).toEqual([]);
  });

  it("prices every field of a root type, by a directive that introspection does not show", () => {
    const roots = parse(printGatewaySchema()).definitions.filter(
      (definition) =>
        definition.kind === Kind.OBJECT_TYPE_DEFINITION &&
        ["Query", "Mutation", "Subscription"].includes(definition.name.value),
    ) as readonly ObjectTypeDefinitionNode[];
    const fields = roots.flatMap(({ fields = [] }) => fields);
    const free = fields.filter(({ directives = [] }) => !directives.some(({ name }) => name.value === "cost"));
    expect(fields.length).toBeGreaterThan(8);
    expect(free.map(({ name }) => name.value)).toEqual([]);
    expect(createSchema().getDirective("cost")).toBeUndefined();
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
