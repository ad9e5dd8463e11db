// Mutants through the shipped probe, one after the other, each with a look at its time and at the memory of this process.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { D1Database } from "@cloudflare/workers-types";
import { systemClock } from "../../../dist/clock.js";
import { createProbe } from "../../../dist/process/probe/probe.js";
import type { Outcome } from "../../../src/video.js";
import { judgeOutcome } from "./judge.ts";

export interface ProbingOptions {
  timeoutMs: number;
  memoryMb: number;
  /** The name of a program that is not there leaves what only ffprobe can read unread. */
  ffprobe?: string;
}

export interface Probed {
  outcome: Outcome;
  tookMs: number;
  /** What this process held at the most meanwhile, beyond what it held before. */
  grownMb: number;
  /** What is to be said against it. */
  faults: string[];
}

/** A machine with neighbours is late, and a thread needs time to start and to end. */
const LATE_MS = 30_000;
/** A thread's own, what grows between two looks at it, and a copy of the file in this process. */
const SPARE_MB = 90;
const MB = 2 ** 20;

export class Probing {
  readonly #options: ProbingOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), "hidb-fuzz-media-"));
  readonly #probe: ReturnType<typeof createProbe>;

  constructor(options: ProbingOptions) {
    const { timeoutMs: probeTimeoutMs, memoryMb: probeMemoryMb, ffprobe } = options;
    this.#options = options;
    this.#probe = createProbe(
      { probeTimeoutMs, probeMemoryMb, probeHash: "always", allowPrivateSources: ["127.0.0.1"] },
      { clock: systemClock, ...(ffprobe !== undefined && { ffprobe }) },
    );
  }

  async run(content: Buffer, url?: string): Promise<Probed> {
    const path = join(this.#folder, "mutant");
    if (url === undefined) writeFileSync(path, content);
    const memory = watchMemory();
    const startedAt = performance.now();
    const outcome = await this.#ask(url ?? path);
    const tookMs = performance.now() - startedAt;
    const grownMb = memory.stop();
    const expected = { size: content.length, sha256: createHash("sha256").update(content).digest("hex") };
    const faults = judgeOutcome(outcome, url === undefined ? expected : { ...expected, mayRetry: true });
    const { timeoutMs, memoryMb } = this.#options;
    if (tookMs > timeoutMs + LATE_MS) faults.push(`took ${Math.round(tookMs)} ms`);
    if (grownMb > memoryMb + SPARE_MB) faults.push(`took ${Math.round(grownMb)} MB`);
    return { outcome, tookMs, grownMb, faults };
  }

  #ask(source: string): Promise<Outcome> {
    const { signal } = new AbortController();
    return this.#probe.process(
      { id: 1, source, title: null, durationS: null },
      { attempt: 1, rank: 0, count: 1, signal, database: {} as D1Database },
    );
  }

  async close(): Promise<void> {
    await this.#probe.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function watchMemory(): { stop: () => number } {
  const before = process.memoryUsage.rss();
  let most = before;
  const look = () => {
    most = Math.max(most, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 10);
  return {
    stop: () => {
      clearInterval(timer);
      look();
      return (most - before) / MB;
    },
  };
}
