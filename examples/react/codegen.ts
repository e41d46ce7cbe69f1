import type { CodegenConfig } from "@graphql-codegen/cli";

// Types for the operations that this app writes. `npm run dev` and `npm run build` make them, so they always fit the schema.
const config: CodegenConfig = {
  // In an app of its own: node_modules/imm-graphql/schema.graphql, or the URL of a running gateway.
  schema: "../../schema.graphql",
  documents: "src/**/*.tsx",
  generates: {
    "src/gql/": {
      preset: "client",
      // Apollo Client masks fragments itself, see client.ts.
      presetConfig: { fragmentMasking: false },
      config: {
        inlineFragmentTypes: "mask",
        enumsAsTypes: true,
        useTypeImports: true,
        strictScalars: true,
        scalars: {
          DateTime: "string",
          JSON: "unknown",
          JSONObject: "Record<string, unknown>",
          Long: "number | string",
          OssUri: "string",
        },
      },
    },
  },
};

export default config;
