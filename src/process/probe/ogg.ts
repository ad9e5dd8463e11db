// Ogg: each stream begins with a page of its own, and each page tells the time at its end. So the first pages and the last
// ones tell the duration; all pages are walked where the file is small, or has other streams at its end than at its beginning.
import type { Bytes } from "./bytes.js";
import { type Counted, type CountedTrack, PacketTally, type TrackFacts } from "./description.js";
import { readFlacInfo } from "./flac.js";
import type { Part } from "./sample.js";

const MAGIC = Buffer.from("OggS");
const HEAD_BYTES = 27;
const MAX_STREAMS = 500;
/** At either end of a large file: many times the largest page. */
const SAMPLE_BYTES = 2 ** 20;
/** A file of this size is read whole. */
const WALKED_BYTES = 32 * 2 ** 20;
/** No page lasts longer: sound whose first page ends later did not begin at zero. */
const LONGEST_PAGE_S = 10;

interface OggCodec {
  facts: TrackFacts;
  /** Seconds at a granule position. */
  secondsAt: (granule: number) => number;
  /** Of video. */
  frameRate?: number;
}

interface OggStream extends OggCodec {
  /** Where a file that was joined to this one begins. */
  offsetS: number;
  firstS: number | null;
  startS: number;
  lastS: number | null;
  bytes: number;
}

/** null for a file that is something else, or that holds a stream which this does not know. */
export async function readOgg(bytes: Bytes, { end }: Part): Promise<Counted | null> {
  if (!isPage(await bytes.peek(0, HEAD_BYTES))) return null;
  const isSmall = end <= WALKED_BYTES;
  const walk = new OggWalk(bytes);
  if (!(await walk.run(0, isSmall ? end : SAMPLE_BYTES))) return null;
  if (isSmall) return walk.describe(1);
  await walk.run(end - SAMPLE_BYTES, end);
  if (walk.strangers === 0 || !bytes.canAfford(end)) return walk.describe(end / (2 * SAMPLE_BYTES));
  // Files that were joined have streams of their own, and each of them counts.
  const whole = new OggWalk(bytes);
  return (await whole.run(0, end)) ? whole.describe(1) : null;
}

function isPage(head: Buffer): boolean {
  return head.length >= HEAD_BYTES && head.indexOf(MAGIC) === 0 && head[4] === 0;
}

class OggWalk {
  /** Pages of streams whose beginning was not seen. */
  strangers = 0;
  readonly #tracks: OggStream[] = [];
  /** By serial number; null for a stream that carries no media. */
  readonly #streams = new Map<number, OggStream | null>();
  /** How many streams the file that was joined last has begun; null between the beginnings. */
  #begun: number | null = 0;

  constructor(private readonly file: Bytes) {}

  /** Takes the pages that begin in this range; false where a stream begins that is not known. */
  async run(start: number, end: number): Promise<boolean> {
    for (let at = start; at < end; ) {
      const head = await this.file.peek(at, HEAD_BYTES + 255);
      if (!isPage(head)) {
        // Behind a damaged stretch, or in the middle of a page.
        at = (await this.file.find(MAGIC, at + 1, end)) ?? end;
        continue;
      }
      const segments = head[HEAD_BYTES - 1] ?? 0;
      const sizes = head.subarray(HEAD_BYTES, HEAD_BYTES + segments);
      const bodyAt = at + HEAD_BYTES + segments;
      const next = bodyAt + sizes.reduce((sum, size) => sum + size, 0);
      if (next > this.file.size) break; // The page was cut.
      const serial = head.readUInt32LE(14);
      const granule = Number(head.readBigInt64LE(6));
      if (((head[5] ?? 0) & 2) === 0) this.takeData(serial, granule, next - bodyAt);
      else if (!this.begin(serial, await this.file.peek(bodyAt, Math.min(next - bodyAt, 64)))) return false;
      at = next;
    }
    return true;
  }

  private begin(serial: number, packet: Buffer): boolean {
    const codec = readCodec(packet);
    if (codec === "none") this.#streams.set(serial, null);
    if (codec === null || codec === "none") return codec !== null && this.#streams.size <= MAX_STREAMS;
    this.#begun ??= 0;
    const before = this.#tracks[this.#begun];
    this.#begun++;
    const startS = Math.max(0, ...this.#tracks.map(({ lastS }) => lastS ?? 0));
    // A file that was joined goes on with the tracks of the first one.
    const track = before?.lastS != null && before.facts.codec === codec.facts.codec ? before : null;
    const stream = track ?? { ...codec, firstS: null, startS: 0, lastS: null, bytes: 0, offsetS: 0 };
    if (track) Object.assign(track, { secondsAt: codec.secondsAt, offsetS: startS });
    else this.#tracks.push(stream);
    this.#streams.set(serial, stream);
    return this.#streams.size <= MAX_STREAMS;
  }

  private takeData(serial: number, granule: number, size: number): void {
    this.#begun = null;
    const stream = this.#streams.get(serial);
    if (stream === undefined) this.strangers++;
    if (!stream) return;
    stream.bytes += size;
    if (granule <= 0) return; // The end of no packet, or of the headers.
    const endS = stream.offsetS + stream.secondsAt(granule);
    if (stream.lastS === null) stream.firstS = endS;
    // What was recorded from a running programme does not begin at zero.
    else if (stream.firstS !== null && stream.firstS > LONGEST_PAGE_S) stream.startS = 2 * stream.firstS - endS;
    if (stream.lastS !== null) stream.firstS = null;
    stream.lastS = endS;
  }

  /** `share`: how many times more pages there are than were walked. */
  describe(share: number): Counted {
    const isSingle = this.#tracks.length === 1;
    const tracks = this.#tracks.map((stream): CountedTrack => {
      const { facts, frameRate, startS, lastS, bytes } = stream;
      const tally = new PacketTally();
      const seconds = (lastS ?? 0) - startS;
      const count = frameRate ? Math.round(seconds * frameRate) : 1;
      const all = isSingle && share > 1 ? this.file.size : bytes * share;
      if (seconds > 0 && count > 0) tally.addRun({ count, startS, stepS: seconds / count, bytes: all });
      return { facts, tally };
    });
    return { container: "ogg", headerDurationS: null, tracks, estimated: share > 1 && !isSingle };
  }
}

/** What the first packet of a stream tells; null where it is not known, "none" for a stream without media. */
function readCodec(packet: Buffer): OggCodec | "none" | null {
  const text = packet.toString("latin1");
  if (text.startsWith("fishead\0")) return "none"; // The skeleton describes the other streams.
  if (text.startsWith("\x01vorbis") && packet.length >= 16)
    return soundOf("vorbis", packet[11], packet.readUInt32LE(12));
  if (text.startsWith("OpusHead") && packet.length >= 12) {
    const opus = soundOf("opus", packet[9], 48_000);
    const skipped = packet.readUInt16LE(10);
    return opus && { ...opus, secondsAt: (granule) => Math.max(0, granule - skipped) / 48_000 };
  }
  if (text.startsWith("Speex   ") && packet.length >= 52)
    return soundOf("speex", packet.readUInt32LE(48), packet.readUInt32LE(36));
  if (text.startsWith("\x7fFLAC")) {
    const info = readFlacInfo(packet.subarray(17));
    return info && soundOf("flac", info.channels, info.rate);
  }
  return text.startsWith("\x80theora") && packet.length >= 42 ? readTheora(packet) : null;
}

function soundOf(codec: string, channels: number | undefined, rate: number): OggCodec | null {
  if (rate === 0) return null;
  const facts: TrackFacts = { type: "audio", codec, channels: channels ?? null, sample_rate: rate };
  return { facts, secondsAt: (granule) => granule / rate };
}

/** The identification header of the Theora specification, 6.2. */
function readTheora(packet: Buffer): OggCodec | null {
  const frameRate = packet.readUInt32BE(22) / packet.readUInt32BE(26);
  if (!(frameRate > 0) || !Number.isFinite(frameRate)) return null;
  // A granule position is the number of the key frame, and in its low bits how many frames came after that.
  const scale = 2 ** ((packet.readUInt16BE(40) >> 5) & 31);
  const facts: TrackFacts = {
    type: "video",
    codec: "theora",
    width: packet.readUIntBE(14, 3),
    height: packet.readUIntBE(17, 3),
  };
  return { facts, frameRate, secondsAt: (granule) => (Math.floor(granule / scale) + (granule % scale)) / frameRate };
}
