// Writes a group of settlements: the plain ones in one transaction, each one with statements of a processor in its own.
import type { D1Result } from "@cloudflare/workers-types";
import { HidbError, messageOf } from "../errors.js";
import type { Claim, Outcome } from "../video.js";
import { groupAlone, groupByClaim, type Waiting } from "./claim-groups.js";
import { OutcomeStatements, type OutcomeStatementsOptions } from "./outcome-statements.js";
import { Patience, type PatienceOptions } from "./patience.js";
import { EarlierSettlements } from "./recover.js";
import * as sql from "./statements.js";
import { usageOf } from "./usage.js";

export interface WriterOptions extends OutcomeStatementsOptions, PatienceOptions {
  maxAttempts: number;
  style: SettleStyle;
  /** The instance is dead, and may have settled some of this without the answer. */
  isRecovery?: boolean;
}

/** How groups are written: each kind of database has the way that costs it least. */
export interface SettleStyle {
  /** Completed videos that were claimed together are settled by one statement, not by one each. */
  groupsByClaim: boolean;
  /** Transactions that do not depend on one another are asked for together. */
  asksTogether: boolean;
}

const NONE: ReadonlySet<number> = new Set();
/** Outcomes with statements of their own in one request to D1. */
const TOGETHER = 15;

export class Writer {
  readonly #options: WriterOptions;
  readonly #patience: Patience;
  readonly #statements: OutcomeStatements;
  readonly #earlier: EarlierSettlements;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#patience = new Patience(options);
    this.#statements = new OutcomeStatements(options);
    this.#earlier = new EarlierSettlements(options, this.#patience);
  }

  /** Resolves once every entry of the group is settled or rejected. */
  async writeGroup(group: Waiting[]): Promise<void> {
    const plain = group.filter((entry) => !carriesStatements(entry.outcome));
    if (plain.length > 0) await this.#writePlain(plain);
    const others = group.filter((entry) => carriesStatements(entry.outcome));
    if (this.#options.style.asksTogether) {
      const count = Math.ceil(others.length / TOGETHER);
      const portions = Array.from({ length: count }, (_, at) => others.slice(at * TOGETHER, (at + 1) * TOGETHER));
      await Promise.all(portions.map((portion) => this.#writeTogether(portion)));
    } else for (const entry of others) await this.#writeWithStatements(entry);
  }

  /**
   * In one request. When it is refused because claims are lost, one question finds which: written apart, each of them
   * would cost a request. Several instances that recover the same outcomes at once lose most of them to one another.
   */
  async #writeTogether(entries: Waiting[]): Promise<void> {
    let left = entries;
    let repeated = this.#options.isRecovery ?? false;
    try {
      while (left.length > 1) {
        const settledAt = this.#options.clock.nowFine();
        try {
          await this.#patience.commit(
            left.flatMap((entry) => this.#statements.fenced(entry)),
            () => {
              repeated = true;
            },
          );
          for (const { outcome, resolve } of left) resolve({ outcome, settledAt, held: true });
          return;
        } catch (error) {
          if (!messageOf(error).includes(sql.FENCE_NAME)) break;
        }
        const held = await this.#earlier.findClaimsHeld(left);
        const lost = left.filter((_, at) => !held.has(at));
        if (lost.length === 0) break;
        left = left.filter((_, at) => held.has(at));
        const asking = lost.map(async ({ claim, outcome, resolve }) => {
          resolve({
            outcome,
            settledAt,
            held: repeated && (await this.#earlier.wasSettled(claim, outcome, settledAt)),
          });
        });
        await Promise.all(asking);
      }
      await Promise.all(left.map((entry) => this.#writeWithStatements(entry, repeated)));
    } catch (error) {
      for (const { reject } of entries) reject(error);
    }
  }

  /** One transaction: the completed ones by the group, each other outcome by statements of its own. */
  async #writePlain(group: Waiting[]): Promise<void> {
    const { clock, isRecovery = false } = this.#options;
    const settledAt = clock.nowFine();
    const now = clock.now();
    const completed = group.filter((entry) => entry.outcome.kind === "completed");
    const others = group.filter((entry) => entry.outcome.kind !== "completed");
    try {
      const groups = this.#options.style.groupsByClaim ? groupByClaim(completed) : completed.map(groupAlone);
      const statements = groups.map((one) => this.#statements.completeGroup(one, now));
      // The last statement of each entry is its own UPDATE: its row count says whether the claim held.
      const places = others.map(({ claim, outcome }) => {
        statements.push(...this.#statements.settle(claim, outcome, now));
        return statements.length - 1;
      });
      let repeated = isRecovery;
      const usage = this.#statements.recordUsage(group);
      const answers = await this.#patience.commit([...usage, ...statements], () => {
        repeated = true;
      });
      const results = answers.slice(usage.length);
      // All queries at once: they share a request, and the next settlement waits for one request instead of many.
      const asking = others.map(async ({ claim, outcome, resolve }, at) => {
        const changed = changesOf(results[places[at] as number]) > 0;
        resolve({
          outcome,
          settledAt,
          held: changed || (repeated && (await this.#earlier.wasSettled(claim, outcome, now))),
        });
      });
      const finding = groups.map(async (one, at) => {
        const allHeld = changesOf(results[at]) === one.entries.length;
        // During recovery every video is asked for below, so the query of the group is left out.
        const found = allHeld ? undefined : isRecovery ? NONE : await this.#earlier.findCompleted(one, now);
        for (const { claim, outcome, resolve } of one.entries) {
          const held = found === undefined || found.has(claim.video.id);
          const earlier = !held && isRecovery && (await this.#earlier.wasSettled(claim, outcome, now));
          resolve({ outcome, settledAt, held: held || earlier });
        }
      });
      await Promise.all([...asking, ...finding]);
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  async #writeWithStatements(entry: Waiting, isRepeated = this.#options.isRecovery ?? false): Promise<void> {
    const { claim, outcome, resolve, reject } = entry;
    const settledAt = this.#options.clock.nowFine();
    let repeated = isRepeated;
    const onRepeat = () => {
      repeated = true;
    };
    try {
      await this.#patience.commit(this.#statements.fenced(entry), onRepeat);
      resolve({ outcome, settledAt, held: true });
    } catch (error) {
      if (messageOf(error).includes(sql.FENCE_NAME)) {
        const held = repeated && (await this.#earlier.wasSettled(claim, outcome, settledAt));
        return resolve({ outcome, settledAt, held });
      }
      if (error instanceof HidbError) return reject(error);
      // The processor's own statements are wrong, which is an outcome of the attempt, like any other error.
      const reason = `the statements of its outcome failed: ${messageOf(error)}`;
      const retry: Outcome = { kind: "retry", reason, ...usageOf(outcome) };
      await this.#writePlain([
        { claim, outcome: spendAttempts(claim, retry, this.#options.maxAttempts), resolve, reject },
      ]);
    }
  }
}

/** An error of the last attempt fails the video. */
export function spendAttempts(claim: Claim, outcome: Outcome, maxAttempts: number): Outcome {
  if (outcome.kind !== "retry" || claim.attempt < maxAttempts) return outcome;
  return { kind: "failed", reason: outcome.reason, ...usageOf(outcome) };
}

function changesOf(result: D1Result | undefined): number {
  return result?.meta.changes ?? 0;
}

function carriesStatements(outcome: Outcome): boolean {
  return outcome.kind === "completed" && (outcome.statements?.length ?? 0) > 0;
}
