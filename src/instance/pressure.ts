// Whether the box is so nearly full, or the kernel so short of memory, that nothing new should be begun.
import type { BoxMemory } from "../report/box/box.js";

export type Strain = "none" | "pause" | "yield";

export interface StrainOptions {
  /** What one instance may take: nobody needs to keep more free than that. */
  shareBytes: number;
}

/** Parts of the limit left free below which nothing is claimed, above which it is again, and below which somebody has to go. */
const PAUSE_LEFT = 0.15;
const RESUME_LEFT = 0.2;
const YIELD_LEFT = 0.08;
/** Percent of ten seconds in which somebody waited for memory. The kernel kills when all do: long before that. */
const PAUSE_PRESSURE = 20;
const RESUME_PRESSURE = 10;

/** Remembers whether it has paused, so that it does not flutter. */
export class Pressure {
  readonly #shareBytes: number;
  #paused = false;

  constructor({ shareBytes }: StrainOptions) {
    this.#shareBytes = shareBytes;
  }

  judge({ limitBytes, usedBytes }: BoxMemory, pressure: number): Strain {
    const left = limitBytes - usedBytes;
    // On a large machine 15 % are many gigabytes, and no reason for anything.
    const margin = (part: number) => Math.min(part * limitBytes, (part / PAUSE_LEFT) * this.#shareBytes);
    if (left < margin(YIELD_LEFT)) {
      this.#paused = true;
      return "yield";
    }
    const part = this.#paused ? RESUME_LEFT : PAUSE_LEFT;
    const most = this.#paused ? RESUME_PRESSURE : PAUSE_PRESSURE;
    this.#paused = left < margin(part) || pressure > most;
    return this.#paused ? "pause" : "none";
  }
}
