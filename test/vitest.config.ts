import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: resolve(import.meta.dirname, ".."),
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Real processes and real PM2 daemons share two cores: one file at a time keeps their times honest.
    fileParallelism: false,
    pool: "forks",
  },
});
