// Removes the file with the shell's variables once PM2 no longer knows the app they were kept for. A process of its own:
// PM2 stops and deletes with the same signal, so an instance cannot tell whether it will be started again.
import { spawn } from "node:child_process";
import { readFileSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock as clock } from "./clock.js";
import { PM2_ANSWER_MS, readPm2List, runPm2 } from "./pm2-command.js";
import type { Millis } from "./video.js";

const ENDING = "-environment.json";
/** Doubles with each look. PM2 notices an exit within its `kill_retry_time`; the rest is for a machine that is busy. */
const FIRST_WAIT_MS: Millis = 1000;
const LOOKS = 4;
/** A home that `hidb start` has made, and removes with all that is in it. */
const OWN_HOME = /^\.?hidb-pm2-/;

interface Listed {
  name: string;
  pm2_env: { status: string };
}

/** Leaves that to a process which is not waited for and ends within seconds. */
export function forgetLater(file: string): void {
  const mark = markOf(file);
  if (mark === undefined || OWN_HOME.test(basename(dirname(file)))) return;
  const options = { cwd: "/", env: {}, detached: true, stdio: "ignore" } as const;
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), file, mark], options);
  child.on("error", () => undefined); // No process to be had: the next start writes the file anew.
  child.unref();
}

/** Changes with every start by the ecosystem file: one that is newer belongs to another start. */
function markOf(file: string): string | undefined {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.ino}-${stat.mtimeNs}`;
}

async function forget(file: string, mark: string): Promise<void> {
  const app = basename(file).slice(0, -ENDING.length);
  let absent = 0;
  for (let look = 0; look < LOOKS; look++) {
    const states = await readStates(dirname(file), app);
    // Each of those has a look like this one when it ends.
    if (states.some((status) => !/^stop/.test(status))) return;
    absent = states.length === 0 ? absent + 1 : 0;
    if (absent === 2) break;
    await clock.sleep(FIRST_WAIT_MS * 2 ** look);
  }
  if (absent === 2 && !isSaved(file) && markOf(file) === mark) rmSync(file, { force: true });
}

/** What `pm2 resurrect` would start reads the file. */
function isSaved(file: string): boolean {
  try {
    return readFileSync(join(dirname(file), "dump.pm2"), "utf8").includes(JSON.stringify(file));
  } catch {
    return false;
  }
}

/** How PM2 describes the app's processes; none where it has none or no daemon runs: its command would start one. */
async function readStates(home: string, app: string): Promise<string[]> {
  if (!(await answers(join(home, "rpc.sock")))) return [];
  const answer = await runPm2(["jlist"], { environment: { PM2_HOME: home }, timeoutMs: PM2_ANSWER_MS });
  const list = readPm2List<Listed>(answer);
  return list.filter(({ name }) => name === app).map(({ pm2_env: { status } }) => status);
}

function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path, () => resolve(true)).on("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}

const [, script, file, mark] = process.argv;
if (script === fileURLToPath(import.meta.url) && file !== undefined && mark !== undefined) {
  await forget(file, mark);
  process.exit(0);
}
