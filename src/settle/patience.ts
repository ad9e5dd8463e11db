// A database that is busy, full or out of reach is tried again until it is not: settled work is worth the wait.
import type { D1PreparedStatement, D1Result } from "@cloudflare/workers-types";
import type { Clock } from "../clock.js";
import type { Database } from "../database/database.js";
import { type HidbError, isOutcomeUnknown, isPassing } from "../errors.js";

export interface PatienceOptions {
  database: Database;
  clock: Clock;
  /** Called when the database cannot be written for now; the settlements are kept and tried again. */
  onTrouble: (error: HidbError) => void;
}

const TRY_AGAIN_MS = 1000;
/** A quota lasts until midnight, but the account's owner may raise it earlier. */
const QUOTA_AGAIN_MS = 60_000;

export class Patience {
  readonly #options: PatienceOptions;

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** `onRepeat`: an earlier try may have been applied although its answer was lost. */
  async commit(statements: D1PreparedStatement[], onRepeat: () => void): Promise<D1Result[]> {
    const { database } = this.#options;
    for (;;) {
      try {
        const answers = await database.batch(statements);
        database.syncSoon?.();
        return answers;
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (isOutcomeUnknown(error)) onRepeat();
        await this.#wait(error);
      }
    }
  }

  async ask<T>(query: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await query();
      } catch (error) {
        if (!isPassing(error)) throw error;
        await this.#wait(error);
      }
    }
  }

  async #wait(error: HidbError): Promise<void> {
    const { clock, onTrouble } = this.#options;
    onTrouble(error);
    await clock.sleep(error.code === "DATABASE_QUOTA" ? QUOTA_AGAIN_MS : TRY_AGAIN_MS);
  }
}
