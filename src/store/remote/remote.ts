// The pool on D1 over HTTP. Each request costs a round trip and a part of the account's budget: what belongs to one moment is
// asked together, outcomes are kept in a spool until they are committed, and a busy instance renews its lease with requests
// that it makes anyway.
import { watchRemoteCatalogue } from "../../catalogue/adopt.js";
import type { ClaimStyle } from "../../claim/claimer.js";
import * as membership from "../../claim/membership.js";
import { findLostClaims } from "../../claim/reclaim.js";
import type { Timer } from "../../clock.js";
import type { SettleStyle } from "../../settle/settler.js";
import type { Claim, Millis, Outcome, Settlement } from "../../video.js";
import { SqlStore, type StoreParts } from "../sql-store.js";
import type { Beat, BeatRequest, ClaimRequest, JoinOptions, RenewedBeat } from "../store.js";
import { recoverSpools } from "./recovery.js";
import { Spool, type SpoolOwner } from "./spool.js";

export const REMOTE_CLAIMS: ClaimStyle = {
  asksTogether: true,
  describesInClaim: true,
  hasUniqueMoments: true,
  // One instance would hold a large block of the rest while the others stand idle.
  leftoverPart: 1 / 4,
};

/** D1 reads four rows for each video of a group, and one for each settled alone. */
export const REMOTE_SETTLEMENTS: SettleStyle = { groupsByClaim: false, asksTogether: true };

/** The search for orphans reads a row for each open video, and orphans are as good as impossible on D1. */
const ORPHANS_EVERY_MS: Millis = 1_800_000;
/** Early, so that the shares of the requests are put right soon after an instance has come. */
const FIRST_BEAT_MS: Millis = 2000;
/** After this part of its lease a busy instance renews it, whatever else it asks. */
const RENEW_AFTER = 1 / 3;
/** How often the neighbours' processes are looked at between two heartbeats. */
const NEIGHBOURS_EVERY_MS: Millis = 1000;

interface RemoteParts extends StoreParts {
  /** How messages and the spool name the database. */
  databaseName: string;
}

export class RemoteStore extends SqlStore {
  readonly #parts: RemoteParts;
  readonly #spool: Spool;
  /** Claims whose outcomes wait in the spool for another instance. */
  readonly #kept = new Set<Claim>();
  #requestBeat: JoinOptions["requestBeat"] = () => undefined;
  #neighbourTimer: Timer | undefined;
  #beatAt: Millis = Number.NEGATIVE_INFINITY;
  /** As the last heartbeat has told the pool. */
  #isIdle = false;

  constructor(parts: RemoteParts) {
    super(parts, {
      watchCatalogue: watchRemoteCatalogue,
      claimStyle: REMOTE_CLAIMS,
      settleStyle: REMOTE_SETTLEMENTS,
      search: { orphansEveryMs: ORPHANS_EVERY_MS, firstOrphansAfterMs: ORPHANS_EVERY_MS, inOrder: false },
      claimsBeforeSettled: true,
      firstBeatMs: FIRST_BEAT_MS,
    });
    this.#parts = parts;
    const { instance, config, databaseName } = parts;
    const owner = { database: databaseName, instance: instance.id, ...instance.identity };
    this.#spool = new Spool(config.spoolDir, owner, this.settlerOptions);
  }

  async join({ isDraining, requestBeat }: JoinOptions): Promise<void> {
    this.#requestBeat = requestBeat;
    await this.recover();
    if (isDraining()) return;
    await Promise.all([this.search.run(), this.findNewVideos()]);
    // Told to drain already: the requests that are left are kept for leaving the pool.
    if (!isDraining()) await this.claimer.prepare();
    this.#watchNeighbours();
  }

  override async beginWork(admission: membership.Admission) {
    const begun = await super.beginWork(admission);
    this.#beatAt = this.parts.instance.clock.monotonic();
    return begun;
  }

  protected async beatOnce(request: BeatRequest): Promise<Beat> {
    const { instance } = this.parts;
    this.#isIdle = request.figures.busy !== true;
    this.#beatAt = instance.clock.monotonic();
    const lease = this.nextLease;
    const wasStopped = instance.stops.length > 0;
    const [renewed, reclaimed, lost, begun, view, memory, look] = await Promise.all([
      membership.renewLease(instance, request.figures),
      this.search.run(),
      findLostClaims(instance, request.checkClaims),
      request.admission !== undefined && membership.beginWork(instance, request.admission),
      membership.viewPool(instance),
      membership.viewMemory(instance),
      request.isDraining ? undefined : this.#lookForWork(),
      request.alongside?.(),
    ]);
    if (!renewed) return { renewed };
    // What was asked together with the reclaim did not see what it has changed.
    const seen = reclaimed > 0 ? await this.lookAtPool() : { view, suspect: look?.suspect };
    const beat: RenewedBeat = { renewed, ...lease, ...seen, begun, lost, memory };
    this.noteBeat(beat, { ...request, reclaimed, wasStopped, workWaits: look?.workWaits ?? true });
    return beat;
  }

  async #lookForWork() {
    const [, suspect, workWaits] = await Promise.all([
      this.findNewVideos(),
      this.claimer.seesSuspect(),
      // A claim that finds nothing is several requests: asked first, it is none.
      this.claimer.seesWork(),
    ]);
    return { suspect, workWaits };
  }

  override isBeatDue(busy: boolean): boolean {
    const { clock, leaseMs } = this.parts.instance;
    return !busy || !this.search.isInTouch || clock.monotonic() - this.#beatAt >= leaseMs * RENEW_AFTER;
  }

  override claim(request: ClaimRequest): Promise<Claim[]> {
    const claiming = super.claim(request);
    if (request.alone || this.claimer.isCurious) this.#joinRequest();
    return claiming;
  }

  /** A request that goes anyway takes along what waits to be settled, and the heartbeat if it is due. */
  #joinRequest(): void {
    void this.flush();
    const { clock } = this.parts.instance;
    // An idle instance has handed most of its requests back: it asks for them with its first claim.
    const isDue = this.#isIdle || clock.monotonic() - this.#beatAt >= this.parts.config.heartbeatMs;
    if (isDue) this.#requestBeat({ busy: true });
  }

  override settle(claim: Claim, outcome: Outcome, durMs: Millis): Promise<Settlement> {
    const number = this.#spool.keep(claim, outcome, durMs);
    const settling = super.settle(claim, outcome, durMs);
    settling.then(
      () => this.#spool.forget(number),
      // What the database refuses stays in the spool until the database is mended.
      () => this.#kept.add(claim),
    );
    return settling;
  }

  override isKept(claim: Claim): boolean {
    return this.#kept.has(claim);
  }

  /** The queue of requests is not to be waited for before each claim; admission alone keeps the box. */
  override async reserveMemory(): Promise<boolean> {
    return true;
  }

  /** At once: a claim under way may wait for a request that this instance's share allows only in half a minute. */
  override endClaims(): void {
    super.endClaims();
    this.useReserve();
  }

  override beginDrain(): Promise<void> {
    this.#neighbourTimer?.cancel();
    // What the end of the claims was given has gone to those who had waited before it.
    this.useReserve();
    return super.beginDrain();
  }

  override useReserve(): void {
    this.parts.instance.budget?.useReserve();
  }

  /** With an outcome in the spool it stays a member: whoever marks it dead settles the spool before. */
  override async leave(figures: membership.InstanceFigures, because: string): Promise<void> {
    if (this.#kept.size > 0) await this.claimer.settleDebts();
    else await super.leave(figures, because);
  }

  override close(): void {
    this.#spool.close();
  }

  /** What needs no database is looked at every second, though the next heartbeat may be far away. */
  #watchNeighbours(): void {
    const { instance } = this.parts;
    this.#neighbourTimer = instance.clock.every(NEIGHBOURS_EVERY_MS, () => {
      if (instance.neighbours.every((other) => instance.isAlive(other))) return;
      instance.neighbours = [];
      this.#requestBeat();
    });
  }

  protected async recover(dead?: string[]): Promise<void> {
    const { config, databaseName, report, instance } = this.#parts;
    await recoverSpools({
      folder: config.spoolDir,
      databaseName,
      isDead: (owner) => (dead === undefined ? hasEnded(owner, instance) : dead.includes(owner.instance)),
      settler: this.settlerOptions,
      onSettled: ({ held: _, settledAt, instance: heirOf, ...rest }) =>
        report({ type: "attempt.finished", ...rest, at: settledAt, heirOf }),
    });
  }
}

/** On this host a process can be looked at, and none has outlived a reboot. */
function hasEnded(owner: SpoolOwner, { id, identity: { host, boot }, isAlive }: membership.Instance): boolean {
  return owner.instance !== id && owner.host === host && (owner.boot !== boot || !isAlive(owner));
}
