import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

const page = (name: string) => resolve(import.meta.dirname, `${name}.html`);

export default defineConfig({
  build: {
    target: "es2022",
    // The gateway's Content-Security-Policy allows no data: URLs.
    assetsInlineLimit: 0,
    rollupOptions: {
      input: [page("index"), page("candidate"), page("proctor")],
    },
  },
  server: {
    proxy: { "/ws": { target: "http://127.0.0.1:8080", ws: true } },
  },
  test: {
    include: ["test/**/*.test.ts"],
    environment: "node",
    // Longer than any condition is waited for, which names itself when it does not come true.
    testTimeout: 30_000,
  },
});
