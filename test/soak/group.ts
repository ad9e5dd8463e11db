// The box of a soak: a cgroup of its own below this one, so that its memory can be filled without harming the machine.
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock as clock } from "../../dist/clock.js";
import { findMemoryGroups } from "../../dist/report/box/groups.js";

const MB = 1048576;

export interface Group {
  limitMb: number;
  /** What a command is typed behind to run in it. */
  within: string[];
  usedMb(): number;
  /** Processes that the kernel has ended in it for want of memory. */
  kills(): number;
  remove(): Promise<void>;
}

/** The cgroup, or the reason why there is none. */
export function makeGroup(limitMb: number): Group | string {
  const [inner] = findMemoryGroups();
  if (inner === undefined) return "no cgroup with a memory controller is mounted here";
  const folder = join(inner.folder, `hidb-soak-${process.pid}`);
  const [limit, events, usage] =
    inner.version === 1
      ? ["memory.limit_in_bytes", "memory.oom_control", "memory.usage_in_bytes"]
      : ["memory.max", "memory.events", "memory.current"];
  const procs = join(folder, "cgroup.procs");
  try {
    mkdirSync(folder);
    writeFileSync(join(folder, limit), String(limitMb * MB));
  } catch (error) {
    if (existsSync(folder)) rmdirSync(folder);
    return `no cgroup can be made in ${inner.folder}: ${error instanceof Error ? error.message : error}`;
  }
  return {
    limitMb,
    within: ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', procs],
    // Pages of files can be taken back at any time.
    usedMb: () => (Number(readFileSync(join(folder, usage), "utf8")) - cachedBytes(folder)) / MB,
    kills: () => Number(/^oom_kill (\d+)$/m.exec(readFileSync(join(folder, events), "utf8"))?.[1] ?? 0),
    remove: () => removeWhenEmpty(folder, join(inner.folder, "cgroup.procs")),
  };
}

function cachedBytes(folder: string): number {
  const stat = readFileSync(join(folder, "memory.stat"), "utf8");
  const read = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(stat)?.[1] ?? 0);
  return (read("total_inactive_file") || read("inactive_file")) + (read("total_active_file") || read("active_file"));
}

/** Processes that were killed leave it a little later; one that stays on goes where the soak itself runs. */
async function removeWhenEmpty(folder: string, home: string): Promise<void> {
  for (let look = 0; existsSync(folder) && look < 100; look++) {
    try {
      if (look > 50) for (const pid of pidsIn(folder)) appendFileSync(home, pid);
      rmdirSync(folder);
    } catch {
      await clock.sleep(50);
    }
  }
}

function pidsIn(folder: string): string[] {
  return readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n").filter(Boolean);
}
