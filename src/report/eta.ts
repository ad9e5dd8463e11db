// When the run will be over: a band, since nobody knows.
import type { Millis } from "../video.js";

/** Moments: with even odds it is over by `p50`, in nine of ten cases by `p90`; in as many between `low` and `high`. */
export interface Eta {
  p50: Millis;
  p90: Millis;
  low: Millis;
  high: Millis;
}
