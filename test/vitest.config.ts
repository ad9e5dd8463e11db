// Five projects. `npm test` runs the first three, `npm run test:deep` the other two, and each file belongs to one of them.
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

/** What takes long: every fault, many seeds, mutations, and on real PM2 what a quicker test shows in one process. */
const DEEP = ["test/**/*.deep.test.ts"];

/** What starts processes of hidb: mostly waiting, and after everything that is not. */
const PROCESSES = ["bad-input", "cli", "d1", "dashboard", "instance", "mirror", "pm2", "security"].map(
  (folder) => `test/${folder}/**/*.test.ts`,
);

/** What has to have the machine to itself. */
const ALONE = [
  // Requests that are started together arrive in their order only while nothing else is in their way.
  "test/contract/d1-http.test.ts",
];
const DEEP_ALONE = ["box", "d1-budget", "worker-harm"].map((name) => `test/pm2/${name}.deep.test.ts`);

/** Two cores: two files at a time, and the projects one after the other. */
function project(name: string, order: number, files: { include: string[]; exclude?: string[] }, maxWorkers = 2) {
  const options = { name, maxWorkers, fileParallelism: maxWorkers > 1, sequence: { groupOrder: order } };
  return { extends: true as const, test: { ...options, ...files } };
}

export default defineConfig({
  test: {
    root: resolve(import.meta.dirname, ".."),
    // A time-out is for what hangs: machines differ, and the tests have to pass on one that has other work to do.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 30_000 } },
    globalSetup: resolve(import.meta.dirname, "support/run-folder.ts"),
    pool: "forks",
    projects: [
      project("unit", 0, { include: ["test/**/*.test.ts"], exclude: [...PROCESSES, ...ALONE, ...DEEP] }),
      project("processes", 1, { include: PROCESSES, exclude: [...ALONE, ...DEEP] }),
      project("alone", 2, { include: ALONE }, 1),
      project("deep", 3, { include: DEEP, exclude: DEEP_ALONE }),
      project("deep-alone", 4, { include: DEEP_ALONE }, 1),
    ],
  },
});
