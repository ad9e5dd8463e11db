// Figures for tracks whose packets are too many to be counted: the rates of a sample, up to where the last packets lie.
import type { Bytes } from "./bytes.js";
import { PacketTally } from "./description.js";

export interface SampledTrack {
  /** Counted at the beginning; becomes the estimate of the whole track. */
  tally: PacketTally;
  /** Counted at the end. */
  tail: PacketTally;
}

interface Whole {
  fileBytes: number;
  /** What the header says, for where nothing could be counted at the end. */
  durationS: number | null;
}

/** So far before the end of a file its last packets are looked for. */
const TAIL_BYTES = 8 * 1024 * 1024;

interface Rest {
  /** Where the packets begin that were not counted. */
  from: number;
  durationS: number | null;
  /** Counts the packets from here on into these tallies, one for each track. */
  countTail: (start: number, tails: PacketTally[]) => Promise<void>;
}

/** Estimates tracks whose packets are counted up to a place, by counting the last ones. */
export async function estimateRest(
  bytes: Bytes,
  tallies: PacketTally[],
  { from, durationS, countTail }: Rest,
): Promise<void> {
  const start = Math.max(from, bytes.size - TAIL_BYTES);
  await bytes.prefetch(start, bytes.size);
  const tails = tallies.map(() => new PacketTally());
  await countTail(start, tails);
  const sampled = tallies.map((tally, index) => ({ tally, tail: tails[index] as PacketTally }));
  estimateTracks(sampled, { fileBytes: bytes.size, durationS });
}

/** The tracks share the bytes of the file as they share those of the sample, each over its own time. */
export function estimateTracks(tracks: SampledTrack[], { fileBytes, durationS }: Whole): void {
  const isEndKnown = tracks.some(({ tail }) => tail.count > 0);
  const counted = tracks.filter(({ tally }) => tally.count > 0);
  if (!isEndKnown && durationS !== null) for (const track of counted) endAt(track, durationS);
  const shares = counted.map(({ tally, tail }) => {
    const sampledS = tally.endS - tally.firstStartS;
    const wholeS = Math.max(tally.endS, tail.endS) - tally.firstStartS;
    return sampledS > 0 ? (tally.bytes / sampledS) * wholeS : tally.bytes;
  });
  const sum = shares.reduce((total, share) => total + share, 0);
  counted.forEach(({ tally, tail }, index) => {
    tally.stretch(tail, sum > 0 ? Math.round((fileBytes * (shares[index] ?? 0)) / sum) : 0);
  });
}

/** As if its last packet had been found there. */
export function endAt({ tally, tail }: SampledTrack, endS: number): void {
  const stepS = (tally.endS - tally.firstStartS) / tally.count;
  if (endS > tally.endS) tail.addRun({ count: 1, startS: endS - stepS, stepS, bytes: 0 });
}
