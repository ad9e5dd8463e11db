import type { D1Database } from "@cloudflare/workers-types";
import { expect, it, vi } from "vitest";
import { type Clock, systemClock } from "../../src/clock.js";
import { readConfig } from "../../src/config/read.js";
import { runGroup } from "../../src/process/command/group.js";
import { createCommand } from "../../src/process/command.js";
import { CLOSE_MS } from "../../src/process/within.js";

// Stands for a program that waits for a dead disk: no signal ends it, and nobody can make one for a test.
vi.mock("../../src/process/command/group.js", () => ({ runGroup: vi.fn(() => new Promise(() => {})) }));

it("the close of the processor `command` settles within 5 s, even when a program cannot be ended", async () => {
  const slept: number[] = [];
  const clock: Clock = { ...systemClock, sleep: async (ms) => void slept.push(ms) };
  const command = createCommand(readConfig({ environment: { HIDB_COMMAND: "true" }, cwd: "/" }), { clock });
  const { signal } = new AbortController();
  void command.process(
    { id: 1, source: "a", title: null, durationS: null },
    { attempt: 1, rank: 0, count: 1, signal, database: {} as D1Database },
  );
  await expect.poll(() => runGroup).toHaveBeenCalled();
  await command.close();
  expect(slept).toEqual([CLOSE_MS]);
  expect(CLOSE_MS).toBeLessThan(5000);
});
