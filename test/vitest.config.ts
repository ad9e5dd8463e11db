import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

/** What starts pools of real processes, or measures how soon something happens, has the machine to itself. */
const REAL = [
  ...["bad-input", "cli", "d1", "dashboard", "faults", "mirror", "pm2", "pool", "security", "soak"].map(
    (room) => `test/${room}/**/*.test.ts`,
  ),
  // Requests that are started together arrive in their order only while nothing else is in their way.
  "test/contract/d1-http.test.ts",
];

export default defineConfig({
  test: {
    root: resolve(import.meta.dirname, ".."),
    testTimeout: 20_000,
    hookTimeout: 60_000,
    pool: "forks",
    projects: [
      {
        extends: true,
        test: {
          name: "rooms",
          include: ["test/**/*.test.ts"],
          exclude: REAL,
          // Two cores: two files at a time.
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: "real", include: REAL, fileParallelism: false, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
