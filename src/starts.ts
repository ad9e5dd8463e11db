// How often in a row this process of PM2's has failed to come up. PM2's own backoff counts every death within 30 s, also of an
// instance that was killed at work, and makes its videos wait; here only a start that fails makes the next one wait.
import { readFileSync, rmSync, writeFileSync } from "node:fs";

/** What PM2 puts into the environment of each process, and lists of it. */
interface Pm2Variables {
  pm_pid_path?: string | undefined;
  created_at?: string | number | undefined;
  restart_time?: string | number | undefined;
}

interface FailedStarts {
  /** The process that has written it. */
  pid: number;
  /** Of PM2's entry: another one has nothing to do with this. */
  createdAt: string;
  count: number;
}

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 15_000;
/** Where nothing can be written, nothing can be counted. */
const UNCOUNTED_WAIT_MS = 1000;
/** A crash so soon after the start is one of the start. */
const YOUNG_MS = 10_000;

export class Starts {
  readonly #file: string | undefined;
  readonly #createdAt: string;
  readonly #isRestart: boolean;
  #before = 0;
  #upSinceMs: number | undefined;

  /** By PM2's variables: the settings are not read yet, and reading them may be what fails. */
  constructor(variables: Pm2Variables = process.env) {
    const { pm_pid_path: pidFile, created_at: createdAt, restart_time: restarts } = variables;
    this.#file = fileOf(pidFile);
    this.#createdAt = String(createdAt);
    this.#isRestart = Number(restarts) > 0;
  }

  /** Counts this start as failed until it says otherwise; returns how long it has to wait. */
  begin(): number {
    if (this.#file === undefined) return 0;
    this.#before = readCount(this.#file, this.#createdAt);
    const isCounted = this.#write(this.#before + 1);
    if (!isCounted) return this.#isRestart ? UNCOUNTED_WAIT_MS : 0;
    if (this.#before === 0) return 0;
    return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (this.#before - 1));
  }

  get failed(): number {
    return this.#before;
  }

  /** The instance works. */
  up(): void {
    this.#upSinceMs = performance.now();
    this.forget();
  }

  /** An error of its own ends it. */
  crash(): void {
    if (this.#upSinceMs !== undefined && performance.now() - this.#upSinceMs < YOUNG_MS) this.#write(this.#before + 1);
  }

  /** Ended in an orderly way, or up; the count of a successor under the same number stays. */
  forget(): void {
    if (this.#file === undefined) return;
    if (readRecord(this.#file)?.pid === process.pid) rmSync(this.#file, { force: true });
  }

  #write(count: number): boolean {
    if (this.#file === undefined) return false;
    const record: FailedStarts = { pid: process.pid, createdAt: this.#createdAt, count };
    try {
      writeFileSync(this.#file, JSON.stringify(record));
      return true;
    } catch {
      return false;
    }
  }
}

/** How many starts in a row of a process that PM2 lists have failed, the one under way among them. */
export function countFailedStarts({ pm_pid_path: pidFile, created_at: createdAt }: Pm2Variables): number {
  const file = fileOf(pidFile);
  return file === undefined ? 0 : readCount(file, String(createdAt));
}

/** Beside PM2's pid file, which has the number of the process in its name. */
function fileOf(pidFile: string | undefined): string | undefined {
  return pidFile === undefined || pidFile === "" ? undefined : `${pidFile}.starts`;
}

function readCount(file: string, createdAt: string): number {
  const record = readRecord(file);
  return record?.createdAt === createdAt ? record.count : 0;
}

function readRecord(file: string): FailedStarts | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as FailedStarts;
  } catch {
    return undefined; // None, or cut short by a full disk.
  }
}
