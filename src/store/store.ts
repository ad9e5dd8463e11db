// What an instance asks of the pool's database, as verbs. Each kind of database implements them over the same SQL of
// claim/ and settle/; what is true of one kind only (order of requests, batching, recovery, pace) stays in its file.
import type { ClaimStyle, Suspect } from "../claim/claimer.js";
import type { Admission, InstanceFigures, MemoryHere, PoolView } from "../claim/membership.js";
import type { SettleStyle } from "../settle/settler.js";
import type { Claim, Millis, Outcome, Settlement } from "../video.js";

export interface JoinOptions {
  /** Whether the instance was told to drain meanwhile: the rest of the join is left out then. */
  isDraining: () => boolean;
  /** Called when a heartbeat should happen before the next one is due; `busy`: videos are about to be claimed. */
  requestBeat: (options?: { busy: boolean }) => void;
}

export interface BeatRequest {
  figures: InstanceFigures;
  /** Videos whose claims may have been cancelled, deleted or reclaimed. */
  checkClaims: number[];
  isDraining: boolean;
  /** Set while the instance still waits for memory before it may work. */
  admission?: Admission | undefined;
  /** Another question of this instance, which is asked together with these. */
  alongside?: (() => Promise<unknown>) | undefined;
}

/** What a heartbeat found; `undefined` where it was not asked. */
export type Beat = { renewed: false } | RenewedBeat;

export interface RenewedBeat {
  renewed: true;
  /** Just before the lease was renewed, when all that the instance holds was its own for certain. */
  at: Millis;
  leaseUntil: Millis;
  view: PoolView;
  /** The admission was granted: the instance may work. */
  begun: boolean;
  /** Of `checkClaims`, the claims that are no longer held. */
  lost: number[];
  memory: MemoryHere;
  suspect: Suspect | undefined;
}

export interface WorkBegun {
  begun: boolean;
  view: PoolView;
  suspect: Suspect;
}

export interface ClaimRequest {
  /** How many videos at most. */
  limit: number;
  /** Nothing is in hand: the moment for a suspect, which must have its instance to itself. */
  alone: boolean;
}

export interface Store {
  readonly claimStyle: ClaimStyle;
  readonly settleStyle: SettleStyle;
  /** How long videos are claimed ahead of their start. */
  readonly claimAheadMs: Millis;
  /** Whether the next claim is made while outcomes are still being settled. */
  readonly claimsBeforeSettled: boolean;
  /** The first heartbeat comes no later than this. */
  readonly firstBeatMs: Millis;

  /** Settles what dead instances have left finished, reclaims their videos, and takes in new videos of the catalogue. */
  join(options: JoinOptions): Promise<void>;
  /** Makes the instance a working member of the pool if its memory fits. */
  beginWork(admission: Admission): Promise<WorkBegun>;
  /** Renews the lease, reclaims videos of the dead, and reads how the pool stands. */
  beat(request: BeatRequest): Promise<Beat>;
  /** False while the requests of a busy instance renew its lease anyway. */
  isBeatDue(busy: boolean): boolean;
  claim(request: ClaimRequest): Promise<Claim[]>;
  /** Resolves once the outcome is committed, or known to have lost its claim. `durMs`: how long the attempt took. */
  settle(claim: Claim, outcome: Outcome, durMs: Millis): Promise<Settlement>;
  /** Commits the settlements that wait for others. */
  flush(): Promise<void>;
  /** Whether a settlement that failed is kept for another instance, which settles it after this one's end. */
  isKept(claim: Claim): boolean;
  /** Keeps the whole pool from claiming until then; the longest of several holds counts. */
  hold(hold: { reason: string; until: Millis }): Promise<void>;
  /** Reserves `bytes` of the free memory for the next claim; false when others have reserved too much of it. */
  reserveMemory(wanted: { bytes: number; free: number }): Promise<boolean>;

  /** Claims no more, and spends what requests the instance has on its drain. */
  endClaims(): void;
  beginDrain(): Promise<void>;
  /** True when no other instance drains: instances are recycled one at a time. */
  beginRecycle(): Promise<boolean>;
  /** Lets the last requests of this instance go before its share allows them. */
  useReserve(): void;
  /** Undoes claims in doubt and ends the membership, unless another instance has to settle what this one could not. */
  leave(figures: InstanceFigures, because: string): Promise<void>;
  close(): void;
}
