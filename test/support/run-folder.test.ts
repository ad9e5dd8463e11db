import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { isRunning } from "./process.js";

/** What vitest does with the global set-up, then what a test does: it starts something that outlives it. */
const RUN = `
  const { default: setup } = await import(${JSON.stringify(join(import.meta.dirname, "run-folder.ts"))});
  setup();
  const { spawn } = await import("node:child_process");
  const idle = ["-e", "process.on('SIGINT', () => 0); setInterval(() => 0, 1000)"];
  const env = { PM2_HOME: process.env.TMPDIR + "/hp-test/pm2" };
  const { pid } = spawn(process.execPath, idle, { env, detached: true, stdio: "ignore" });
  console.log(JSON.stringify({ pid, folder: process.env.TMPDIR }));
  setInterval(() => 0, 1000);`;

it.each(["SIGINT", "SIGKILL"] as const)("a run that ends by %s leaves no process and no folder", async (signal) => {
  // Not below this run's own folder, or it would be taken for a part of it.
  const env = { ...process.env, TMPDIR: join(tmpdir(), "..") };
  const run = spawn(process.execPath, ["--input-type=module", "-e", RUN], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(run.stdout, "data")) as [Buffer];
  const { pid, folder } = JSON.parse(line.toString()) as { pid: number; folder: string };
  expect([isRunning(pid), existsSync(folder)]).toEqual([true, true]);
  run.kill(signal);
  await expect.poll(() => [isRunning(pid), existsSync(folder)]).toEqual([false, false]);
});
