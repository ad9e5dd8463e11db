// A worker outside, as the old process_batch.sh or a program in any language: an instance of the pool that somebody else
// runs and that is seen only when it asks. Claim, fence and settlement are those of every instance; its lease is renewed by
// each of its calls, and what it holds comes back when it has been silent for longer.
import { Claimer, type ClaimerOptions } from "../../claim/claimer.js";
import { isAlive } from "../../claim/liveness.js";
import { beginWork, type Instance, register } from "../../claim/membership.js";
import { HidbError } from "../../errors.js";
import { settlementEvent } from "../../report/settlement.js";
import { Settler } from "../../settle/settler.js";
import type { Claim, Millis, Outcome } from "../../video.js";
import { ApiRefusal } from "../refusal.js";
import type { ServedPool } from "../served-pool.js";
import { type OutsideClaim, writeClaim } from "./claim-text.js";
import * as sql from "./statements.js";

/** Where it runs nobody knows; no process of this host is looked for under its number. */
const HOST = "outside";
const NOBODY = { host: HOST, boot: HOST, pid: 0, pidStartedAt: HOST };
/** A database that cannot be written is waited for as long as a client waits for an answer. */
const PATIENCE_MS: Millis = 20_000;

export interface NextVideoRequest {
  workerId: number;
  /** Without it, its place among all instances tells which videos are its own. */
  workerCount: number | undefined;
}

export interface Handed {
  claim: Claim;
  text: string;
}

/** The next video for this worker; undefined while there is none. */
export async function claimNext(asking: NextVideoRequest, pool: ServedPool): Promise<Handed | undefined> {
  for (;;) {
    const instance = await takeInstance(asking.workerId, pool);
    const claim = instance && (await claimOne(instance, asking, pool));
    if (instance === undefined || claim === undefined) return undefined;
    pool.report({ type: "video.claimed", claim, at: pool.clock.nowFine(), holder: instance.id });
    const text = writeClaim(instance.id, claim);
    if (claim.video.source !== "") return { claim, text };
    const gone: Outcome = { kind: "failed", reason: "the catalogue no longer has this video" };
    await settleClaim({ ...claim, instance: instance.id, videoId: claim.video.id }, gone, pool);
  }
}

/** Resolves to the end of the lease; errors: 409 when the claim is lost. */
export async function renewClaim(claim: OutsideClaim, { database, clock, config }: ServedPool): Promise<Millis> {
  const until = clock.now() + config.leaseMs;
  const [held] = await Promise.all([
    database
      .prepare(sql.IS_HELD)
      .bind(...fenceOf(claim))
      .first(),
    // Of a row that is gone it changes nothing; of a claim that is lost, too little to matter.
    database.prepare(sql.RENEW_OUTSIDE).bind(until, claim.instance).run(),
  ]);
  if (held === null) throw claimLost();
  return until;
}

/** Writes the outcome under the claim; one that comes twice is taken once. Errors: 409 when the claim is lost. */
export async function settleClaim(claim: OutsideClaim, outcome: Outcome, pool: ServedPool): Promise<Outcome> {
  const { database, clock, config, report, store } = pool;
  const durMs = Math.max(0, clock.now() - claim.claimedAt);
  const settler = new Settler({
    ...{
      database,
      clock,
      instance: claim.instance,
      groupCount: 1,
      groupMs: 0,
      isRecovery: true,
      style: store.settleStyle,
    },
    ...{ maxAttempts: config.maxAttempts, backoffMs: config.backoffMs, backoffMaxMs: config.backoffMaxMs },
    onTrouble: (error) => report({ type: "database.trouble", error }),
  });
  const whole = toClaim(claim);
  const settlement = await inTime(settler.settleOutcome(whole, outcome, durMs), pool);
  await count(claim, settlement.held ? settlement.outcome.kind : "lost", durMs, pool);
  report(settlementEvent(whole, settlement, { durMs, now: clock.now(), holder: claim.instance }));
  if (!settlement.held) throw claimLost();
  return settlement.outcome;
}

/**
 * One life goes on for as long as its script asks, settles and asks again. A script that asks while its last video is still
 * open has crashed and begun anew, or is one of two with the same number: it gets a life of its own, and what the other one
 * holds stays with that one's lease.
 */
async function takeInstance(workerId: number, pool: ServedPool): Promise<Instance | undefined> {
  const { database, clock, config } = pool;
  const now = clock.now();
  const parts = { identity: NOBODY, isAlive, processId: workerId, leaseMs: config.leaseMs, database, clock };
  const free = await database
    .prepare(sql.TAKE_FREE)
    .bind(now + config.leaseMs, HOST, workerId, now)
    .first<{ id: string; startedAt: Millis }>();
  if (free !== null) return { ...parts, ...free, epoch: 0, neighbours: [], farLeases: new Map(), stops: [] };
  // Who only asks whether there is something by now need not become a member each time.
  const visitor: Instance = {
    ...parts,
    id: "",
    startedAt: now,
    epoch: 0,
    neighbours: [],
    farLeases: new Map(),
    stops: [],
  };
  if (!(await new Claimer(visitor, claimerOptions(pool)).seesWork())) return undefined;
  const instance = await register(parts);
  // Before it works, so that no other call with the same number takes it for free.
  await database.prepare(sql.FILL_HAND).bind(instance.id).run();
  await beginWork(instance);
  return instance;
}

async function claimOne(instance: Instance, asking: NextVideoRequest, pool: ServedPool): Promise<Claim | undefined> {
  for (const options of choices(asking, pool)) {
    const claimer = new Claimer(instance, options);
    try {
      if (options.sharding === "ranges") await claimer.prepare();
      const [claim] = await claimer.claimVideos({ limit: 1, alone: true });
      if (claim !== undefined) return claim;
    } catch (error) {
      // Its next life begins with nothing in hand, whatever this one's last claim has come to.
      await claimer.settleDebts();
      await goAway(instance, "trouble");
      throw error;
    }
  }
  await goAway(instance, "nothing to do");
  return undefined;
}

/** In the order in which they are tried. */
function choices({ workerId, workerCount }: NextVideoRequest, pool: ServedPool): ClaimerOptions[] {
  const options = claimerOptions(pool);
  if (workerCount === undefined) return [options];
  // Both 0, 1, 2 and 1, 2, 3 are numbers of three workers.
  const shard = { rank: workerId % workerCount, count: workerCount };
  if (options.sharding !== "strict") {
    return [{ ...options, shard, sharding: options.sharding === "none" ? "modulo" : options.sharding }];
  }
  // It is a member of the pool: nobody else takes what its rank makes its own.
  return [{ ...options, shard }, options];
}

function claimerOptions({ config, catalogue, store }: ServedPool): ClaimerOptions {
  return { sharding: config.sharding, order: config.order, catalogue, style: store.claimStyle };
}

async function goAway(instance: Instance, because: string): Promise<void> {
  const { database, clock, id } = instance;
  await database.prepare(sql.LEAVE_OUTSIDE).bind(clock.now(), because, id).run();
}

async function inTime<T>(settling: Promise<T>, { clock }: ServedPool): Promise<T> {
  const over = new AbortController();
  const waiting = clock.sleep(PATIENCE_MS, over.signal).then(() => {
    throw new HidbError({
      code: "DATABASE_UNREACHABLE",
      message: "expected the database to take the outcome, got no answer in time",
      fix: "send the same outcome again: it is taken once",
    });
  });
  try {
    return await Promise.race([settling, waiting]);
  } finally {
    over.abort();
    waiting.catch(() => undefined);
  }
}

async function count(
  claim: OutsideClaim,
  kind: Outcome["kind"] | "lost",
  durMs: Millis,
  { database, clock, config }: ServedPool,
): Promise<void> {
  const one = (wanted: typeof kind) => (kind === wanted ? 1 : 0);
  const done = [one("completed"), one("retry"), one("failed"), one("released"), one("lost"), Math.round(durMs)];
  const until = clock.now() + config.leaseMs;
  await database
    .prepare(sql.COUNT_OUTCOME)
    .bind(until, ...done, claim.instance)
    .run();
}

function fenceOf({ videoId, instance, attempt, claimedAt }: OutsideClaim): unknown[] {
  return [videoId, instance, attempt, claimedAt];
}

function toClaim({ videoId, attempt, claimedAt }: OutsideClaim): Claim {
  const video = { id: videoId, source: "", title: null, durationS: null };
  return { video, attempt, claimedAt, deaths: 0, rank: 0, count: 0 };
}

function claimLost(): ApiRefusal {
  return new ApiRefusal({
    status: 409,
    code: "CLAIM_LOST",
    message: "expected a claim that still holds, got one that was taken back, cancelled or settled",
    fix: "ask for the next video",
  });
}
