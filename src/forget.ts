// Removes the file with the shell's variables once PM2 no longer knows the app they were kept for. A process of its own:
// PM2 stops and deletes with the same signal, so an instance cannot tell whether it will be started again.
import { spawn } from "node:child_process";
import { readFileSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock as clock } from "./clock.js";
import { codeOf } from "./errors.js";
import type { Millis } from "./video.js";

const ENDING = "-environment.json";
const LOOK_EVERY_MS: Millis = 500;
/** PM2 notices an exit within its `kill_retry_time`; the rest is for a machine that is busy. */
const LOOKS = 20;
const ANSWER_MS: Millis = 2000;

interface Rpc {
  call(method: string, options: object, answer: (error: unknown, list: Listed[]) => void): void;
}
interface Socket {
  connect(path: string): void;
  on(event: "error" | "socket error", listener: (error: unknown) => void): void;
  close(): void;
}
interface Listed {
  name: string;
  pm2_env: { status: string };
}

/** Leaves that to a process which is not waited for and ends within seconds. */
export function forgetLater(file: string): void {
  const mark = markOf(file);
  if (mark === undefined) return;
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
    await clock.sleep(LOOK_EVERY_MS);
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

/** PM2's own client: its command would start a daemon where none runs. */
function readStates(home: string, app: string): Promise<string[]> {
  const require = createRequire(import.meta.url);
  const axon = require("pm2/modules/pm2-axon") as { socket(kind: "req"): Socket };
  const rpc = require("pm2/modules/pm2-axon-rpc") as { Client: new (socket: Socket) => Rpc };
  const socket = axon.socket("req");
  return new Promise<string[]>((resolve) => {
    const timer = clock.timer(ANSWER_MS, () => resolve(["unknown"]));
    const end = (states: string[]) => {
      timer.cancel();
      resolve(states);
    };
    const isGone = (error: unknown) => /^(ENOENT|ECONNREFUSED)$/.test(codeOf(error));
    for (const event of ["error", "socket error"] as const)
      socket.on(event, (error) => end(isGone(error) ? [] : ["unknown"]));
    socket.connect(join(home, "rpc.sock"));
    new rpc.Client(socket).call("getMonitorData", {}, (error, list) =>
      end(error ? ["unknown"] : list.filter(({ name }) => name === app).map(({ pm2_env: { status } }) => status)),
    );
  }).finally(() => socket.close());
}

const [, script, file, mark] = process.argv;
if (script === fileURLToPath(import.meta.url) && file !== undefined && mark !== undefined) {
  await forget(file, mark);
  process.exit(0);
}
