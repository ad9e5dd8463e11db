// Reads the head of a Matroska or WebM file: its tracks, and a copy without blocks for mediabunny, which passes over
// subtitles and reads clusters whole. The blocks are counted, or estimated from the first and the last ones.
import type { Bytes } from "./bytes.js";
import { nameContainerCodec, nameLanguage } from "./codecs.js";
import { PacketTally, type TrackFacts } from "./description.js";
import { type Element, elementsIn, readElement, readFloat, readText, readUnsigned } from "./ebml.js";
import { estimateRest } from "./estimate.js";
import { type BlockTrack, CLUSTER, findCluster, walkBlocks } from "./matroska-blocks.js";

export interface MatroskaTrack extends BlockTrack {
  /** Of a subtitle, which mediabunny does not tell of. */
  subtitle: TrackFacts | null;
  codecPrivate: Uint8Array | undefined;
}

export interface Matroska {
  headerDurationS: number | null;
  /** As they stand in the file. */
  tracks: MatroskaTrack[];
  /** The head as a file. */
  slim: Uint8Array;
  estimated: boolean;
  /** It ends behind its head, where an element ends. */
  withoutPackets: boolean;
}

const EBML = 0x1a45dfa3;
const SEGMENT = 0x18538067;
const SEEK_HEAD = 0x114d9b74;
const SEEK = 0x4dbb;
const SEEK_ID = 0x53ab;
const SEEK_POSITION = 0x53ac;
const INFO = 0x1549a966;
const TIMESTAMP_SCALE = 0x2ad7b1;
const DURATION = 0x4489;
const TRACKS = 0x1654ae6b;
const TRACK = 0xae;
const TRACK_NUMBER = 0xd7;
const TRACK_TYPE = 0x83;
const CODEC_ID = 0x86;
const CODEC_PRIVATE = 0x63a2;
const LANGUAGE = 0x22b59c;
const LANGUAGE_TAG = 0x22b59d;
const DEFAULT_DURATION = 0x23e383;

const SUBTITLE = 17;
const HEAD_BYTES = 12;
const NS_PER_S = 1e9;
/** Of unknown size. */
const OPEN_SEGMENT = Buffer.from([0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);

export async function readMatroska(bytes: Bytes): Promise<Matroska> {
  const head = await new Head(bytes).read();
  const { scaleNs, durationS } = readInfo(head.info);
  const tracks = head.tracks ? readTracks(head.tracks) : [];
  const walk = (from: number, mayStop: () => boolean, counted: BlockTrack[] = tracks) =>
    walkBlocks(bytes, { from, scaleNs, tracks: counted, mayStop });
  const stopped = head.firstCluster === null ? null : await walk(head.firstCluster, () => bytes.isDear);
  if (stopped !== null) {
    const countTail = async (start: number, tails: PacketTally[]) => {
      const last = await findCluster(bytes, start);
      const counted = tracks.map((track, index) => ({ ...track, tally: tails[index] as PacketTally }));
      if (last !== null) await walk(last, () => false, counted);
    };
    const tallies = tracks.map(({ tally }) => tally);
    await estimateRest(bytes, tallies, { from: stopped, durationS, countTail });
  }
  return {
    headerDurationS: durationS,
    tracks,
    slim: Buffer.concat([head.ebml, OPEN_SEGMENT, head.infoElement, head.tracksElement]),
    estimated: stopped !== null,
    withoutPackets: head.firstCluster === null && head.isWhole,
  };
}

/** Collects the elements before the first cluster, and those that lie elsewhere. */
class Head {
  ebml: Uint8Array = new Uint8Array(0);
  info: Uint8Array | null = null;
  tracks: Uint8Array | null = null;
  infoElement: Uint8Array = new Uint8Array(0);
  tracksElement: Uint8Array = new Uint8Array(0);
  firstCluster: number | null = null;
  /** Nothing is cut. */
  isWhole = false;
  readonly #bytes: Bytes;
  readonly #seeks = new Map<number, number>();
  #segmentStart = 0;
  #segmentEnd: number | null = null;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  async read(): Promise<this> {
    const { size } = this.#bytes;
    let at = 0;
    while (at < size && !(this.firstCluster !== null && this.info && this.tracks)) {
      const element = await this.#elementAt(at);
      if (!element) {
        at = this.#bytes.isDear ? size : ((await findCluster(this.#bytes, at + 1)) ?? size);
        continue;
      }
      if (element.id === CLUSTER && this.firstCluster === null) {
        this.firstCluster = at;
        await this.#followSeeks();
        continue;
      }
      at = await this.#take(at, element);
    }
    this.isWhole = at === size && (this.#segmentEnd ?? 0) <= size;
    return this;
  }

  async #elementAt(at: number): Promise<Element | null> {
    return readElement(this.#bytes.held(at, HEAD_BYTES) ?? (await this.#bytes.peek(at, HEAD_BYTES)));
  }

  /** Where the next element begins. */
  async #take(at: number, { id, size, head }: Element): Promise<number> {
    const start = at + head;
    if (id === SEGMENT) {
      this.#segmentStart = start;
      this.#segmentEnd = size === null ? null : start + size;
      return start;
    }
    // Its children follow, and are passed over one by one.
    if (size === null) return start;
    const end = start + size;
    if (id === EBML && at === 0) this.ebml = await this.#copy(at, end);
    if (id === SEEK_HEAD) this.#noteSeeks(await this.#copy(start, end));
    if (id === INFO && !this.info) {
      this.infoElement = await this.#copy(at, end);
      this.info = this.infoElement.subarray(head);
    }
    if (id === TRACKS && !this.tracks) {
      this.tracksElement = await this.#copy(at, end);
      this.tracks = this.tracksElement.subarray(head);
    }
    return end;
  }

  #copy(start: number, end: number): Promise<Uint8Array> {
    return this.#bytes.read(start, Math.max(start, Math.min(end, this.#bytes.size)));
  }

  #noteSeeks(value: Uint8Array): void {
    for (const seek of elementsIn(value)) {
      if (seek.id !== SEEK) continue;
      const parts = new Map([...elementsIn(seek.value)].map((part) => [part.id, readUnsigned(part.value)]));
      this.#seeks.set(parts.get(SEEK_ID) ?? 0, parts.get(SEEK_POSITION) ?? 0);
    }
  }

  /** What is missing may lie behind the clusters. */
  async #followSeeks(): Promise<void> {
    for (const id of [INFO, TRACKS]) {
      const position = this.#seeks.get(id);
      if (position === undefined || (id === INFO ? this.info : this.tracks)) continue;
      const element = await this.#elementAt(this.#segmentStart + position);
      if (element?.id === id) await this.#take(this.#segmentStart + position, element);
    }
  }
}

function readInfo(info: Uint8Array | null): { scaleNs: number; durationS: number | null } {
  const values = new Map([...elementsIn(info ?? new Uint8Array(0))].map(({ id, value }) => [id, value]));
  const scaleNs = readUnsigned(values.get(TIMESTAMP_SCALE) ?? new Uint8Array(0)) || 1_000_000;
  const ticks = readFloat(values.get(DURATION) ?? new Uint8Array(0));
  return { scaleNs, durationS: ticks ? (ticks * scaleNs) / NS_PER_S : null };
}

function readTracks(tracks: Uint8Array): MatroskaTrack[] {
  return [...elementsIn(tracks)].filter(({ id }) => id === TRACK).map(({ value }) => readTrack(value));
}

function readTrack(entry: Uint8Array): MatroskaTrack {
  const values = new Map([...elementsIn(entry)].map(({ id, value }) => [id, value]));
  const numberOf = (id: number) => readUnsigned(values.get(id) ?? new Uint8Array(0));
  const language = values.get(LANGUAGE_TAG) ?? values.get(LANGUAGE);
  const codec = nameContainerCodec(readText(values.get(CODEC_ID) ?? new Uint8Array(0)));
  const facts = { type: "subtitle", codec, language: nameLanguage(language ? readText(language) : "eng") } as const;
  return {
    number: numberOf(TRACK_NUMBER),
    defaultDurationNs: numberOf(DEFAULT_DURATION),
    subtitle: numberOf(TRACK_TYPE) === SUBTITLE ? facts : null,
    codecPrivate: values.get(CODEC_PRIVATE),
    tally: new PacketTally(),
  };
}
