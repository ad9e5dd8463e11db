// What an earlier try, or the dead owner of a claim, has settled already: asked when an update has changed too few rows.
import type { Database } from "../database/database.js";
import type { Claim, Millis, Outcome } from "../video.js";
import type { ClaimGroup, Waiting } from "./claim-groups.js";
import type { Patience } from "./patience.js";
import * as sql from "./statements.js";

export interface RecoverOptions {
  instance: string;
  database: Database;
}

export class EarlierSettlements {
  readonly #options: RecoverOptions;
  readonly #patience: Patience;

  constructor(options: RecoverOptions, patience: Patience) {
    this.#options = options;
    this.#patience = patience;
  }

  /** Whether an earlier try of this very settlement was applied. */
  async wasSettled(claim: Claim, outcome: Outcome, now: Millis): Promise<boolean> {
    const { database, instance } = this.#options;
    const held = sql.heldParameters(claim, instance);
    const finds = async (statement: string, ...parameters: unknown[]) => {
      const query = () =>
        database
          .prepare(statement)
          .bind(...parameters)
          .first();
      return (await this.#patience.ask(query)) !== null;
    };
    switch (outcome.kind) {
      case "completed":
        return finds(sql.COMPLETED_BY, ...held);
      case "retry":
      case "failed":
        return finds(sql.SETTLED_ATTEMPT, ...held, now);
      case "released":
        return (await this.#patience.ask(() => sql.bindTakenBack(database, { claim, instance }).first())) === null;
      default:
        return outcome satisfies never;
    }
  }

  /** Some of a group had lost their claims: the videos that this very settlement has completed. */
  async findCompleted({ entries, attempt, claimedAt }: ClaimGroup, now: Millis): Promise<Set<number>> {
    const { database, instance } = this.#options;
    const videos = JSON.stringify(Object.fromEntries(entries.map(({ claim }) => [claim.video.id, null])));
    const asking = database.prepare(sql.COMPLETED_OF_GROUP).bind(videos, instance, attempt, claimedAt, now);
    const { results } = await this.#patience.ask(() => asking.all<{ videoId: number }>());
    return new Set(results.map((row) => row.videoId));
  }

  /** The entries whose claims are still held, as indexes of `entries`. */
  async findClaimsHeld(entries: Waiting[]): Promise<Set<number>> {
    const { database, instance } = this.#options;
    const claims = entries.map(({ claim: { video, attempt, claimedAt } }) => ({ video: video.id, attempt, claimedAt }));
    const asking = database.prepare(sql.CLAIMS_HELD).bind(JSON.stringify(claims), instance);
    const { results } = await this.#patience.ask(() => asking.all<{ place: number }>());
    return new Set(results.map(({ place }) => place));
  }
}
