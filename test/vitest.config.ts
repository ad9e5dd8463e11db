import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

/** What starts pools of real processes: mostly waiting, so two files share the cores, after everything else. */
const POOLS = ["bad-input", "cli", "d1", "dashboard", "faults", "mirror", "pm2", "pool", "security", "soak"].map(
  (room) => `test/${room}/**/*.test.ts`,
);

/** What measures cost or how soon something happens has the machine to itself. */
const ALONE = [
  ...["box", "checklist", "cost", "d1-budget", "kill", "worker"].map((name) => `test/pm2/${name}.test.ts`),
  "test/pool/busy.test.ts",
  // Requests that are started together arrive in their order only while nothing else is in their way.
  "test/contract/d1-http.test.ts",
];

// Two cores: two files at a time.
const TWO = { maxWorkers: 2 };

export default defineConfig({
  test: {
    root: resolve(import.meta.dirname, ".."),
    // A time-out is for what hangs: machines differ, and the tests have to pass on one that has other work to do.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 30_000 } },
    globalSetup: resolve(import.meta.dirname, "run-folder.ts"),
    pool: "forks",
    projects: [
      {
        extends: true,
        test: {
          ...TWO,
          name: "rooms",
          include: ["test/**/*.test.ts"],
          exclude: [...POOLS, ...ALONE],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { ...TWO, name: "pools", include: POOLS, exclude: ALONE, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: { name: "alone", include: ALONE, fileParallelism: false, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
