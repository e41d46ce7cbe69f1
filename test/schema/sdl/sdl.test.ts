import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import {
  isInputObjectType,
  isObjectType,
  Kind,
  parse,
  printSchema,
  visit,
  type ObjectTypeDefinitionNode,
} from "graphql";
import { resultOperations } from "../../../src/imm/operations/operations.js";
import { createSchema, printGatewaySchema } from "../../../src/schema/build-schema.js";

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
    const committed = readFileSync(new URL("../../../../schema.graphql", import.meta.url), "utf8");
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

  it("has no type whose name another subgraph may have: each says Task or begins with Imm or Oss", () => {
    const types = Object.keys(createSchema().getTypeMap()).filter((name) => !name.startsWith("__"));
    const others = types.filter((name) => !/^(Imm|Oss)[A-Z]|Task/.test(name));
    // What GraphQL, Relay and every subgraph have, and the words that IMM and OSS have to themselves.
    const shared = ["Query", "Mutation", "Subscription", "Node", "PageInfo"];
    const scalars = ["String", "Int", "Float", "Boolean", "ID", "DateTime", "JSON", "JSONObject", "Long"];
    const results = Object.values(resultOperations).map(({ schemaName }) => schemaName);
    expect(others.toSorted()).toEqual([...shared, ...scalars, ...results, "ModerationSuggestion"].toSorted());
  });

  // Those of the creates' inputs are the table's, held by test/imm/operations.test.ts.
  it("describes each element outside of the creates' inputs in words of its own", () => {
    const texts: string[] = [];
    visit(parse(printGatewaySchema()), {
      InputObjectTypeDefinition: ({ name }) => (/^Imm|^Create/.test(name.value) ? false : undefined),
      enter(node) {
        if ("description" in node && node.description !== undefined) texts.push(node.description.value);
      },
    });
    const repeated = [...new Set(texts)].filter((text) => texts.filter((other) => other === text).length > 6);
    expect(repeated).toEqual([]);
    expect(texts.filter((text) => /left out|leaves out|\bnobody\b|\bsomebody\b|whoever/i.test(text))).toEqual([]);
    expect(texts.filter((text) => !/^[A-Z`][^]*[.)]$/.test(text))).toEqual([]);
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

  it("shows the defaults that are the gateway's own, and no more than its bounds allow", () => {
    const sdl = printSchema(createSchema());
    for (const shown of ["first: Int = 100", "timeoutMs: Int = 25000", "direction: TaskOrderDirection! = ASC"]) {
      expect(sdl).toContain(shown);
    }
    const bounded = printSchema(createSchema({ maxListedTasks: 20, maxAwaitMs: 60_000 }));
    for (const shown of ["first: Int = 20", "timeoutMs: Int = 25000"]) expect(bounded).toContain(shown);
  });

  it("gives no create a default, which would be sent", () => {
    const inputs = Object.values(createSchema().getTypeMap())
      .filter((type) => isInputObjectType(type))
      .filter(({ name }) => /^(Create|Rerun)/.test(name));
    const given = inputs.flatMap((type) => Object.values(type.getFields()).map(({ defaultValue }) => defaultValue));
    expect(inputs).toHaveLength(20);
    expect(given.filter((value) => value !== undefined)).toEqual([]);
  });

  it("gives a task all that IMM's GetTask answers, and what the gateway makes of it", () => {
    const task = createSchema().getType("Task");
    expect(isObjectType(task) && Object.keys(task.getFields())).toEqual([
      "id",
      "region",
      "projectName",
      "taskType",
      "taskId",
      "status",
      "statusText",
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
