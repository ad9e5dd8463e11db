// Reads the index of an mp4 or mov: what its tracks are, where their tables lie, and a copy without tables for mediabunny,
// which takes an index into memory whole.
import { type Box, boxAt, boxesIn, contentOf, fourCc, type Inner, innerBoxes, viewOf } from "./boxes.js";
import type { Bytes } from "./bytes.js";
import { nameContainerCodec, nameLanguage } from "./codecs.js";
import { PacketTally, type TrackFacts } from "./description.js";
import { endAt, estimateTracks } from "./estimate.js";
import { Refusal } from "./failure.js";
import { countFragments } from "./fragments.js";
import { countSamples, firstOffset, type SampleTables } from "./sample-tables.js";

export interface IsobmffTrack {
  id: number;
  /** Of a subtitle, which mediabunny does not tell of. */
  subtitle: TrackFacts | null;
  /** Where an edit list ends it, before its last packet. */
  presentedUntilS: number | null;
  tally: PacketTally;
  /** Where its first sample lies; beyond the file where no table tells. */
  firstAt: () => Promise<number>;
}

export interface Isobmff {
  /** The first brand, such as `isom`, `qt  ` or `3gp4`; "" in QuickTime from before there was one. */
  brand: string;
  headerDurationS: number | null;
  /** As they stand in the file, without chapter marks. */
  tracks: IsobmffTrack[];
  /** The index without tables, as a file. */
  slim: Uint8Array;
  estimated: boolean;
  /** No table announces a sample, and nothing but an init segment may be like that. */
  withoutPackets: boolean;
}

const MAX_TOP_BOXES = 100_000;
const SUBTITLE_HANDLERS = new Set(["sbtl", "subt", "subp", "text", "clcp"]);
const TABLES = new Set(["stts", "ctts", "stsz", "stz2", "stsc", "stco", "co64"]);
const ENTERED = new Set(["moov", "trak", "mdia", "minf", "stbl", "edts", "mvex"]);
const KEPT = new Set(["mvhd", "tkhd", "tref", "elst", "mdhd", "hdlr", "stsd", "mehd", "trex", "vmhd", "smhd"]);
/** From the movie to the tables of a track; a crafted file nests thousands. */
const DEEPEST = 5;
const SLIM_BYTES = 8 * 1024 * 1024;
/** Where the tables are too many to be read. */
const SAMPLED = 20_000;

export async function readIsobmff(bytes: Bytes): Promise<Isobmff> {
  let brand = "";
  for (let at = 0, count = 0; at + 8 <= bytes.size && count < MAX_TOP_BOXES; count++) {
    const box = await boxAt(bytes, at, bytes.size);
    if (!box) break;
    if (box.type === "ftyp" && box.end >= box.start + 4) brand = fourCc(viewOf(await bytes.read(at, at + 12)), 8);
    if (box.type === "moov") {
      if (box.end > bytes.size) throw new Refusal("cut short: the index of this mp4 ends too early");
      await bytes.prefetch(box.start, box.end);
      return readMovie(bytes, box, brand);
    }
    at = box.end;
  }
  throw new Refusal("cut short: the index of this mp4 is missing");
}

async function readMovie(bytes: Bytes, moov: Box, brand: string): Promise<Isobmff> {
  const slimmer = new Slimmer(bytes);
  const index = await slimmer.take(moov);
  const view = viewOf(index);
  const movie: Inner = { type: "moov", start: 8, end: index.length };
  const header = readTimes(view, find(view, movie, "mvhd"));
  const traks = [...innerBoxes(view, movie)].filter(({ type }) => type === "trak");
  const chapterIds = new Set(traks.flatMap((trak) => readChapterIds(view, trak)));
  const defaults = readDefaults(view, find(view, movie, "mvex"));
  const found = traks.flatMap((trak, number) => {
    const track = readTrack(view, trak, { movieScale: header?.timescale ?? 0, tables: slimmer.tables[number] });
    if (!track || (chapterIds.has(track.id) && track.subtitle)) return [];
    return [{ ...track, firstAt: () => firstOffset(bytes, track) }];
  });
  const durationS = header && header.duration > 0 ? header.duration / header.timescale : longest(found);
  let estimated = await countTables(bytes, found);
  if (defaults) {
    const fragmented = found.map(({ id, timescale, editOffset, tally }) => {
      return { id, timescale, editOffset, tally, defaults: defaults.get(id) ?? { duration: 0, size: 0 } };
    });
    const rest = { from: moov.end, durationS };
    estimated = (await countFragments(bytes, fragmented, rest)) || estimated;
  }
  return {
    brand,
    headerDurationS: durationS,
    // In a fragmented file an edit list often covers the first fragment only.
    tracks: found.map((track) => (defaults ? { ...track, presentedUntilS: null } : track)),
    slim: Buffer.concat([fileType(brand), index]),
    estimated,
    withoutPackets: await announcesNothing(bytes, found),
  };
}

function longest(tracks: { mediaS: number }[]): number | null {
  return Math.max(0, ...tracks.map(({ mediaS }) => mediaS)) || null;
}

/** Whether it has only been estimated. */
async function countTables(bytes: Bytes, tracks: (SampleTables & IsobmffTrack & { mediaS: number })[]) {
  const boxes = tracks.flatMap(({ tables }) => [...tables.values()]);
  const unread = boxes.filter(({ start, end }) => bytes.held(start, end - start) === null);
  const estimated = !bytes.canAfford(unread.reduce((sum, { start, end }) => sum + end - start, 0));
  for (const track of tracks) track.tally = await countSamples(bytes, track, estimated ? SAMPLED : Infinity);
  if (!estimated) return false;
  const sampled = tracks.map(({ tally }) => ({ tally, tail: new PacketTally() }));
  tracks.forEach(({ mediaS }, index) => {
    const track = sampled[index];
    if (track && track.tally.count > 0) endAt(track, mediaS);
  });
  estimateTracks(sampled, { fileBytes: bytes.size, durationS: null });
  return true;
}

async function announcesNothing(bytes: Bytes, tracks: SampleTables[]): Promise<boolean> {
  for (const { tables } of tracks) {
    const steps = tables.get("stts");
    if (!steps || steps.end - steps.start < 8) continue;
    const head = await bytes.peek(steps.start, 8);
    if (head.length === 8 && head.readUInt32BE(4) > 0) return false;
  }
  return true;
}

/** Copies the boxes that describe, and notes where the tables of each track lie. */
class Slimmer {
  readonly tables: Map<string, Box>[] = [];
  #room = SLIM_BYTES;
  readonly #bytes: Bytes;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  async take(box: Box, depth = 1): Promise<Uint8Array> {
    if (box.type === "trak") this.tables.push(new Map());
    const parts: Uint8Array[] = [];
    for await (const inner of boxesIn(this.#bytes, box)) {
      if (TABLES.has(inner.type)) this.tables.at(-1)?.set(inner.type, inner);
      if (ENTERED.has(inner.type) && depth < DEEPEST) parts.push(await this.take(inner, depth + 1));
      if (KEPT.has(inner.type)) parts.push(await this.#copy(inner));
    }
    return frame(box.type, parts);
  }

  async #copy(box: Box): Promise<Uint8Array> {
    const { byteLength, buffer, byteOffset } = await contentOf(this.#bytes, box);
    this.#room -= byteLength;
    if (this.#room < 0) throw new Refusal("damaged: the descriptions of its tracks take more than 8 MB");
    return frame(box.type, [new Uint8Array(buffer, byteOffset, byteLength)]);
  }
}

function frame(type: string, parts: Uint8Array[]): Uint8Array {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(parts.reduce((sum, { length }) => sum + length, head.length));
  head.write(type, 4, "latin1");
  return Buffer.concat([head, ...parts]);
}

function fileType(brand: string): Uint8Array {
  return frame("ftyp", [Buffer.from(`${brand === "" ? "qt  " : brand}\0\0\0\0`, "latin1")]);
}

function find(view: DataView, from: Inner, ...path: string[]): Inner | undefined {
  let found: Inner | undefined = from;
  for (const type of path) {
    if (!found) return undefined;
    found = [...innerBoxes(view, found)].find((box) => box.type === type);
  }
  return found;
}

/** The defaults of samples in fragments, by track; null where the file is not fragmented. */
function readDefaults(view: DataView, mvex: Inner | undefined): Map<number, { duration: number; size: number }> | null {
  if (!mvex) return null;
  const boxes = [...innerBoxes(view, mvex)].filter(({ type, start, end }) => type === "trex" && end - start >= 20);
  return new Map(
    boxes.map(({ start: at }) => [
      view.getUint32(at + 4),
      { duration: view.getUint32(at + 12), size: view.getUint32(at + 16) },
    ]),
  );
}

interface TrackParts {
  movieScale: number;
  tables: Map<string, Box> | undefined;
}

function readTrack(view: DataView, trak: Inner, { movieScale, tables = new Map() }: TrackParts) {
  const id = readTrackId(view, trak);
  const times = readTimes(view, find(view, trak, "mdia", "mdhd"));
  const handler = find(view, trak, "mdia", "hdlr");
  if (id === null || !times || !handler || handler.end - handler.start < 12) return null;
  const type = fourCc(view, handler.start + 8);
  const entry = find(view, trak, "mdia", "minf", "stbl", "stsd");
  const edit = readEdit(view, find(view, trak, "edts", "elst"), { movieScale, mediaScale: times.timescale });
  return {
    id,
    subtitle: SUBTITLE_HANDLERS.has(type) ? readSubtitle(view, entry, times.end) : null,
    presentedUntilS: edit.untilS,
    tally: new PacketTally(),
    tables,
    timescale: times.timescale,
    mediaS: times.duration / times.timescale,
    editOffset: edit.offset,
    unitBytes: type === "soun" ? readUnitBytes(view, entry) : null,
  };
}

/** `mvhd` and `mdhd` begin alike. */
function readTimes(
  view: DataView,
  box: Inner | undefined,
): { timescale: number; duration: number; end: number } | null {
  if (!box || box.end - box.start < 20) return null;
  if (view.getUint8(box.start) === 0) {
    const timescale = view.getUint32(box.start + 12);
    return timescale ? { timescale, duration: view.getUint32(box.start + 16), end: box.start + 20 } : null;
  }
  if (box.end - box.start < 32) return null;
  const timescale = view.getUint32(box.start + 20);
  return timescale ? { timescale, duration: Number(view.getBigUint64(box.start + 24)), end: box.start + 32 } : null;
}

function readTrackId(view: DataView, trak: Inner): number | null {
  const box = find(view, trak, "tkhd");
  if (!box || box.end - box.start < 24) return null;
  return view.getUint32(box.start + (view.getUint8(box.start) === 0 ? 12 : 20));
}

/** Chapter marks are a text track too, but no subtitles. */
function readChapterIds(view: DataView, trak: Inner): number[] {
  const box = find(view, trak, "tref", "chap");
  return box ? [...entriesOf(box.start, box.end, 4)].map((at) => view.getUint32(at)) : [];
}

interface Edit {
  /** Ticks of the media before the presentation; what is shown later has less than none. */
  offset: number;
  /** The sum of the edits: what lies beyond is in the file, but no player shows it. */
  untilS: number | null;
}

function readEdit(
  view: DataView,
  box: Inner | undefined,
  { movieScale, mediaScale }: { movieScale: number; mediaScale: number },
): Edit {
  const edit: Edit = { offset: 0, untilS: null };
  if (!box || movieScale === 0 || box.end - box.start < 8) return edit;
  const long = view.getUint8(box.start) === 1;
  const durationOf = (at: number) => (long ? Number(view.getBigUint64(at)) : view.getUint32(at));
  const timeOf = (at: number) => (long ? Number(view.getBigInt64(at + 8)) : view.getInt32(at + 4));
  const entries = [...entriesOf(box.start + 8, box.end, long ? 20 : 12)];
  const first = entries.findIndex((at) => timeOf(at) !== -1);
  if (first >= 0) {
    const before = entries.slice(0, first).reduce((sum, at) => sum + durationOf(at), 0);
    edit.offset = timeOf(entries[first] as number) - Math.round((before / movieScale) * mediaScale);
  }
  const durations = entries.map(durationOf);
  // One of 0 goes to the end.
  const sum = durations.reduce((total, duration) => total + duration, 0);
  if (sum > 0 && !durations.includes(0)) edit.untilS = sum / movieScale;
  return edit;
}

function readSubtitle(view: DataView, entry: Inner | undefined, languageAt: number): TrackFacts | null {
  if (!entry || entry.end - entry.start < 16) return null;
  const codec = nameContainerCodec(fourCc(view, entry.start + 12));
  const language = languageAt + 2 <= view.byteLength ? readLanguage(view.getUint16(languageAt)) : null;
  return { type: "subtitle", codec, language };
}

/** Three letters in five bits each. */
function readLanguage(packed: number): string | null {
  const letters = [packed >> 10, packed >> 5, packed].map((bits) => String.fromCharCode((bits & 31) + 0x60)).join("");
  return /^[a-z]{3}$/.test(letters) ? nameLanguage(letters) : null;
}

/** The bytes of one sample of sound whose table of sizes says 1: by QuickTime's second version, or by its bits. */
function readUnitBytes(view: DataView, entry: Inner | undefined): number | null {
  if (!entry || entry.end - entry.start < 8 + 36) return null;
  const at = entry.start + 8;
  const version = view.getUint16(at + 16);
  if (version === 0) return Math.max(1, (view.getUint16(at + 24) * view.getUint16(at + 26)) / 8);
  if (version !== 1 || entry.end - at < 52) return null;
  const [samplesPerPacket, bytesPerFrame] = [view.getUint32(at + 36), view.getUint32(at + 44)];
  return samplesPerPacket > 0 && bytesPerFrame > 0 ? bytesPerFrame / samplesPerPacket : null;
}

function* entriesOf(start: number, end: number, bytes: number): Generator<number> {
  for (let at = start; at + bytes <= end; at += bytes) yield at;
}
