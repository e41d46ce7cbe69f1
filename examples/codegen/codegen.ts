import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: "../../schema.graphql",
  documents: "src/codegen.ts",
  generates: {
    "src/__generated__/codegen/": {
      preset: "client",
      config: {
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
