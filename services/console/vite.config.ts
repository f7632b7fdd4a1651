import { resolve } from "node:path";
import { defaultClientConditions, defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";

const page = (name: string) => resolve(import.meta.dirname, `${name}.html`);

// The client is taken from its sources: nothing has to be built before the pages.
const SOURCE = "@invigil/source";

export default defineConfig({
  resolve: { conditions: [SOURCE, ...defaultClientConditions] },
  ssr: { resolve: { conditions: [SOURCE, ...defaultServerConditions] } },
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
