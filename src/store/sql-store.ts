// What both kinds of store share: the verbs that are one call of claim/ or settle/, and the bookkeeping around a heartbeat.
import type { WatchCatalogue } from "../catalogue/adopt.js";
import { Claimer, type ClaimStyle } from "../claim/claimer.js";
import * as membership from "../claim/membership.js";
import { DeadSearch, type SearchOptions } from "../claim/search.js";
import { holdPool } from "../claim/stops.js";
import type { Config } from "../config/settings.js";
import { retryIdempotent } from "../database/retry-idempotent.js";
import type { HidbError } from "../errors.js";
import type { PoolEvent } from "../report/event.js";
import { Settler, type SettleStyle } from "../settle/settler.js";
import type { CatalogueTable, Claim, Millis, Outcome, Settlement } from "../video.js";
import type { Beat, BeatRequest, ClaimRequest, JoinOptions, RenewedBeat, Store, WorkBegun } from "./store.js";

export interface StoreParts {
  instance: membership.Instance;
  catalogue: CatalogueTable;
  config: Pick<
    Config,
    | "sharding"
    | "order"
    | "maxAttempts"
    | "groupCount"
    | "groupMs"
    | "backoffMs"
    | "backoffMaxMs"
    | "heartbeatMs"
    | "spoolDir"
    | "synchronous"
  >;
  report: (event: PoolEvent) => void;
}

/** What is true of one kind of database only. */
export interface StoreKind {
  watchCatalogue: WatchCatalogue;
  claimStyle: ClaimStyle;
  settleStyle: SettleStyle;
  search: Pick<SearchOptions, "orphansEveryMs" | "firstOrphansAfterMs" | "inOrder">;
  claimsBeforeSettled: boolean;
  firstBeatMs: Millis;
}

export abstract class SqlStore implements Store {
  readonly claimStyle: ClaimStyle;
  readonly settleStyle: SettleStyle;
  readonly claimAheadMs: Millis;
  readonly claimsBeforeSettled: boolean;
  readonly firstBeatMs: Millis;
  protected readonly parts: StoreParts;
  protected readonly claimer: Claimer;
  protected readonly search: DeadSearch;
  /** Takes in what is new in the catalogue, whoever has inserted it. */
  protected readonly findNewVideos: () => Promise<void>;
  readonly #settler: Settler;
  #view: membership.PoolView = { rank: 0, count: 0 };

  constructor(parts: StoreParts, kind: StoreKind) {
    const { instance, config, catalogue, report } = parts;
    this.parts = parts;
    this.claimStyle = kind.claimStyle;
    this.settleStyle = kind.settleStyle;
    this.findNewVideos = kind.watchCatalogue(instance.database, instance.clock, catalogue);
    this.claimAheadMs = instance.database.pacing.claimAheadMs;
    this.claimsBeforeSettled = kind.claimsBeforeSettled;
    this.firstBeatMs = kind.firstBeatMs;
    this.claimer = new Claimer(instance, { ...config, catalogue, style: kind.claimStyle });
    this.#settler = new Settler({ ...this.settlerOptions, instance: instance.id });
    this.search = new DeadSearch(instance, {
      ...kind.search,
      maxAttempts: config.maxAttempts,
      recover: (dead) => this.recover(dead),
      onReclaimed: (one) => report({ type: "video.reclaimed", ...one }),
    });
  }

  protected get settlerOptions() {
    const { instance, config, report } = this.parts;
    const { database, clock } = instance;
    const onTrouble = (error: HidbError) => report({ type: "database.trouble", error });
    return { ...config, database, clock, onTrouble, style: this.settleStyle };
  }

  abstract join(options: JoinOptions): Promise<void>;
  protected abstract beatOnce(request: BeatRequest): Promise<Beat>;
  /** Settles what dead instances have left finished: these, or by default all that are known to be dead. */
  protected abstract recover(dead?: string[]): Promise<void>;

  async beginWork(admission: membership.Admission): Promise<WorkBegun> {
    const beginning = membership.beginWork(this.parts.instance, admission);
    if (!this.claimStyle.asksTogether) await beginning;
    // What travels with a write is left without an answer together with it.
    const looking = retryIdempotent(() => this.lookAtPool());
    const [begun, { view, suspect }] = await Promise.all([beginning, looking]);
    this.#view = view;
    return { begun, view, suspect };
  }

  async beat(request: BeatRequest): Promise<Beat> {
    const { instance } = this.parts;
    const startedAt = instance.clock.monotonic();
    try {
      const beat = await this.beatOnce(request);
      this.search.noteContact(startedAt);
      return beat;
    } catch (error) {
      this.search.noteSilence();
      throw error;
    }
  }

  isBeatDue(_busy: boolean): boolean {
    return true;
  }

  claim(request: ClaimRequest): Promise<Claim[]> {
    return this.claimer.claimVideos(request);
  }

  settle(claim: Claim, outcome: Outcome, durMs: Millis): Promise<Settlement> {
    return this.#settler.settleOutcome(claim, outcome, durMs);
  }

  flush(): Promise<void> {
    return this.#settler.flush();
  }

  isKept(_claim: Claim): boolean {
    return false;
  }

  hold(hold: { reason: string; until: Millis }): Promise<void> {
    return holdPool(this.parts.instance.database, hold);
  }

  reserveMemory(wanted: { bytes: number; free: number }): Promise<boolean> {
    return membership.reserveMemory(this.parts.instance, wanted);
  }

  endClaims(): void {
    this.claimer.end();
  }

  beginDrain(): Promise<void> {
    return membership.beginDrain(this.parts.instance);
  }

  beginRecycle(): Promise<boolean> {
    return membership.beginRecycle(this.parts.instance);
  }

  useReserve(): void {}

  async leave(figures: membership.InstanceFigures, because: string): Promise<void> {
    // An instance that could not undo a claim stays a member: what it holds is found when it is marked dead.
    await this.claimer.settleDebts();
    await membership.leave(this.parts.instance, figures, because);
  }

  close(): void {}

  protected async lookAtPool(): Promise<Omit<WorkBegun, "begun">> {
    const [view, suspect] = await Promise.all([membership.viewPool(this.parts.instance), this.claimer.seesSuspect()]);
    return { view, suspect };
  }

  /** The lease that a heartbeat of now asks for. */
  protected get nextLease(): Pick<RenewedBeat, "at" | "leaseUntil"> {
    const { clock, leaseMs } = this.parts.instance;
    return { at: clock.nowFine(), leaseUntil: clock.now() + leaseMs };
  }

  /** Has the backlog looked through from its beginning again where that may find something. */
  protected noteBeat({ view }: RenewedBeat, { isDraining, reclaimed, workWaits, wasStopped }: BeatNews): void {
    const changed = view.count !== this.#view.count || view.rank !== this.#view.rank;
    this.#view = view;
    this.claimer.noteView(view);
    // While the pool was stopped a look at the backlog could find nothing, whatever waits there.
    const resumed = wasStopped && this.parts.instance.stops.length === 0;
    if (isDraining || !(workWaits || reclaimed > 0)) return;
    this.claimer.rewind({ news: changed || resumed || reclaimed > 0 });
  }
}

interface BeatNews {
  isDraining: boolean;
  /** How many videos may be claimed that could not be before. */
  reclaimed: number;
  workWaits: boolean;
  wasStopped: boolean;
}
