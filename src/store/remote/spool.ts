// Finished work on its way to D1: kept in a file of this instance until the settlement is committed, so
// that neither an outage nor the end of the process loses it.
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Clock, Timer } from "../../clock.js";
import { makeFolder, syncFolder } from "../../disk.js";
import { HidbError, messageOf } from "../../errors.js";
import { usageOf } from "../../settle/usage.js";
import type { Claim, Millis, Outcome, UsageReport } from "../../video.js";

/** Whose work it is, and for which database. */
export interface SpoolOwner {
  /** The database, as the user names it; work for another one is left alone. */
  database: string;
  instance: string;
  host: string;
  boot: string;
  pid: number;
  pidStartedAt: string;
}

/** One outcome that was not committed yet, or not yet known to be. */
export interface SpooledOutcome {
  claim: Claim;
  outcome: Exclude<Outcome, { kind: "completed" }> | SpooledCompletion;
  durMs: Millis;
}

interface SpooledCompletion {
  kind: "completed";
  output: string | null;
  statements?: { sql: string; params: unknown[] }[];
  usage?: UsageReport;
}

const SUFFIX = ".ndjson";
/** A file with this much of what is settled already is written anew. */
const WASTE_BYTES = 1_000_000;

/** So long after it is written an outcome is on the disk at the latest; a process that dies loses nothing even then. */
const SYNC_MS: Millis = 1000;

export interface SpoolOptions {
  clock: Pick<Clock, "timer">;
  /** `full`: an outcome is on the disk when `keep` returns. */
  synchronous?: "normal" | "full";
  /** The file cannot be written; what it should hold is kept in memory, and written with the next outcome that can be. */
  onTrouble?: (error: HidbError) => void;
}

export class Spool {
  readonly #file: string;
  readonly #head: string;
  readonly #options: SpoolOptions;
  readonly #kept = new Map<number, string>();
  #descriptor: number;
  #bytes = 0;
  #keptBytes = 0;
  #next = 0;
  #isBehind = false;
  #isNamed = false;
  #syncTimer: Timer | undefined;

  constructor(folder: string, owner: SpoolOwner, options: SpoolOptions) {
    makeFolder(folder);
    this.#file = join(folder, `${owner.instance}${SUFFIX}`);
    this.#head = `${JSON.stringify(owner)}\n`;
    this.#options = options;
    this.#descriptor = openSync(this.#file, "a", 0o600);
    this.#tolerate(() => writeWhole(this.#descriptor, this.#head));
  }

  /** The outcome is in the file when this returns, if there is room for it; gives the number to forget it by. */
  keep(claim: Claim, outcome: Outcome, durMs: Millis): number {
    const number = this.#next++;
    const line = `${JSON.stringify({ keep: number, claim, outcome: toSpooled(outcome), durMs })}\n`;
    this.#kept.set(number, line);
    this.#keptBytes += line.length;
    this.#write(line);
    return number;
  }

  /** It is committed, or its claim was lost. */
  forget(number: number): void {
    this.#keptBytes -= this.#kept.get(number)?.length ?? 0;
    this.#kept.delete(number);
    this.#write(`{"forget":${number}}\n`);
    if (this.#bytes - this.#keptBytes > WASTE_BYTES) this.#tolerate(() => this.#compact());
  }

  /** Leaves a file behind only if there is something in it. */
  close(): void {
    this.#syncTimer?.cancel();
    if (this.#kept.size > 0) this.#tolerate(() => this.#sync());
    closeSync(this.#descriptor);
    if (this.#kept.size === 0) rmSync(this.#file, { force: true });
  }

  #write(line: string): void {
    this.#tolerate(() => {
      // The file may end in half a line, or lack some.
      if (this.#isBehind) return this.#compact();
      writeWhole(this.#descriptor, line);
      this.#bytes += line.length;
      if (this.#options.synchronous === "full") this.#sync();
      else this.#syncTimer ??= this.#options.clock.timer(SYNC_MS, () => this.#syncAside()).unref();
    });
  }

  /** A disk that is full or fails is no reason to die with videos in hand: D1 may take them before it matters. */
  #tolerate(work: () => void): void {
    try {
      work();
      this.#isBehind = false;
    } catch (cause) {
      if (!this.#isBehind) this.#options.onTrouble?.(unwritable(this.#file, cause));
      this.#isBehind = true;
    }
  }

  /** What has been kept so far may be on the disk already: it stays under this name until all of the new file is. */
  #compact(): void {
    const draft = `${this.#file}.new`;
    const descriptor = openSync(draft, "w", 0o600);
    const lines = [...this.#kept.values()].join("");
    try {
      writeWhole(descriptor, this.#head + lines);
      fdatasyncSync(descriptor);
      renameSync(draft, this.#file);
    } catch (error) {
      closeSync(descriptor);
      rmSync(draft, { force: true });
      throw error;
    }
    closeSync(this.#descriptor);
    this.#descriptor = descriptor;
    this.#bytes = lines.length;
    this.#isNamed = false;
    this.#nameForGood();
  }

  #sync(): void {
    fdatasyncSync(this.#descriptor);
    this.#nameForGood();
  }

  #syncAside(): void {
    this.#syncTimer = undefined;
    // An error comes with the next write that meets it, or means a file that was replaced meanwhile, whole and synced.
    fdatasync(this.#descriptor, () => undefined);
    this.#tolerate(() => this.#nameForGood());
  }

  #nameForGood(): void {
    if (!this.#isNamed) syncFolder(dirname(this.#file));
    this.#isNamed = true;
  }
}

/** A disk that is nearly full takes a part and says so by the count alone. */
function writeWhole(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

function unwritable(file: string, cause: unknown): HidbError {
  return new HidbError({
    code: "FILE_UNWRITABLE",
    message: `expected to keep finished work in ${file}, got ${messageOf(cause)}`,
    fix: "free some disk space and give this user write permission there; until then it is kept in memory",
    cause,
  });
}

export interface SpoolFile {
  file: string;
  owner: SpoolOwner;
  outcomes: SpooledOutcome[];
}

/** The files that instances have left behind. What was cut off in the middle of a line was never told to be kept. */
export function readSpools(folder: string): SpoolFile[] {
  const spools: SpoolFile[] = [];
  for (const name of namesIn(folder)) {
    const file = join(folder, name);
    const [owner, ...lines] = readLines(file);
    if (owner !== undefined)
      spools.push({ file, owner: owner as SpoolOwner, outcomes: findKept(lines as SpoolLine[]) });
  }
  return spools;
}

type SpoolLine = (SpooledOutcome & { keep: number }) | { forget: number };

function findKept(lines: SpoolLine[]): SpooledOutcome[] {
  const kept = new Map<number, SpooledOutcome>();
  for (const line of lines) {
    if ("forget" in line) kept.delete(line.forget);
    else kept.set(line.keep, { claim: line.claim, outcome: line.outcome, durMs: line.durMs });
  }
  return [...kept.values()];
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(SUFFIX));
  } catch {
    // No instance has kept anything yet.
    return [];
  }
}

function readLines(file: string): unknown[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    // Another instance has just recovered it.
    return [];
  }
  const [head = "", ...lines] = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  const owner = parseLine(head);
  return owner === undefined ? [] : [owner, ...lines.map(parseLine).filter((line) => line !== undefined)];
}

/** A power cut leaves nothing, or zeros, where something was not on the disk yet; a full disk leaves half a line. */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line) ?? undefined;
  } catch {
    return undefined;
  }
}

function toSpooled(outcome: Outcome): SpooledOutcome["outcome"] {
  if (outcome.kind !== "completed") return outcome;
  const { output, statements = [] } = outcome;
  const usage = usageOf(outcome);
  if (statements.length === 0) return { kind: "completed", output, ...usage };
  // D1's contract: a statement shows its text and its values.
  const shown = statements as unknown as { statement: string; params: unknown[] }[];
  const texts = shown.map(({ statement: sql, params }) => ({ sql, params }));
  return { kind: "completed", output, statements: texts, ...usage };
}
