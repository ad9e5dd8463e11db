// What a probe says of a media file: the JSON of its outcome, and the tally of packets that the figures come from.
import { Refusal } from "./failure.js";
import { amount, label, whole } from "./sane.js";

export interface TrackDescription {
  type: "video" | "audio" | "subtitle";
  /** By ffprobe's names. */
  codec: string;
  width: number | null;
  height: number | null;
  /** The clockwise turn a player makes, in degrees. */
  rotation: number | null;
  frame_rate: number | null;
  channels: number | null;
  sample_rate: number | null;
  bit_rate: number | null;
  /** As the file says it, mostly three letters; null for none. */
  language: string | null;
}

export interface Description {
  container: string;
  /** From the first packet to the end of the last one that is really there. */
  duration_s: number;
  /** The header's word, only where it differs by more than 1 %. */
  header_duration_s?: number;
  bit_rate: number;
  size: number;
  /** null for a remote file whose bytes were not all asked for. */
  sha256: string | null;
  /**
   * Where the packets are too many to be counted within the limits: rates come from a sample, and what neither a sample
   * nor the header tells is 0 or null.
   */
  estimated?: true;
  tracks: TrackDescription[];
}

/** Everything but the hash, which is taken last: a file that is refused need not be read whole. */
export type Contents = Omit<Description, "sha256">;

/** A track before its packets are counted. */
export type TrackFacts = Pick<TrackDescription, "type" | "codec"> & Partial<TrackDescription>;

interface PacketRun {
  count: number;
  startS: number;
  /** From one packet to the next; the last one lasts as long. */
  stepS: number;
  bytes: number;
}

/** Counts the packets of one track; constant in memory, however long the file. */
export class PacketTally {
  count = 0;
  bytes = 0;
  firstStartS = Number.POSITIVE_INFINITY;
  lastStartS = Number.NEGATIVE_INFINITY;
  /** Where the last packet ends as far as durations are known. */
  knownEndS = Number.NEGATIVE_INFINITY;

  /** A duration of 0 stands for unknown. */
  add(startS: number, durationS: number, bytes: number): void {
    this.count++;
    this.bytes += bytes;
    this.firstStartS = Math.min(this.firstStartS, startS);
    this.lastStartS = Math.max(this.lastStartS, startS);
    this.knownEndS = Math.max(this.knownEndS, startS + durationS);
  }

  /** Packets that follow one another at an equal distance. */
  addRun({ count, startS, stepS, bytes }: PacketRun): void {
    const lastStartS = startS + (count - 1) * stepS;
    this.count += count;
    this.bytes += bytes;
    this.firstStartS = Math.min(this.firstStartS, startS);
    this.lastStartS = Math.max(this.lastStartS, lastStartS);
    this.knownEndS = Math.max(this.knownEndS, lastStartS + stepS);
  }

  /** Samples of one size, as far as the file has room for them; whether it holds all of them. */
  addSamples({ count, startS, stepS, size }: Omit<PacketRun, "bytes"> & { size: number }, room: number): boolean {
    const whole = count * size <= room ? count : Math.max(0, Math.floor(room / size));
    if (whole > 0) this.addRun({ count: whole, startS, stepS, bytes: whole * size });
    // Players show what they can of the sample that the end of the file cuts through, and so does ffprobe.
    if (whole < count && whole * size < room)
      this.addRun({ count: 1, startS: startS + whole * stepS, stepS, bytes: 0 });
    return whole === count;
  }

  /** Goes on from a sample at the same rate to the last packets, which `tail` has counted; `bytes` in all. */
  stretch(tail: PacketTally, bytes: number): void {
    const rate = this.rate ?? tail.rate ?? 0;
    if (tail.count > 0) {
      this.firstStartS = Math.min(this.firstStartS, tail.firstStartS);
      this.lastStartS = Math.max(this.lastStartS, tail.lastStartS);
      this.knownEndS = Math.max(this.knownEndS, tail.endS);
    }
    const between = Math.round(rate * (this.lastStartS - this.firstStartS)) + 1;
    this.count = Math.max(this.count + tail.count, Number.isFinite(between) ? between : 0);
    this.bytes = bytes;
  }

  /** Gives the last packet a duration that only became known later. */
  extendLast(durationS: number): void {
    this.knownEndS = Math.max(this.knownEndS, this.lastStartS + durationS);
  }

  /** Where the last packet ends; one of unknown duration is given the mean gap of its track. */
  get endS(): number {
    if (this.knownEndS > this.lastStartS || this.count < 2) return this.knownEndS;
    return this.lastStartS + (this.lastStartS - this.firstStartS) / (this.count - 1);
  }

  /** Packets a second, or null where fewer than three packets leave it to guesswork. */
  get rate(): number | null {
    const spanS = this.lastStartS - this.firstStartS;
    return this.count < 3 || spanS <= 0 ? null : round((this.count - 1) / spanS);
  }
}

export interface CountedTrack {
  facts: TrackFacts;
  tally: PacketTally;
  /** Where an edit list ends the presentation of this track, before its last packet. */
  presentedUntilS?: number | null;
}

export interface Measured {
  container: string;
  size: number;
  headerDurationS: number | null;
  tracks: CountedTrack[];
  /** The tallies come from a sample. */
  estimated?: boolean;
  /** The file is whole, though it holds no packet: an init segment, or the description of a stream. */
  withoutPackets?: boolean;
}

/** What is known of a file before it is put together. */
export type Counted = Omit<Measured, "size">;

/** The tracks as they stand in the file. */
export function inOrder(ids: number[], found: Map<number, CountedTrack>): CountedTrack[] {
  return [...found].sort(([one], [other]) => ids.indexOf(one) - ids.indexOf(other)).map(([, track]) => track);
}

/** More are made to fill a database with; a transport stream of a whole transponder has a hundred. */
const MOST_TRACKS = 500;

/** Puts the figures of a file together, or returns null where no track holds a packet; throws a Refusal for nonsense. */
export function describeContents(measured: Measured): Contents | null {
  const { container, size, headerDurationS: claimedS, tracks, estimated = false, withoutPackets = false } = measured;
  if (tracks.length > MOST_TRACKS) throw new Refusal(`damaged: this ${container} announces ${tracks.length} tracks`);
  const durationS = measureDuration(tracks) ?? (withoutPackets ? (amount(claimedS) ?? 0) : null);
  if (durationS === null) return null;
  if (amount(durationS) === null) throw new Refusal(`damaged: the times in this ${container} are beyond all numbers`);
  const headerDurationS = amount(claimedS);
  return {
    container,
    duration_s: round(durationS),
    ...(headerDurationS !== null && differs(headerDurationS, durationS)
      ? { header_duration_s: round(headerDurationS) }
      : {}),
    bit_rate: amount(bitRate(size, durationS)) ?? 0,
    size,
    ...(estimated ? { estimated } : {}),
    tracks: tracks.map(describeTrack),
  };
}

function measureDuration(tracks: CountedTrack[]): number | null {
  const counted = tracks.filter(({ tally }) => tally.count > 0);
  if (counted.length === 0) return null;
  const endS = Math.max(...counted.map(presentedEndS));
  // Packets before zero prime a decoder and are never presented.
  const startS = Math.max(0, Math.min(...counted.map(({ tally }) => tally.firstStartS)));
  return Math.max(0, endS - startS);
}

function presentedEndS({ facts, tally, presentedUntilS }: CountedTrack): number {
  // Subtitles follow one another at any distance: the mean gap says nothing of the last one.
  const endS = facts.type === "subtitle" ? tally.knownEndS : tally.endS;
  return Math.min(endS, presentedUntilS ?? Number.POSITIVE_INFINITY);
}

function describeTrack({ facts, tally }: CountedTrack): TrackDescription {
  return {
    type: facts.type,
    codec: label(facts.codec) ?? "unknown",
    width: whole(facts.width),
    height: whole(facts.height),
    rotation: facts.type === "video" ? (facts.rotation ?? 0) : null,
    frame_rate: facts.type === "video" ? amount(tally.rate) : null,
    channels: whole(facts.channels),
    sample_rate: whole(facts.sample_rate),
    bit_rate: tally.count > 0 ? whole(bitRate(tally.bytes, tally.endS - tally.firstStartS)) : null,
    language: label(facts.language),
  };
}

function differs(headerS: number, measuredS: number): boolean {
  return Math.abs(headerS - measuredS) > 0.01 * measuredS;
}

function bitRate(bytes: number, seconds: number): number {
  return seconds > 0 ? Math.round((bytes * 8) / seconds) : 0;
}

/** Microseconds are as fine as ffprobe goes. */
function round(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
