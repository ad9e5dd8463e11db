// Counts how many starts in a row of a PM2 process have failed, and delays the next one. PM2's own backoff also counts an
// instance that was killed at work within 30 s of its start, and its videos would wait; here only failed starts count.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { ownEnvironment } from "./config/environment.js";

/** Variables that PM2 sets for each process and that `pm2 jlist` shows. */
interface Pm2Variables {
  pm_pid_path?: string | undefined;
  created_at?: string | number | undefined;
  restart_time?: string | number | undefined;
}

interface FailedStarts {
  /** Of the process that wrote the record. */
  pid: number;
  /** When PM2 created the app's entry: the record of another entry does not count. */
  createdAt: string;
  count: number;
}

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 15_000;
/** The delay of a restart where the count cannot be written. */
const UNCOUNTED_WAIT_MS = 1000;
/** A crash so soon after the start counts as a failed start. */
const YOUNG_MS = 10_000;

export class Starts {
  readonly #file: string | undefined;
  readonly #createdAt: string;
  readonly #isRestart: boolean;
  #before = 0;
  #upSinceMs: number | undefined;

  /** From PM2's variables, not from settings: reading those may be what fails. */
  constructor(variables: Pm2Variables = ownEnvironment()) {
    const { pm_pid_path: pidFile, created_at: createdAt, restart_time: restarts } = variables;
    this.#file = fileOf(pidFile);
    this.#createdAt = String(createdAt);
    this.#isRestart = Number(restarts) > 0;
  }

  /** Counts this start as failed until `up` or `forget`; returns how long it has to wait. */
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

  /** The instance ends with an error of its own. */
  crash(): void {
    if (this.#upSinceMs !== undefined && performance.now() - this.#upSinceMs < YOUNG_MS) this.#write(this.#before + 1);
  }

  /** Deletes the count after an orderly end; that of a successor under the same number stays. */
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

/** How many starts in a row of a listed process have failed, including the one in progress. */
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
    return undefined; // Missing, or truncated by a full disk.
  }
}
