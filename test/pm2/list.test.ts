import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readPm2List, runPm2 } from "../../src/pm2-command.js";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "hl-"));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

it("asking for PM2's list where no daemon runs gives an empty one and starts no daemon", async () => {
  const answer = await runPm2(["jlist"], { environment: { PM2_HOME: home }, timeoutMs: 60_000 });
  expect(readPm2List(answer)).toEqual([]);
  expect(existsSync(join(home, "pm2.pid"))).toBe(false);
});
