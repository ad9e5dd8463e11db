// `pm2 scale`, spawned: PM2 is never imported. One at a time, since PM2 counts instances that are still stopping.
import { closeSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { isAlive } from "../claim/liveness.js";
import { systemClock } from "../clock.js";
import { inheritedEnvironment, readPm2Home } from "../config/environment.js";
import { codeOf } from "../errors.js";
import { pm2Failed, startPm2 } from "../pm2-command.js";
import { readBudget } from "../report/box/box.js";
import type { Millis } from "../video.js";
import { ApiRefusal } from "./refusal.js";
import type { ServedPool } from "./served-pool.js";

export const HIGHEST_COUNT = 64;

const MB = 1048576;
/** What PM2 refuses it refuses at once. Shorter than the grace of a draining instance: it may be the one that answers. */
const WORD_MS: Millis = 1200;
/** Those that leave drain one after the other. */
const SCALE_MS: Millis = 3_600_000;
/** Nobody takes so long from taking the lock to spawning. */
const LEFT_MS: Millis = 60_000;

/** Resolves to whether it is still under way; errors: 409 outside PM2 or while another is under way, 422 for the memory. */
export async function scalePool(count: number, { config, clock }: ServedPool): Promise<boolean> {
  const home = readPm2Home();
  if (home === undefined) {
    throw conflict("NOT_UNDER_PM2", "expected this instance to run under PM2, got a process of its own", "use PM2");
  }
  const needed = count * config.instanceMemoryMb;
  const budgetMb = Math.floor(readBudget(config).bytes / MB);
  if (needed > budgetMb && !config.force) {
    throw new ApiRefusal({
      status: 422,
      code: "MEMORY_TOO_SMALL",
      message: `expected ${count} instances of ${config.instanceMemoryMb} MB to fit into ${budgetMb} MB of memory`,
      fix: `ask for ${Math.max(1, Math.floor(budgetMb / config.instanceMemoryMb))}, or start the pool with HIDB_FORCE=1`,
    });
  }
  const lock = take(join(home, `${config.appName}-scale.lock`));
  const { PATH = "", HOME = "" } = inheritedEnvironment();
  // A process that PM2 manages carries variables that PM2's command would take for its own options.
  const environment = { PATH, HOME, PM2_HOME: home };
  // In a group of its own: it may be this very instance that has to go.
  const { child, answer } = startPm2(["scale", config.appName, String(count)], { environment, timeoutMs: SCALE_MS });
  hand(lock, child.pid ?? process.pid);
  const ended = answer.finally(() => rmSync(lock, { force: true }));
  const over = new AbortController();
  const word = await Promise.race([ended, clock.sleep(WORD_MS, over.signal).then(() => undefined)]);
  over.abort();
  child.unref();
  if (word !== undefined && word.code !== 0 && !word.stdout.includes("Nothing to do")) {
    const { message, fix } = pm2Failed(`scale ${config.appName} ${count}`, word);
    throw conflict("PM2_FAILED", message, fix);
  }
  return word === undefined;
}

/** The instances of a pool share a port, so the next request may be another one's to answer. */
function take(lock: string): string {
  for (let once = true; ; once = false) {
    try {
      closeSync(openSync(lock, "wx"));
      return lock;
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    if (!once || isHeld(lock)) {
      throw conflict("SCALE_UNDER_WAY", "expected no other scale, got one that is under way", "wait until it is done");
    }
    rmSync(lock, { force: true });
  }
}

function hand(lock: string, pid: number): void {
  const descriptor = openSync(lock, "w");
  writeSync(descriptor, String(pid));
  closeSync(descriptor);
}

function isHeld(lock: string): boolean {
  try {
    const pid = Number(readFileSync(lock, "utf8"));
    // Empty: taken just now, by somebody who has not spawned yet; or left by one who was killed, or lost its power, then.
    if (pid === 0) return systemClock.now() - statSync(lock).mtimeMs < LEFT_MS;
    return isAlive({ pid, pidStartedAt: "unknown" });
  } catch {
    return false;
  }
}

function conflict(code: string, message: string, fix: string): ApiRefusal {
  return new ApiRefusal({ status: 409, code, message, fix });
}
