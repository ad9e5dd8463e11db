// The disk that a test can break: preload.c, compiled once a process, and the numbers by which it is told what to do.
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export const KIND = { write: 1, sync: 2, read: 4, open: 8, truncate: 16, name: 32 } as const;
export const FILES = { database: 1, wal: 2, shm: 4, other: 8, sqlite: 7, all: 15 } as const;
export const ERROR = { EIO: 5, ENOSPC: 28, EROFS: 30 } as const;

type Kind = keyof typeof KIND;

export interface Rule {
  kinds: Kind[];
  files: keyof typeof FILES;
  /** The how manieth call is the first to fail. */
  nth: number;
  /** How many calls fail then; all from there on without it. */
  times?: number;
  error: keyof typeof ERROR;
}

/** As preload.c has it: three numbers, a count for each kind of call, then the rules. */
const CALLS_AT = 3;
const RULES_AT = CALLS_AT + Object.keys(KIND).length;
const RULE_NUMBERS = 6;
const RULES = 4;

let compiled: { library: string } | { reason: string } | undefined;

/** Where the library is, or why there is none. */
export function compileDisk(): { library: string } | { reason: string } {
  compiled ??= compile();
  return compiled;
}

/** For those whose process does not end by itself, as vitest's do not. */
export function removeDisk(): void {
  if (compiled !== undefined && "library" in compiled)
    rmSync(dirname(compiled.library), { recursive: true, force: true });
  compiled = undefined;
}

function compile(): { library: string } | { reason: string } {
  if (process.platform !== "linux") return { reason: "LD_PRELOAD as it is used here is Linux's" };
  const folder = mkdtempSync(join(tmpdir(), "hidb-disk-"));
  process.once("exit", removeDisk);
  const library = join(folder, "disk.so");
  const source = join(import.meta.dirname, "preload.c");
  const args = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", library, source, "-ldl"];
  const { status, error, stderr } = spawnSync("gcc", args, { encoding: "utf8" });
  if (error !== undefined) return { reason: `there is no gcc (${error.message})` };
  if (status !== 0) throw new Error(`expected preload.c to compile, got ${stderr}`);
  return { library };
}

export class Disk {
  readonly #root: string;
  readonly #control: string;
  readonly recordFile: string;
  readonly #descriptor: number;

  /** Below `root` lies what can fail; the disk's own files are in `beside`. */
  constructor(root: string, beside: string) {
    this.#root = root;
    this.#control = join(beside, "disk-control");
    this.recordFile = join(beside, "disk-record");
    writeFileSync(this.#control, Buffer.alloc(8 * (RULES_AT + RULES * RULE_NUMBERS)));
    writeFileSync(this.recordFile, "");
    this.#descriptor = openSync(this.#control, "r+");
    this.mend();
  }

  /** For the environment of a process. */
  env({ record = false } = {}): Record<string, string> {
    const found = compileDisk();
    if ("reason" in found) throw new Error(found.reason);
    return {
      LD_PRELOAD: found.library,
      DISK_FAULTS_ROOT: this.#root,
      DISK_FAULTS_CONTROL: this.#control,
      ...(record && { DISK_FAULTS_LOG: this.recordFile }),
    };
  }

  fail(...rules: Rule[]): void {
    for (const [at, { kinds, files, nth, times = -1, error }] of rules.entries()) {
      const bits = kinds.reduce((sum, kind) => sum | KIND[kind], 0);
      this.#set(RULES_AT + at * RULE_NUMBERS, bits, FILES[files], nth, times, ERROR[error], 0);
    }
  }

  /** Files may grow by so much, all together. */
  leaveRoom(bytes: number, files: keyof typeof FILES = "all"): void {
    this.#set(0, bytes, FILES[files]);
  }

  readOnly(): void {
    this.#set(2, 1);
  }

  mend(): void {
    this.#set(0, -1, 0, 0);
    for (let at = 0; at < RULES; at++) this.#set(RULES_AT + at * RULE_NUMBERS, 0, 0, 0, 0, 0, 0);
  }

  /** How often a rule has made a call fail. */
  hits(rule = 0): number {
    return this.#get(RULES_AT + rule * RULE_NUMBERS + 5);
  }

  calls(kind: Kind): number {
    return this.#get(CALLS_AT + Object.keys(KIND).indexOf(kind));
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #set(at: number, ...numbers: number[]): void {
    writeSync(this.#descriptor, new BigInt64Array(numbers.map(BigInt)), 0, numbers.length * 8, at * 8);
  }

  #get(at: number): number {
    const number = new BigInt64Array(1);
    readSync(this.#descriptor, number, 0, 8, at * 8);
    return Number(number[0]);
  }
}
