// What the screen of `hidb watch` shows, as a value.
import type { Overview } from "../../report/overview.js";
import type { Millis } from "../../video.js";
import type { ScreenLine } from "./text.js";

export type WatchPanel = "pool" | "logs" | "video";

export interface Scene {
  now: Millis;
  name: string;
  overview: Overview | null;
  /** Why the database could not be asked; the figures are those of before. */
  trouble: string | null;
  /** Each look is a journey: said, since figures are older then. */
  /** The age of what is shown matters. */
  isSeldom: boolean;
  /** How many requests the pool may make in five minutes. */
  d1Requests: number;
  panel: WatchPanel;
  /** Of the log, or of a video. */
  lines: ScreenLine[];
  /** What the last key has done. */
  message: string;
  /** Something is being asked: it stands in place of the keys. */
  prompt: string | null;
}
