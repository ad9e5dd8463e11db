// Finished work on its way to a distant database: kept in a file of this instance until the settlement is committed, so
// that neither an outage nor the end of the process loses it.
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Claim, Millis, Outcome, UsageReport } from "../video.js";
import { usageOf } from "./usage.js";

/** Whose work it is, and for which database. */
export interface SpoolOwner {
  /** The database, as its person would name it; work for another one is left alone. */
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

export class Spool {
  readonly #file: string;
  readonly #head: string;
  readonly #kept = new Map<number, string>();
  #descriptor: number;
  #bytes = 0;
  #keptBytes = 0;
  #next = 0;

  constructor(folder: string, owner: SpoolOwner) {
    mkdirSync(folder, { recursive: true });
    this.#file = join(folder, `${owner.instance}${SUFFIX}`);
    this.#head = `${JSON.stringify(owner)}\n`;
    this.#descriptor = this.#begin();
  }

  /** The outcome is in the file when this returns; gives the number to forget it by. */
  keep(claim: Claim, outcome: Outcome, durMs: Millis): number {
    const number = this.#next++;
    const line = `${JSON.stringify({ keep: number, claim, outcome: toSpooled(outcome), durMs })}\n`;
    this.#write(line);
    this.#kept.set(number, line);
    this.#keptBytes += line.length;
    return number;
  }

  /** It is committed, or its claim was lost. */
  forget(number: number): void {
    this.#keptBytes -= this.#kept.get(number)?.length ?? 0;
    this.#kept.delete(number);
    this.#write(`{"forget":${number}}\n`);
    if (this.#bytes - this.#keptBytes > WASTE_BYTES) this.#compact();
  }

  /** Leaves a file behind only if there is something in it. */
  close(): void {
    closeSync(this.#descriptor);
    if (this.#kept.size === 0) rmSync(this.#file, { force: true });
  }

  #begin(): number {
    const descriptor = openSync(this.#file, "a", 0o600);
    this.#bytes = 0;
    this.#keptBytes = 0;
    writeSync(descriptor, this.#head);
    return descriptor;
  }

  #compact(): void {
    const draft = `${this.#file}.new`;
    const descriptor = openSync(draft, "w", 0o600);
    const lines = [...this.#kept.values()].join("");
    writeSync(descriptor, this.#head + lines);
    renameSync(draft, this.#file);
    closeSync(this.#descriptor);
    this.#descriptor = descriptor;
    this.#bytes = lines.length;
  }

  #write(line: string): void {
    writeSync(this.#descriptor, line);
    this.#bytes += line.length;
  }
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
    // Nobody has ever had anything to keep.
    return [];
  }
}

function readLines(file: string): unknown[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    // Somebody else has just taken it over.
    return [];
  }
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as unknown);
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
