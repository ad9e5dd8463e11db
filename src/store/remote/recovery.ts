// What an instance had finished and could not write any more is settled by another one of its host, under the claims of the
// dead instance: so it is done before that one is marked dead.
import { existsSync, rmSync } from "node:fs";
import { Settler, type SettlerOptions } from "../../settle/settler.js";
import type { Claim, Millis, Outcome, Settlement } from "../../video.js";
import { readSpools, type SpooledOutcome, type SpoolFile, type SpoolOwner } from "./spool.js";

export interface RecoveryOptions {
  folder: string;
  /** The database that this instance works on; work for another one is left where it is. */
  databaseName: string;
  /** Whether the owner is known to be dead. */
  isDead: (owner: SpoolOwner) => boolean;
  settler: Omit<SettlerOptions, "instance">;
  onSettled: (settled: Recovered) => void;
}

export interface Recovered extends Settlement {
  claim: Claim;
  /** The instance that had claimed it. */
  instance: string;
  durMs: Millis;
}

/** In large groups, whatever the dead instance used: no claim waits for one of these settlements. */
const TOGETHER = { groupCount: 50, groupMs: 1000 };

/** Settles what the dead have left in the spool; twice does no harm. Resolves to how many outcomes still held. */
export async function recoverSpools(options: RecoveryOptions): Promise<number> {
  const { folder, databaseName, isDead, settler } = options;
  const left = readSpools(folder).filter(({ owner }) => owner.database === databaseName && isDead(owner));
  // Instances that start together begin with different files, as a rule: each finds the others' done, for no request.
  const first = Math.floor(settler.clock.random() * left.length);
  let held = 0;
  for (const spool of [...left.slice(first), ...left.slice(0, first)]) {
    if (!existsSync(spool.file)) continue;
    const settled = (await settleFor(spool, options)).filter((one) => one.held);
    // Several instances may have settled it side by side, which does no harm; the one that removes the file reports it.
    if (!removeFile(spool.file)) continue;
    held += settled.length;
    for (const one of settled) options.onSettled(one);
  }
  return held;
}

function removeFile(file: string): boolean {
  try {
    rmSync(file);
    return true;
  } catch {
    return false;
  }
}

async function settleFor({ owner, outcomes }: SpoolFile, { settler }: RecoveryOptions): Promise<Recovered[]> {
  // All that was left at once: an instance that starts has few requests, and claims only after this.
  const theirs = new Settler({ ...settler, ...TOGETHER, instance: owner.instance, isRecovery: true });
  const settling = outcomes.map(async (entry) => {
    const settlement = await theirs.settleOutcome(entry.claim, toOutcome(entry, settler), 0);
    return { ...settlement, claim: entry.claim, instance: owner.instance, durMs: entry.durMs };
  });
  // Together: one that is refused early would otherwise be an unhandled rejection while the others are being written.
  const [settled] = await Promise.all([Promise.all(settling), theirs.flush()]);
  return settled;
}

function toOutcome({ outcome }: SpooledOutcome, { database }: RecoveryOptions["settler"]): Outcome {
  if (outcome.kind !== "completed" || outcome.statements === undefined) return outcome as Outcome;
  const statements = outcome.statements.map(({ sql, params }) => database.prepare(sql).bind(...params));
  return { ...outcome, statements };
}
