// In which order the last videos will be claimed: each instance its own shard first, then what is left of others.
import type { Millis } from "../video.js";

/** A video that has not started; `durationS` is 0 when it is not known. */
export interface Waiting {
  videoId: number;
  durationS: number;
}

/** The shard of a video, computed as in the claim. */
export function shardOf(videoId: number, count: number): number {
  return ((videoId % count) + count) % count;
}

/**
 * The order in which they will be claimed, if all goes as expected: shards that lag behind are emptied last, by all
 * together. `waiting` comes in the order of a single claim.
 */
export function orderOfClaims(
  waiting: Waiting[],
  { count, concurrency, expect }: { count: number; concurrency: number; expect: (durationS: number) => Millis },
): Waiting[] {
  const shards = Array.from({ length: count }, () => [] as number[]);
  for (const [place, { videoId }] of waiting.entries()) (shards[shardOf(videoId, count)] as number[]).push(place);
  const taken = new Uint8Array(waiting.length);
  const next = new Uint32Array(count);
  const free = new Float64Array(count);
  const order: Waiting[] = [];
  let first = 0;
  while (order.length < waiting.length) {
    const rank = indexOfLeast(free);
    const own = shards[rank] as number[];
    while (taken[own[next[rank] as number] ?? -1] === 1) next[rank] = (next[rank] as number) + 1;
    while (taken[first] === 1) first++;
    const place = own[next[rank] as number] ?? first;
    taken[place] = 1;
    const one = waiting[place] as Waiting;
    free[rank] = (free[rank] as number) + expect(one.durationS) / concurrency;
    order.push(one);
  }
  return order;
}

function indexOfLeast(values: Float64Array): number {
  let least = 0;
  for (let at = 1; at < values.length; at++) if ((values[at] as number) < (values[least] as number)) least = at;
  return least;
}
