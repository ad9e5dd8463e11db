// What the loop of one instance works with, besides what it was given.
import { Deadlines } from "./deadlines.js";
import { Ending } from "./ending.js";
import { Figures } from "./figures.js";
import { InHand } from "./in-hand.js";
import { Memory } from "./memory.js";
import { MemoryWatch } from "./memory-watch.js";
import { Pace } from "./pace.js";
import type { InstanceParts } from "./parts.js";
import { PoolStops } from "./pool-stops.js";
import { Signal } from "./signal.js";

export type LoopParts = ReturnType<typeof makeLoopParts>;

export function makeLoopParts(given: InstanceParts) {
  const { instance, store, config, report } = given;
  const signal = new Signal();
  const pace = new Pace({ ...config, aheadMs: store.claimAheadMs });
  const inHand = new InHand({ pace, signal, claimsBeforeSettled: store.claimsBeforeSettled });
  const memory = new Memory(given);
  const onRequest = () => {
    store.endClaims();
    signal.notify();
  };
  const ending = new Ending({ report, onRequest });
  return {
    ...given,
    /** As of the last heartbeat. */
    pool: { view: { rank: 0, count: 0 } },
    signal,
    pace,
    inHand,
    memory,
    ending,
    figures: new Figures(),
    stops: new PoolStops(given),
    deadlines: new Deadlines(config.timeoutMs, instance.clock),
    memoryWatch: new MemoryWatch({ instance, store, memory, inHand, ending, signal }),
  };
}
