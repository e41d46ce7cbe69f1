import type { CodegenConfig } from "@graphql-codegen/cli";

// Types for the operations that this app writes. `npm run dev` and `npm run build` make them, so they always fit the schema.
const config: CodegenConfig = {
  // In an app of its own: node_modules/imm-graphql/schema.graphql, or the URL of a running gateway.
  schema: "../../schema.graphql",
  documents: ["src/**/*.{ts,tsx}", "!src/gql/**"],
  generates: {
    "src/gql/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: {
        enumsAsTypes: true,
        useTypeImports: true,
        strictScalars: true,
        // Apollo Client asks for it everywhere.
        nonOptionalTypename: true,
        avoidOptionals: { field: true },
        scalars: {
          DateTime: "string",
          JSON: "unknown",
          JSONObject: "Record<string, unknown>",
          Long: "number | string",
          OssUri: "string",
        },
      },
    },
    // What the form to start a task knows of each type.
    "src/gql/inputs.json": { plugins: ["./inputs-plugin.js"] },
  },
};

export default config;
