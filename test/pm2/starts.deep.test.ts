// An instance that fails at each start waits longer each time; one that was killed at work does not.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { systemClock as clock } from "../../src/clock.js";
import { Clone } from "./clone.js";

let clone: Clone;
afterEach(() => clone.end());

interface Listed {
  pid: number;
  pm2_env: { restart_time: number; status: string };
}

async function listed(): Promise<Listed> {
  const { stdout } = await clone.pm2(["jlist"]);
  return (JSON.parse(stdout.slice(stdout.lastIndexOf("\n[") + 1)) as Listed[])[0] as Listed;
}

it.each([
  ["an error", "throw new Error('broken build')"],
  ["a signal", "process.kill(process.pid, 'SIGKILL')"],
])("an instance that ends by %s at each start does not spin", async (_, fault) => {
  clone = new Clone("hidb", { HIDB_INSTANCES: "1", HIDB_PROCESSOR: "rehearse" });
  const main = join(clone.folder, "dist", "main.js");
  writeFileSync(main, `${fault};\nexport const main = () => 1;\n`);
  await clone.pm2(["start", "ecosystem.cluster.config.cjs"]);
  const startedAt = clock.monotonic();
  while ((await listed()).pm2_env.restart_time < 5) expect(clock.monotonic() - startedAt).toBeLessThan(120_000);
  // 0.2, 0.4, 0.8 and 1.6 s before the second to fifth; less than half of it without.
  expect(clock.monotonic() - startedAt).toBeGreaterThan(2500);
  const { findings } = JSON.parse((await clone.hidb(["doctor", "--json"], { PM2_HOME: clone.home })).stdout) as {
    findings: { code: string }[];
  };
  expect(findings.map(({ code }) => code)).toContain("INSTANCE_RESTARTING");
  // Somebody who has mended it does not wait.
  writeFileSync(main, "export const main = () => new Promise(() => setInterval(() => undefined, 1000));\n");
  expect(await clone.pm2(["restart", "hidb"])).toMatchObject({ code: 0 });
  const { pid } = await listed();
  expect((await clone.pm2(["pid", "hidb"])).stdout.trim()).toBe(String(pid));
  await clone.pm2(["kill"]);
});

it("hidb start says why a pool does not come up, and ends it", async () => {
  clone = new Clone("hidb", { HIDB_INSTANCES: "2", HIDB_PROCESSOR: "rehearse" });
  writeFileSync(join(clone.folder, "dist", "main.js"), "throw new Error('broken build');\n");
  const { code, stderr } = await clone.hidb(["start"]);
  expect(code).toBe(3);
  expect(stderr).toMatch(/^error: expected instances at work, but all have stopped: Error: broken build$/m);
  expect(clone.processes()).toEqual([]);
});
