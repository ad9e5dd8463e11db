// Whether a process on this host still lives: pid and start time together, since pids are used again.
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import type { Millis } from "../video.js";

export interface ProcessIdentity {
  host: string;
  /** Kernel boot and pid namespace: pids can be compared within one, and only there. */
  boot: string;
  pid: number;
  pidStartedAt: string;
}

export function identifyProcess(): ProcessIdentity {
  return {
    host: hostname(),
    boot: identifyBoot(),
    pid: process.pid,
    pidStartedAt: startOf(process.pid) ?? UNKNOWN_START,
  };
}

/** True unless the process is proven gone: no such pid, a zombie, or another process under its number. */
export function isAlive({ pid, pidStartedAt }: Pick<ProcessIdentity, "pid" | "pidStartedAt">): boolean {
  const start = startOf(pid);
  if (start === undefined) return false;
  return start === pidStartedAt || start === UNKNOWN_START || pidStartedAt === UNKNOWN_START;
}

export type IsAlive = typeof isAlive;

/** Proven dead, seen from this boot: here the process counts, however silent it is; elsewhere only the lease does. */
export function isGone(
  other: Pick<ProcessIdentity, "boot" | "pid" | "pidStartedAt"> & { leaseUntil: Millis },
  { boot, now, isAlive: lives = isAlive }: { boot: string; now: Millis; isAlive?: IsAlive },
): boolean {
  return other.boot === boot ? !lives(other) : other.leaseUntil < now;
}

/** Where there is no /proc (macOS), the number alone has to do. */
const UNKNOWN_START = "unknown";

function identifyBoot(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

function startOf(pid: number): string | undefined {
  if (process.platform !== "linux") return answersSignals(pid) ? UNKNOWN_START : undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold blanks and brackets; after the last one come state (field 3) ... start (field 22).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const dead = fields[0] === "Z" || fields[0] === "X";
    return dead ? undefined : fields[19];
  } catch {
    // Not there, or not for us to read (another user's under hidepid): a signal tells the two apart.
    return answersSignals(pid) ? UNKNOWN_START : undefined;
  }
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
