// The box that the pool has to fit into: its budget, what is used of it, and how hard the kernel has to look for memory.
import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { findMemoryGroups, type MemoryGroup, readGroup } from "./groups.js";

export interface Budget {
  bytes: number;
  /** Which of the three is the smallest. */
  from: "HIDB_MEMORY_MB" | "cgroup" | "machine";
}

/** What the system says of memory at this moment; the setting is the pool's own affair. */
export interface BoxMemory {
  limitBytes: number;
  usedBytes: number;
}

const MB = 1048576;

/** The smallest of the setting, the limits of all cgroups around this process, and the machine's memory. */
export function readBudget({ memoryMb = 0 }: { memoryMb?: number }, groups = findMemoryGroups()): Budget {
  const budgets: Budget[] = [{ bytes: totalmem(), from: "machine" }];
  for (const group of groups) {
    const limit = readGroup(group)?.limitBytes;
    if (limit !== undefined) budgets.push({ bytes: limit, from: "cgroup" });
  }
  if (memoryMb > 0) budgets.push({ bytes: memoryMb * MB, from: "HIDB_MEMORY_MB" });
  return budgets.reduce((smallest, one) => (one.bytes < smallest.bytes ? one : smallest));
}

/** Looks at the box again and again; which cgroups there are is found out once. */
export class Box {
  readonly #groups: MemoryGroup[];
  readonly #pressureFile: string;

  constructor(groups = findMemoryGroups()) {
    this.#groups = groups.filter((group) => readGroup(group) !== undefined);
    const inner = groups.find(({ version }) => version === 2);
    const own = inner === undefined ? undefined : join(inner.folder, "memory.pressure");
    this.#pressureFile = own !== undefined && readPressure(own) !== undefined ? own : "/proc/pressure/memory";
  }

  /** The one of the limits around us that is nearest to being reached. */
  read(): BoxMemory {
    let tightest = readMachine();
    for (const group of this.#groups) {
      const memory = readGroup(group);
      if (memory === undefined) continue;
      if (memory.limitBytes - memory.usedBytes < tightest.limitBytes - tightest.usedBytes) tightest = memory;
    }
    return tightest;
  }

  /** The share of the last ten seconds, in percent, in which somebody waited for memory; 0 where that is not told. */
  pressure(): number {
    return readPressure(this.#pressureFile) ?? 0;
  }
}

function readPressure(file: string): number | undefined {
  try {
    const text = readFileSync(file, "utf8");
    return Number(/^some avg10=([\d.]+)/m.exec(text)?.[1] ?? Number.NaN) || 0;
  } catch {
    return undefined;
  }
}

function readMachine(): BoxMemory {
  const limitBytes = totalmem();
  try {
    const text = readFileSync("/proc/meminfo", "utf8");
    const available = Number(/^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1] ?? Number.NaN) * 1024;
    return { limitBytes, usedBytes: Number.isNaN(available) ? 0 : limitBytes - available };
  } catch {
    return { limitBytes, usedBytes: 0 };
  }
}
