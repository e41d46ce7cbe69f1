// Lints schema.graphql, and nothing else, by the recommended rules of graphql-eslint. oxlint takes care of the rest.

import graphql from "@graphql-eslint/eslint-plugin";

const { rules } = graphql.configs["flat/schema-recommended"];
const [, namingConvention] = rules["@graphql-eslint/naming-convention"];

export default [
  {
    files: ["schema.graphql"],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema: "schema.graphql" } } },
    plugins: { "@graphql-eslint": graphql },
    rules: {
      ...rules,
      // Every element is described, not types alone.
      "@graphql-eslint/require-description": [
        "error",
        {
          types: true,
          rootField: true,
          DirectiveDefinition: true,
          FieldDefinition: true,
          InputValueDefinition: true,
          EnumValueDefinition: true,
        },
      ],
      // The exceptions, each with its reason.
      // "Task type" is IMM's own word for what TaskType describes: its suffix is no notation.
      "@graphql-eslint/naming-convention": [
        "error",
        { ...namingConvention, "ObjectTypeDefinition,ObjectTypeExtension": { forbiddenPrefixes: ["Type"] } },
      ],
      // `taskId` and `taskType` are IMM's names, the same as arguments, as fields and as the key of the subgraph.
      "@graphql-eslint/no-typename-prefix": "off",
      // Node says which objects have an identity, and asks for their `id`; all others are values.
      "@graphql-eslint/strict-id-in-types": "off",
    },
  },
];
