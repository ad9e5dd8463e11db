// Looks at the database again and again, as often as that is cheap, and keeps what it has seen last.
import type { Config } from "../../config/settings.js";
import type { Database } from "../../database/database.js";
import { messageOf } from "../../errors.js";
import { type Overview, readOverview } from "../../report/overview.js";
import type { Millis } from "../../video.js";
import { clock, deathJudge } from "../context.js";

/** Half a second shows what happens; the machine belongs to the instances. */
const EVERY_MS = 500;
/** A look may take this share of the time. */
const SHARE = 20;

export interface Feed {
  overview: Overview | null;
  trouble: string | null;
  /** The database is asked so seldom that the age of what is shown matters. */
  readonly isSeldom: boolean;
  /** Looks now, whatever was seen lately. */
  refresh(): Promise<void>;
  /** Looks if it is time to; resolves when it has. */
  look(): Promise<void>;
}

export function openFeed(database: Database, config: Config, everyMs = EVERY_MS): Feed {
  const { lookEveryMs } = database.pacing;
  let nextAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;
  const read = async (fresh: boolean) => {
    const began = clock.monotonic();
    try {
      feed.overview = await readOverview(database, { now: clock.now(), isDead: deathJudge(), config, fresh });
      feed.trouble = null;
    } catch (error) {
      feed.trouble = messageOf(error);
    }
    const tookMs: Millis = clock.monotonic() - began;
    nextAt = began + Math.max(lookEveryMs, everyMs, SHARE * tookMs);
  };
  const start = (fresh: boolean) => {
    looking ??= read(fresh).finally(() => {
      looking = undefined;
    });
    return looking;
  };
  const feed: Feed = {
    overview: null,
    trouble: null,
    isSeldom: lookEveryMs > 0,
    refresh: async () => {
      await looking;
      await start(true);
    },
    look: async () => {
      if (clock.monotonic() >= nextAt) await start(false);
    },
  };
  return feed;
}
