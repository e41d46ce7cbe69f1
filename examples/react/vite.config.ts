import { env } from "node:process";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const gateway = env["GATEWAY_URL"] ?? "http://127.0.0.1:4000";
const issuer = env["ISSUER_URL"] ?? "http://127.0.0.1:4001";

// The page, the gateway and the issuer share an origin, so there is no CORS to set up. `vite preview` takes the same proxy.
export default defineConfig({
  plugins: [react()],
  server: {
    proxy: {
      "/graphql": { target: gateway, ws: true },
      "/issuer": { target: issuer, rewrite: (path) => path.replace("/issuer", "") },
    },
  },
});
