// The statements that write an outcome, or a group of them, under its claim.
import type { D1PreparedStatement } from "@cloudflare/workers-types";
import type { Clock } from "../clock.js";
import type { Database } from "../database/database.js";
import type { Claim, Millis, Outcome } from "../video.js";
import { type BackoffLimits, backoffMs } from "./backoff.js";
import type { ClaimGroup, Waiting } from "./claim-groups.js";
import * as sql from "./statements.js";
import { describeUsage } from "./usage.js";

export interface OutcomeStatementsOptions extends BackoffLimits {
  instance: string;
  database: Database;
  clock: Clock;
}

export class OutcomeStatements {
  readonly #options: OutcomeStatementsOptions;

  constructor(options: OutcomeStatementsOptions) {
    this.#options = options;
  }

  /** All of one transaction: the fence, the processor's own statements, and the settlement. */
  fenced({ claim, outcome }: Waiting): D1PreparedStatement[] {
    const { database, instance, clock } = this.#options;
    const own = outcome.kind === "completed" ? (outcome.statements ?? []) : [];
    const fence = database.prepare(sql.FENCE).bind(...sql.heldParameters(claim, instance));
    const usage = this.recordUsage([{ claim, outcome }]);
    return [fence, ...usage, ...own, ...this.settle(claim, outcome, clock.now())];
  }

  /** One statement for all that went over a limit, none if no attempt did. */
  recordUsage(group: Pick<Waiting, "claim" | "outcome">[]): D1PreparedStatement[] {
    const { database, instance } = this.#options;
    const usage = describeUsage(group);
    return usage === undefined ? [] : [database.prepare(sql.RECORD_USAGE).bind(usage, instance)];
  }

  completeGroup({ entries, outputs, attempt, claimedAt }: ClaimGroup, now: Millis): D1PreparedStatement {
    const { database, instance } = this.#options;
    const [only] = entries;
    if (only?.outcome.kind === "completed" && entries.length === 1) {
      const { claim, outcome } = only;
      return sql.bindComplete(database, { claim, instance, output: outcome.output, finishedAt: now });
    }
    return database.prepare(sql.COMPLETE_GROUP).bind(now, `{${outputs.join(",")}}`, instance, attempt, claimedAt);
  }

  /** The last one is the UPDATE of the video: its row count says whether the claim held. */
  settle(claim: Claim, outcome: Outcome, now: Millis): D1PreparedStatement[] {
    const { database, instance, clock } = this.#options;
    switch (outcome.kind) {
      case "completed":
        return [sql.bindComplete(database, { claim, instance, output: outcome.output, finishedAt: now })];
      case "retry": {
        const { reason } = outcome;
        const wait = outcome.afterMs ?? backoffMs(claim.attempt, clock.random(), this.#options);
        return [
          sql.bindRecordAttempt(database, { claim, instance, outcome: "retry", reason, endedAt: now }),
          sql.bindRetry(database, { claim, instance, reason, runAfter: now + wait }),
        ];
      }
      case "failed": {
        const { reason } = outcome;
        return [
          sql.bindRecordAttempt(database, { claim, instance, outcome: "failed", reason, endedAt: now }),
          sql.bindFail(database, { claim, instance, reason, finishedAt: now }),
        ];
      }
      case "released":
        return [database.prepare(sql.RELEASE).bind(...sql.heldParameters(claim, instance))];
      default:
        return outcome satisfies never;
    }
  }
}
