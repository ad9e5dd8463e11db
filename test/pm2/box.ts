// A cgroup of our own for a test, below the one that the test runs in; version 1 or 2, whichever lets us.
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { findMemoryGroups } from "../../src/report/box/groups.js";

export interface TestGroup {
  folder: string;
  /** What a command is typed behind to run in it. */
  within: string[];
  /** Processes that the kernel has ended in it for want of memory. */
  kills(): number;
  /** The most that was ever used, in MB. */
  peakMb(): number;
  remove(): Promise<void>;
}

let made = 0;

/** The cgroup, or the reason why there is none. */
export function makeGroup(limitMb: number): TestGroup | string {
  const [inner] = findMemoryGroups();
  if (inner === undefined) return "no cgroup with a memory controller is mounted here";
  const folder = join(inner.folder, `hidb-test-${process.pid}-${++made}`);
  const [limit, events, peak] =
    inner.version === 1
      ? ["memory.limit_in_bytes", "memory.oom_control", "memory.max_usage_in_bytes"]
      : ["memory.max", "memory.events", "memory.peak"];
  try {
    mkdirSync(folder);
    writeFileSync(join(folder, limit), String(limitMb * 1048576));
  } catch (error) {
    remove(folder);
    return `no cgroup can be made in ${inner.folder}: ${error instanceof Error ? error.message : error}`;
  }
  return {
    folder,
    within: ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', join(folder, "cgroup.procs")],
    kills: () => Number(/^oom_kill (\d+)$/m.exec(readFileSync(join(folder, events), "utf8"))?.[1] ?? Number.NaN),
    peakMb: () => Math.round(Number(readFileSync(join(folder, peak), "utf8")) / 1048576),
    remove: () => removeWhenEmpty(folder, join(inner.folder, "cgroup.procs")),
  };
}

const LOOKS = 100;
const LOOK_EVERY_MS = 50;

/** Processes that were killed leave it a little later; one that stays on is put back where the test itself runs. */
async function removeWhenEmpty(folder: string, home: string): Promise<void> {
  for (let look = 1; existsSync(folder) && look <= LOOKS; look++) {
    if (look > LOOKS / 2) for (const pid of readPids(folder)) tryTo(() => appendFileSync(home, pid));
    remove(folder);
    await delay(LOOK_EVERY_MS);
  }
  if (existsSync(folder)) throw new Error(`the cgroup ${folder} could not be removed: rmdir it by hand`);
}

function readPids(folder: string): string[] {
  return readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n").filter(Boolean);
}

/** A folder of cgroups has files, but is empty when no process is in it. */
function remove(folder: string): void {
  tryTo(() => rmdirSync(folder));
}

function tryTo(act: () => void): void {
  try {
    act();
  } catch {
    // Not yet, or never made.
  }
}
