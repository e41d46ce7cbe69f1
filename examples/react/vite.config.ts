import { env } from "node:process";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const gateway = env["GATEWAY_URL"] ?? "http://127.0.0.1:4000";
const issuer = env["ISSUER_URL"] ?? "http://127.0.0.1:4001";

export default defineConfig(({ command }) => ({
  plugins: [react()],
  // Where the gateway serves it, and from where its package brings it. An app of its own has neither line.
  base: command === "build" ? "/board/" : "/",
  build: {
    outDir: "../../dist/board",
    emptyOutDir: true,
    license: { fileName: "licenses.md" },
    // The gateway's policy lets the page load what it brings in files of its own, and no data in URLs.
    assetsInlineLimit: 0,
    // React, Apollo Client and graphql-js, 155 kB as they are sent.
    chunkSizeWarningLimit: 600,
    modulePreload: { polyfill: false },
  },
  // The page, the gateway and the issuer share an origin, so there is no CORS to set up.
  server: {
    proxy: {
      "/graphql": { target: gateway, ws: true },
      "/issuer": { target: issuer, rewrite: (path) => path.replace("/issuer", "") },
    },
  },
}));
