// What an instance had finished and could not write any more is settled by another one of its host, under the claims
// of the dead: so it has to be done before they are buried.
import { existsSync, rmSync } from "node:fs";
import type { Claim, Millis, Outcome } from "../video.js";
import { type Settlement, Settler, type SettlerOptions } from "./settler.js";
import { readSpools, type SpooledOutcome, type SpoolFile, type SpoolOwner } from "./spool.js";

export interface InheritOptions {
  folder: string;
  /** The database that this instance works on; work for another one is left where it is. */
  databaseName: string;
  /** Whether the owner is known to be dead. */
  isDead: (owner: SpoolOwner) => boolean;
  settler: Omit<SettlerOptions, "instance" | "spool">;
  onSettled: (settled: Inherited) => void;
}

export interface Inherited extends Settlement {
  claim: Claim;
  /** The life that had claimed it. */
  instance: string;
  durMs: Millis;
}

/** However singly the dead had settled: nobody waits for one of them any more. */
const TOGETHER = { groupCount: 50, groupMs: 1000 };

/** Settles what the dead have left in the spool; twice does no harm. Resolves to how many outcomes still held. */
export async function inheritSpools(options: InheritOptions): Promise<number> {
  const { folder, databaseName, isDead, settler } = options;
  const left = readSpools(folder).filter(({ owner }) => owner.database === databaseName && isDead(owner));
  // Instances that start together begin with different files, as a rule: each finds the others' done, for no request.
  const first = Math.floor(settler.clock.random() * left.length);
  let held = 0;
  for (const spool of [...left.slice(first), ...left.slice(0, first)]) {
    if (!existsSync(spool.file)) continue;
    const settled = (await settleFor(spool, options)).filter((one) => one.held);
    // Several heirs may have settled it side by side, which does no harm; who takes the file away is the one to tell.
    if (!takeAway(spool.file)) continue;
    held += settled.length;
    for (const one of settled) options.onSettled(one);
  }
  return held;
}

function takeAway(file: string): boolean {
  try {
    rmSync(file);
    return true;
  } catch {
    return false;
  }
}

async function settleFor({ owner, outcomes }: SpoolFile, { settler }: InheritOptions): Promise<Inherited[]> {
  // All that was left at once: an heir that has just come has few requests, and works only when this is done.
  const theirs = new Settler({ ...settler, ...TOGETHER, instance: owner.instance, inherited: true });
  const settling = outcomes.map(async (entry) => {
    const settlement = await theirs.settleOutcome(entry.claim, toOutcome(entry, settler), 0);
    return { ...settlement, claim: entry.claim, instance: owner.instance, durMs: entry.durMs };
  });
  // Together: one that is refused early would otherwise have nobody to hear of it while the others are being written.
  const [settled] = await Promise.all([Promise.all(settling), theirs.flush()]);
  return settled;
}

function toOutcome({ outcome }: SpooledOutcome, { database }: InheritOptions["settler"]): Outcome {
  if (outcome.kind !== "completed" || outcome.statements === undefined) return outcome as Outcome;
  const statements = outcome.statements.map(({ sql, params }) => database.prepare(sql).bind(...params));
  return { ...outcome, statements };
}
