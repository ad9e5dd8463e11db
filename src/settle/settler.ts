// Room 4: writes outcomes under their claims, those of short videos together in one transaction.
import type { D1PreparedStatement, D1Result } from "@cloudflare/workers-types";
import type { Clock, Timer } from "../clock.js";
import type { Database } from "../database/database.js";
import { HidbError, isOutcomeUnknown, isPassing, messageOf } from "../errors.js";
import type { Claim, Millis, Outcome, Settlement } from "../video.js";
import { type BackoffLimits, backoffMs } from "./backoff.js";
import * as sql from "./statements.js";
import { describeUsage, usageOf } from "./usage.js";

export interface SettlerOptions extends BackoffLimits {
  instance: string;
  database: Database;
  clock: Clock;
  maxAttempts: number;
  /** Settlements in one transaction at most. */
  groupCount: number;
  /** How long a settlement waits for others of its group at most. */
  groupMs: Millis;
  /** Called when the database cannot be written for now; the settlements are kept and tried again. */
  onTrouble: (error: HidbError) => void;
  style: SettleStyle;
  /** The instance is dead, and may have settled some of this without hearing of it. */
  isRecovery?: boolean;
}

/** How groups are written: each kind of database has the way that costs it least. */
export interface SettleStyle {
  /** Completed videos that were claimed together are settled by one statement, not by one each. */
  groupsByClaim: boolean;
  /** Transactions that do not depend on one another are asked for together. */
  asksTogether: boolean;
}

type Completed = Extract<Outcome, { kind: "completed" }>;

interface Waiting {
  claim: Claim;
  outcome: Outcome;
  resolve: (settlement: Settlement) => void;
  reject: (error: unknown) => void;
}

const TRY_AGAIN_MS = 1000;
/** A quota lasts until midnight; somebody may raise it earlier. */
const QUOTA_AGAIN_MS = 60_000;
const NONE: ReadonlySet<number> = new Set();
const PORTION_CHARACTERS = 500_000;
/** Outcomes with statements of their own in one request to D1. */
const TOGETHER = 15;

export class Settler {
  readonly #options: SettlerOptions;
  #waiting: Waiting[] = [];
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: SettlerOptions) {
    this.#options = options;
  }

  /** Resolves once the outcome is committed, or known to have lost its claim. `durMs`: how long the attempt took. */
  settleOutcome(claim: Claim, outcome: Outcome, durMs: Millis): Promise<Settlement> {
    const { promise, resolve, reject } = Promise.withResolvers<Settlement>();
    const { groupCount, groupMs } = this.#options;
    this.#waiting.push({ claim, outcome: this.#spendAttempts(claim, outcome), resolve, reject });
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
    this.#writing = this.#writing.then(() => this.#writeGroup(group));
    return this.#writing;
  }

  #spendAttempts(claim: Claim, outcome: Outcome): Outcome {
    if (outcome.kind !== "retry" || claim.attempt < this.#options.maxAttempts) return outcome;
    return { kind: "failed", reason: outcome.reason, ...usageOf(outcome) };
  }

  async #writeGroup(group: Waiting[]): Promise<void> {
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
          await this.#commit(left.flatMap(this.#fenced, this), () => {
            repeated = true;
          });
          for (const { outcome, resolve } of left) resolve({ outcome, settledAt, held: true });
          return;
        } catch (error) {
          if (!messageOf(error).includes(sql.FENCE_NAME)) break;
        }
        const held = await this.#findClaimsHeld(left);
        const lost = left.filter((_, at) => !held.has(at));
        if (lost.length === 0) break;
        left = left.filter((_, at) => held.has(at));
        const asking = lost.map(async ({ claim, outcome, resolve }) => {
          resolve({ outcome, settledAt, held: repeated && (await this.#wasSettled(claim, outcome, settledAt)) });
        });
        await Promise.all(asking);
      }
      await Promise.all(left.map((entry) => this.#writeWithStatements(entry, repeated)));
    } catch (error) {
      for (const { reject } of entries) reject(error);
    }
  }

  /** Places in `entries`. */
  async #findClaimsHeld(entries: Waiting[]): Promise<Set<number>> {
    const { database, instance } = this.#options;
    const claims = entries.map(({ claim: { video, attempt, claimedAt } }) => ({ video: video.id, attempt, claimedAt }));
    const asking = database.prepare(sql.CLAIMS_HELD).bind(JSON.stringify(claims), instance);
    const { results } = await this.#patiently(() => asking.all<{ place: number }>());
    return new Set(results.map(({ place }) => place));
  }

  /** All of one transaction: the fence, the processor's own statements, and the settlement. */
  #fenced({ claim, outcome }: Waiting): D1PreparedStatement[] {
    const { database, instance, clock } = this.#options;
    const own = outcome.kind === "completed" ? (outcome.statements ?? []) : [];
    const fence = database.prepare(sql.FENCE).bind(claim.video.id, instance, claim.attempt, claim.claimedAt);
    const usage = this.#recordUsage([{ claim, outcome }]);
    return [fence, ...usage, ...own, ...this.#statementsFor(claim, outcome, clock.now())];
  }

  /** One transaction: the completed ones by the group, each other outcome by statements of its own. */
  async #writePlain(group: Waiting[]): Promise<void> {
    const { clock, isRecovery = false } = this.#options;
    const settledAt = clock.nowFine();
    const now = clock.now();
    const completed = group.filter((entry) => entry.outcome.kind === "completed");
    const others = group.filter((entry) => entry.outcome.kind !== "completed");
    try {
      const groups = this.#options.style.groupsByClaim ? groupByClaim(completed) : completed.map(alone);
      const statements = groups.map((one) => this.#completeGroup(one, now));
      // The last statement of each entry is its own UPDATE: its row count says whether the claim held.
      const places = others.map(({ claim, outcome }) => {
        statements.push(...this.#statementsFor(claim, outcome, now));
        return statements.length - 1;
      });
      let repeated = isRecovery;
      const usage = this.#recordUsage(group);
      const answers = await this.#commit([...usage, ...statements], () => {
        repeated = true;
      });
      const results = answers.slice(usage.length);
      // All questions at once: they travel together, and the next settlement waits for one request instead of many.
      const asking = others.map(async ({ claim, outcome, resolve }, at) => {
        const changed = changesOf(results[places[at] as number]) > 0;
        resolve({ outcome, settledAt, held: changed || (repeated && (await this.#wasSettled(claim, outcome, now))) });
      });
      const finding = groups.map(async (one, at) => {
        const allHeld = changesOf(results[at]) === one.entries.length;
        // During recovery every video is asked for below, so the query of the group is left out.
        const found = allHeld ? undefined : isRecovery ? NONE : await this.#findHeld(one, now);
        for (const { claim, outcome, resolve } of one.entries) {
          const held = found === undefined || found.has(claim.video.id);
          const earlier = !held && isRecovery && (await this.#wasSettled(claim, outcome, now));
          resolve({ outcome, settledAt, held: held || earlier });
        }
      });
      await Promise.all([...asking, ...finding]);
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  /** One statement for all that went over a limit, none if nobody did. */
  #recordUsage(group: Pick<Waiting, "claim" | "outcome">[]): D1PreparedStatement[] {
    const { database, instance } = this.#options;
    const usage = describeUsage(group);
    return usage === undefined ? [] : [database.prepare(sql.RECORD_USAGE).bind(usage, instance)];
  }

  #completeGroup({ entries, outputs, attempt, claimedAt }: ClaimGroup, now: Millis): D1PreparedStatement {
    const { database, instance } = this.#options;
    const [only] = entries;
    if (only?.outcome.kind === "completed" && entries.length === 1)
      return this.#complete(only.claim, only.outcome, now);
    return database.prepare(sql.COMPLETE_GROUP).bind(now, `{${outputs.join(",")}}`, instance, attempt, claimedAt);
  }

  #complete(claim: Claim, { output }: Completed, now: Millis): D1PreparedStatement {
    const { database, instance } = this.#options;
    const held = [claim.video.id, instance, claim.attempt, claim.claimedAt];
    return database.prepare(sql.COMPLETE).bind(now, output, ...held);
  }

  /** Some of a group had lost their claims: which ones this very settlement has completed. */
  async #findHeld({ entries, attempt, claimedAt }: ClaimGroup, now: Millis): Promise<Set<number>> {
    const { database, instance } = this.#options;
    const videos = JSON.stringify(Object.fromEntries(entries.map(({ claim }) => [claim.video.id, null])));
    const asking = database.prepare(sql.COMPLETED_OF_GROUP).bind(videos, instance, attempt, claimedAt, now);
    const { results } = await this.#patiently(() => asking.all<{ videoId: number }>());
    return new Set(results.map((row) => row.videoId));
  }

  async #writeWithStatements(entry: Waiting, isRepeated = this.#options.isRecovery ?? false): Promise<void> {
    const { claim, outcome, resolve, reject } = entry;
    const settledAt = this.#options.clock.nowFine();
    let repeated = isRepeated;
    const onRepeat = () => {
      repeated = true;
    };
    try {
      await this.#commit(this.#fenced(entry), onRepeat);
      resolve({ outcome, settledAt, held: true });
    } catch (error) {
      if (messageOf(error).includes(sql.FENCE_NAME)) {
        const held = repeated && (await this.#wasSettled(claim, outcome, settledAt));
        return resolve({ outcome, settledAt, held });
      }
      if (error instanceof HidbError) return reject(error);
      // The processor's own statements are wrong: that is an outcome of the attempt, like any other error.
      const reason = `the statements of its outcome failed: ${messageOf(error)}`;
      const retry: Outcome = { kind: "retry", reason, ...usageOf(outcome) };
      await this.#writePlain([{ claim, outcome: this.#spendAttempts(claim, retry), resolve, reject }]);
    }
  }

  /**
   * Settled work is worth waiting for: a database that is locked, full or out of reach is tried again until it is not.
   * `onRepeat`: an earlier try may have been applied without our hearing of it.
   */
  async #commit(statements: D1PreparedStatement[], onRepeat: () => void): Promise<D1Result[]> {
    const { database } = this.#options;
    for (;;) {
      try {
        const answers = await database.batch(statements);
        database.syncSoon?.();
        return answers;
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (isOutcomeUnknown(error)) onRepeat();
        await this.#bear(error);
      }
    }
  }

  async #bear(error: HidbError): Promise<void> {
    const { clock, onTrouble } = this.#options;
    onTrouble(error);
    await clock.sleep(error.code === "DATABASE_QUOTA" ? QUOTA_AGAIN_MS : TRY_AGAIN_MS);
  }

  /** Whether an earlier try of this very settlement was applied. */
  async #wasSettled(claim: Claim, outcome: Outcome, now: Millis): Promise<boolean> {
    const { database, instance } = this.#options;
    const held = [claim.video.id, instance, claim.attempt, claim.claimedAt];
    const ask = async (statement: string, ...more: unknown[]) =>
      (await this.#patiently(() =>
        database
          .prepare(statement)
          .bind(...held, ...more)
          .first(),
      )) !== null;
    switch (outcome.kind) {
      case "completed":
        return ask(sql.COMPLETED_BY);
      case "retry":
      case "failed":
        return ask(sql.SETTLED_ATTEMPT, now);
      case "released":
        return !(await ask(sql.TAKEN_BACK, ...held));
      default:
        return outcome satisfies never;
    }
  }

  async #patiently<T>(question: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await question();
      } catch (error) {
        if (!isPassing(error)) throw error;
        await this.#bear(error);
      }
    }
  }

  #statementsFor(claim: Claim, outcome: Outcome, now: Millis): D1PreparedStatement[] {
    const { database, instance, clock } = this.#options;
    const held = [claim.video.id, instance, claim.attempt, claim.claimedAt];
    switch (outcome.kind) {
      case "completed":
        return [this.#complete(claim, outcome, now)];
      case "retry": {
        const wait = outcome.afterMs ?? backoffMs(claim.attempt, clock.random(), this.#options);
        return [
          database.prepare(sql.RECORD_ATTEMPT).bind("retry", outcome.reason, now, ...held),
          database.prepare(sql.RETRY).bind(now + wait, outcome.reason, ...held),
        ];
      }
      case "failed":
        return [
          database.prepare(sql.RECORD_ATTEMPT).bind("failed", outcome.reason, now, ...held),
          database.prepare(sql.FAIL).bind(now, outcome.reason, ...held),
        ];
      case "released":
        return [database.prepare(sql.RELEASE).bind(...held)];
      default:
        return outcome satisfies never;
    }
  }
}

/** Completed videos that were claimed together. */
interface ClaimGroup {
  attempt: number;
  claimedAt: Millis;
  entries: Waiting[];
  /** `"video":output` as JSON text, one for each entry; all together well below what D1 takes as one value (2 MB). */
  outputs: string[];
  size: number;
}

function alone(entry: Waiting): ClaimGroup {
  const { attempt, claimedAt } = entry.claim;
  return { attempt, claimedAt, entries: [entry], outputs: [], size: 0 };
}

function groupByClaim(completed: Waiting[]): ClaimGroup[] {
  const groups: ClaimGroup[] = [];
  const open = new Map<string, ClaimGroup>();
  for (const entry of completed) {
    const { video, attempt, claimedAt } = entry.claim;
    const output = `"${video.id}":${JSON.stringify(entry.outcome.kind === "completed" ? entry.outcome.output : null)}`;
    const key = `${attempt} ${claimedAt}`;
    let group = open.get(key);
    if (group === undefined || group.size + output.length > PORTION_CHARACTERS) {
      group = { attempt, claimedAt, entries: [], outputs: [], size: 0 };
      groups.push(group);
      open.set(key, group);
    }
    group.entries.push(entry);
    group.outputs.push(output);
    group.size += output.length;
  }
  return groups;
}

function changesOf(result: D1Result | undefined): number {
  return result?.meta.changes ?? 0;
}

function carriesStatements(outcome: Outcome): boolean {
  return outcome.kind === "completed" && (outcome.statements?.length ?? 0) > 0;
}
