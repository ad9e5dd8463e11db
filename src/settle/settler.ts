// Stage 4: writes outcomes under their claims. Here settlements wait for others of their group.
import type { Timer } from "../clock.js";
import type { Claim, Millis, Outcome, Settlement } from "../video.js";
import type { Waiting } from "./claim-groups.js";
import { spendAttempts, Writer, type WriterOptions } from "./write.js";

export type { SettleStyle } from "./write.js";

export interface SettlerOptions extends WriterOptions {
  /** Settlements in one transaction at most. */
  groupCount: number;
  /** How long a settlement waits for others of its group at most. */
  groupMs: Millis;
}

export class Settler {
  readonly #options: SettlerOptions;
  readonly #writer: Writer;
  #waiting: Waiting[] = [];
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: SettlerOptions) {
    this.#options = options;
    this.#writer = new Writer(options);
  }

  /** Resolves once the outcome is committed, or known to have lost its claim. `durMs`: how long the attempt took. */
  settleOutcome(claim: Claim, outcome: Outcome, durMs: Millis): Promise<Settlement> {
    const { promise, resolve, reject } = Promise.withResolvers<Settlement>();
    const { groupCount, groupMs, maxAttempts } = this.#options;
    this.#waiting.push({ claim, outcome: spendAttempts(claim, outcome, maxAttempts), resolve, reject });
    if (this.#waiting.length >= groupCount || durMs >= groupMs) void this.flush();
    else this.#timer ??= this.#options.clock.timer(groupMs, () => void this.flush());
    return promise;
  }

  /** How many settlements wait for others of their group. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Commits what waits now. */
  flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const group = this.#waiting;
    if (group.length === 0) return this.#writing;
    this.#waiting = [];
    this.#writing = this.#writing.then(() => this.#writer.writeGroup(group));
    return this.#writing;
  }
}
