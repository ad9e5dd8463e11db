// Deletes the file with the shell's variables once PM2 no longer lists its app. Done by a process of its own: PM2 stops and
// deletes with the same signal, so an instance cannot tell whether it will be started again.
import { spawn } from "node:child_process";
import { readFileSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock as clock } from "./clock.js";
import { PM2_ANSWER_MS, readPm2List, runPm2 } from "./pm2-command.js";
import type { Millis } from "./video.js";

const ENDING = "-environment.json";
/** Doubles with each check. PM2 notices an exit within its `kill_retry_time`; the rest is for a busy machine. */
const FIRST_WAIT_MS: Millis = 1000;
const CHECKS = 4;
/** A PM2 home that `hidb start` made, and deletes as a whole. */
const OWN_HOME = /^\.?hidb-pm2-/;

interface Listed {
  name: string;
  pm2_env: { status: string };
}

/** Starts the process that deletes the file; it is not waited for and ends within seconds. */
export function forgetLater(file: string): void {
  const mark = markOf(file);
  if (mark === undefined || OWN_HOME.test(basename(dirname(file)))) return;
  const options = { cwd: "/", env: {}, detached: true, stdio: "ignore" } as const;
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), file, mark], options);
  child.on("error", () => undefined); // No process can be started: the next start overwrites the file.
  child.unref();
}

/** Identifies one version of the file: every start by the ecosystem file replaces it. */
function markOf(file: string): string | undefined {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.ino}-${stat.mtimeNs}`;
}

async function forget(file: string, mark: string): Promise<void> {
  const app = basename(file).slice(0, -ENDING.length);
  let absent = 0;
  for (let check = 0; check < CHECKS; check++) {
    const states = await readStates(dirname(file), app);
    // Each of those starts a process like this one when it ends.
    if (states.some((status) => !/^stop/.test(status))) return;
    absent = states.length === 0 ? absent + 1 : 0;
    if (absent === 2) break;
    await clock.sleep(FIRST_WAIT_MS * 2 ** check);
  }
  if (absent === 2 && !isSaved(file) && markOf(file) === mark) rmSync(file, { force: true });
}

/** Whether the instances of `pm2 resurrect` would read the file. */
function isSaved(file: string): boolean {
  try {
    return readFileSync(join(dirname(file), "dump.pm2"), "utf8").includes(JSON.stringify(file));
  } catch {
    return false;
  }
}

/** The states of the app's processes; none without a daemon, which the `pm2` command would start. */
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
  // No top-level await: the ecosystem file loads this module by require().
  forget(file, mark).then(() => process.exit(0));
}
