import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    environment: "node",
    // Longer than any condition is waited for, which names itself when it does not come true.
    testTimeout: 30_000,
  },
});
