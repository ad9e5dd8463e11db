// How fast a database may be asked. Each kind states its own figures, and whoever reads it goes by them.
import type { Millis } from "../video.js";

export interface Pacing {
  /** Between two looks of one reader, at least. */
  lookEveryMs: Millis;
  /** How long a result that has read so many videos may be shown again. */
  keepMs: (videos: number) => Millis;
  /** Each row that is read or written costs money. */
  chargesRows: boolean;
  /** How long videos are claimed ahead of their start. */
  claimAheadMs: Millis;
}

/** Reading 100,000 videos takes 80 ms: that takes 3 % of the time, and for a few videos no time worth saving. */
export const LOCAL_PACING: Pacing = {
  lookEveryMs: 0,
  keepMs: (videos) => (videos < 5000 ? 0 : 0.03 * videos),
  chargesRows: false,
  // So short that the tail of a run is not held by one instance.
  claimAheadMs: 100,
};

/** Each request counts against the account's limit, and each row read against its bill. */
export const REMOTE_PACING: Pacing = {
  lookEveryMs: 10_000,
  keepMs: (videos) => Math.max(10_000, 40 * videos),
  chargesRows: true,
  claimAheadMs: 30_000,
};
