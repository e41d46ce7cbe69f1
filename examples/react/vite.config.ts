import { env } from "node:process";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The page and the gateway share an origin, so there is no CORS to set up. `vite preview` takes the same proxy.
export default defineConfig({
  plugins: [react()],
  server: {
    proxy: { "/graphql": { target: env["GATEWAY_URL"] ?? "http://127.0.0.1:4000", ws: true } },
  },
});
