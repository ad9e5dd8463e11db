// Looks at the database again and again, as often as that is cheap, and keeps what it has seen last.
import type { Config } from "../../config/settings.js";
import type { Database } from "../../database/database.js";
import { messageOf } from "../../errors.js";
import { type Overview, readOverview } from "../../report/overview.js";
import type { Millis } from "../../video.js";
import { clock, deathJudge } from "../context.js";

/** Half a second shows what happens; the machine belongs to the instances. */
const EVERY_MS = 500;
const DISTANT_EVERY_MS = 10_000;
/** A look may take this share of the time. */
const SHARE = 20;

export interface Feed {
  overview: Overview | null;
  trouble: string | null;
  readonly distant: boolean;
  /** Looks now, whatever was seen lately. */
  refresh(): Promise<void>;
  /** Looks if it is time to; resolves when it has. */
  look(): Promise<void>;
}

export function openFeed(database: Database, config: Config, everyMs = EVERY_MS): Feed {
  const distant = database.distant ?? false;
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
    nextAt = began + Math.max(distant ? DISTANT_EVERY_MS : everyMs, SHARE * tookMs);
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
    distant,
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
