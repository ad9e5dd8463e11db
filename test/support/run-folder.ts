// The folder for all that a test run makes, and a process outside of the run that clears up once vitest has gone, however it
// has ended: Ctrl-C, SIGKILL of the run or of one of its workers leave no PM2 daemon and no instance behind.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Short: PM2's sockets lie below it, and their paths may have 107 bytes. */
const PREFIX = "h-";

/** vitest's global set-up, once for all projects; workers and what they start find the folder as TMPDIR. */
export default function setup(): (() => Promise<void>) | undefined {
  if (basename(tmpdir()).startsWith(PREFIX)) return undefined;
  const folder = mkdtempSync(join(tmpdir(), PREFIX));
  // Some tests become another user, who has to come through it.
  chmodSync(folder, 0o711);
  // A session of its own, which Ctrl-C does not reach; nobody but vitest holds the other end of its input.
  const sweeper = spawn(process.execPath, [import.meta.filename, folder], {
    ...{ detached: true, env: {}, cwd: "/" },
    stdio: ["pipe", "ignore", "ignore"],
  });
  process.env.TMPDIR = folder;
  return async () => {
    const exited = once(sweeper, "exit");
    sweeper.stdin.end();
    await exited;
  };
}

/** The folder's name stands in the environment of all that was started in the run, or in what they were started with. */
function findProcesses(folder: string): number[] {
  return readdirSync("/proc").flatMap((name) => {
    try {
      return readFileSync(`/proc/${Number(name)}/environ`, "utf8").includes(folder) ? [Number(name)] : [];
    } catch {
      return []; // It has ended, or it is somebody else's.
    }
  });
}

async function sweep(folder: string): Promise<void> {
  // More than once: what was just being started, and what a daemon starts anew until it is gone itself.
  for (let clean = 0, round = 0; clean < 3 && round < 100; round++) {
    const pids = findProcesses(folder);
    clean = pids.length === 0 ? clean + 1 : 0;
    for (const pid of pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    await delay(100);
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

const [, script, folder] = process.argv;
if (script === import.meta.filename && folder !== undefined) {
  process.stdin.resume();
  await once(process.stdin, "close");
  await sweep(folder);
}
