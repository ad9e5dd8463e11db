// The pool on a local SQLite file. A question costs next to nothing, so each is asked when the one before it is answered and
// sees what that one has changed.
import { watchLocalCatalogue } from "../catalogue/adopt.js";
import type { ClaimStyle } from "../claim/claimer.js";
import * as membership from "../claim/membership.js";
import { findLostClaims } from "../claim/reclaim.js";
import type { SettleStyle } from "../settle/settler.js";
import { SqlStore, type StoreParts } from "./sql-store.js";
import type { Beat, BeatRequest, JoinOptions, RenewedBeat } from "./store.js";

export const LOCAL_CLAIMS: ClaimStyle = {
  asksTogether: false,
  // Read inside the claim, the catalogue would triple the time for which the claim holds the write lock.
  describesInClaim: false,
  hasUniqueMoments: false,
  leftoverPart: 1,
};

export const LOCAL_SETTLEMENTS: SettleStyle = { groupsByClaim: true, asksTogether: false };

export class LocalStore extends SqlStore {
  constructor(parts: StoreParts) {
    super(parts, {
      watchCatalogue: watchLocalCatalogue,
      claimStyle: LOCAL_CLAIMS,
      settleStyle: LOCAL_SETTLEMENTS,
      search: { orphansEveryMs: 5000, firstOrphansAfterMs: 0, inOrder: true },
      claimsBeforeSettled: false,
      firstBeatMs: Number.POSITIVE_INFINITY,
    });
  }

  async join({ isDraining }: JoinOptions): Promise<void> {
    await this.search.run();
    await this.findNewVideos();
    if (!isDraining()) await this.claimer.prepare();
  }

  protected async beatOnce(request: BeatRequest): Promise<Beat> {
    const { instance } = this.parts;
    const lease = this.nextLease;
    const wasStopped = instance.stops.length > 0;
    if (!(await membership.renewLease(instance, request.figures))) return { renewed: false };
    const reclaimed = await this.search.run();
    const lost = await findLostClaims(instance, request.checkClaims);
    const begun = request.admission !== undefined && (await membership.beginWork(instance, request.admission));
    const [view, memory, suspect] = await Promise.all([
      membership.viewPool(instance),
      membership.viewMemory(instance),
      request.isDraining ? undefined : this.#lookForWork(),
      request.alongside?.(),
    ]);
    const beat: RenewedBeat = { renewed: true, ...lease, view, begun, lost, memory, suspect };
    this.noteBeat(beat, { ...request, reclaimed, wasStopped, workWaits: true });
    return beat;
  }

  async #lookForWork() {
    await this.findNewVideos();
    return this.claimer.seesSuspect();
  }

  /** What an instance had finished is in the file, or its video is processed again: nothing is kept elsewhere. */
  protected async recover(): Promise<void> {}
}
