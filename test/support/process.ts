// Processes as they can be seen and ended from outside.
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";

/** What a command has said, and its exit code; -1 when a signal has ended it. */
export interface Answer {
  code: number;
  stdout: string;
  stderr: string;
}

export function run(
  file: string,
  args: string[],
  environment: Record<string, string>,
  cwd = tmpdir(),
): Promise<Answer> {
  return new Promise((done) => {
    const options = { env: environment, cwd, timeout: 180_000, maxBuffer: 1 << 26 };
    execFile(file, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      done({ code, stdout, stderr });
    });
  });
}

export function kill(pid: number, signal: NodeJS.Signals = "SIGKILL"): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // It has ended by itself.
  }
}

/** Zombies have ended. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

export function allPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Those whose environment fits, e.g. since they carry the folder of a test. */
export function findProcesses(fits: (environ: string) => boolean): number[] {
  return allPids().filter((pid) => {
    try {
      return fits(readFileSync(`/proc/${pid}/environ`, "utf8"));
    } catch {
      return false; // It has ended, or it is somebody else's.
    }
  });
}

/** A process's share of the memory, in MB. */
export function pssMb(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
