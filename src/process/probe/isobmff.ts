// What mediabunny does not tell of an mp4 or mov: its subtitles, the order of its tracks, and where edit lists end them.
import type { Bytes } from "./bytes.js";
import { nameContainerCodec, nameLanguage } from "./codecs.js";
import { type CountedTrack, PacketTally } from "./description.js";
import { Refusal } from "./failure.js";

export interface IsobmffFacts {
  /** The first brand, such as `isom`, `qt  ` or `3gp4`. */
  brand: string;
  headerDurationS: number | null;
  /** Ids of the tracks as they stand in the file. */
  trackIds: number[];
  presentedUntilS: Map<number, number>;
  subtitles: Map<number, CountedTrack>;
}

const MAX_TOP_BOXES = 100_000;
const SUBTITLE_HANDLERS = new Set(["sbtl", "subt", "subp", "text", "clcp"]);

export async function readIsobmff(bytes: Bytes): Promise<IsobmffFacts> {
  let brand = "";
  for (let at = 0, count = 0; at + 8 <= bytes.size && count < MAX_TOP_BOXES; count++) {
    const head = new DataView(copy(await bytes.peek(at, 16)));
    const box = boxAt(head, 0, at === 0 ? bytes.size : bytes.size - at);
    if (!box) break;
    if (box.type === "ftyp" && head.byteLength >= 12) brand = fourCc(head, 8);
    if (box.type === "moov") {
      if (at + box.end > bytes.size) throw new Refusal("cut short: the index of this mp4 ends too early");
      const moov = await bytes.read(at + box.start, at + box.end);
      return readMovie(new DataView(moov.buffer, moov.byteOffset, moov.length), { brand, fileBytes: bytes.size });
    }
    at += box.end;
  }
  throw new Refusal("cut short: the index of this mp4 is missing");
}

interface Box {
  type: string;
  /** Of its content. */
  start: number;
  end: number;
}

function boxAt(view: DataView, at: number, room: number): Box | null {
  if (at + 8 > view.byteLength) return null;
  let size = view.getUint32(at);
  let header = 8;
  if (size === 1 && at + 16 <= view.byteLength) {
    size = Number(view.getBigUint64(at + 8));
    header = 16;
  }
  if (size === 0) size = room; // It goes to the end.
  if (size < header) return null;
  return { type: fourCc(view, at + 4), start: at + header, end: at + size };
}

/** The boxes side by side in this range; one that reaches beyond it ends the list. */
function* boxesIn(view: DataView, { start, end }: { start: number; end: number }): Generator<Box> {
  for (let at = start; at < end; ) {
    const box = boxAt(view, at, end - at);
    if (!box || box.end > end) return;
    yield box;
    at = box.end;
  }
}

function find(view: DataView, from: Box, ...path: string[]): Box | undefined {
  let found: Box | undefined = from;
  for (const type of path) {
    if (!found) return undefined;
    found = [...boxesIn(view, found)].find((box) => box.type === type);
  }
  return found;
}

function readMovie(view: DataView, { brand, fileBytes }: { brand: string; fileBytes: number }): IsobmffFacts {
  const movie: Box = { type: "moov", start: 0, end: view.byteLength };
  const header = readTimes(view, find(view, movie, "mvhd"));
  const facts: IsobmffFacts = {
    brand,
    headerDurationS: header && header.duration > 0 ? header.duration / header.timescale : null,
    trackIds: [],
    presentedUntilS: new Map(),
    subtitles: new Map(),
  };
  const fragmented = find(view, movie, "mvex") !== undefined;
  const traks = [...boxesIn(view, movie)].filter((box) => box.type === "trak");
  const chapterIds = new Set(traks.flatMap((trak) => readChapterIds(view, trak)));
  for (const trak of traks) {
    const id = readTrackId(view, trak);
    if (id === null) continue;
    facts.trackIds.push(id);
    const untilS = readEditEnd(view, trak, header?.timescale ?? 0);
    // In a fragmented file an edit list often covers the first fragment only.
    if (untilS !== null && !fragmented) facts.presentedUntilS.set(id, untilS);
    const subtitle = chapterIds.has(id) ? null : readSubtitle(view, trak, fileBytes);
    if (subtitle) facts.subtitles.set(id, { ...subtitle, presentedUntilS: facts.presentedUntilS.get(id) ?? null });
  }
  return facts;
}

/** `mvhd` and `mdhd` begin alike. */
function readTimes(view: DataView, box: Box | undefined): { timescale: number; duration: number; end: number } | null {
  if (!box || box.end - box.start < 20) return null;
  if (view.getUint8(box.start) === 0) {
    const timescale = view.getUint32(box.start + 12);
    return timescale ? { timescale, duration: view.getUint32(box.start + 16), end: box.start + 20 } : null;
  }
  if (box.end - box.start < 32) return null;
  const timescale = view.getUint32(box.start + 20);
  return timescale ? { timescale, duration: Number(view.getBigUint64(box.start + 24)), end: box.start + 32 } : null;
}

function readTrackId(view: DataView, trak: Box): number | null {
  const box = find(view, trak, "tkhd");
  if (!box || box.end - box.start < 24) return null;
  return view.getUint32(box.start + (view.getUint8(box.start) === 0 ? 12 : 20));
}

/** Chapter marks are a text track too, but no subtitles. */
function readChapterIds(view: DataView, trak: Box): number[] {
  const box = find(view, trak, "tref", "chap");
  return box ? [...entriesOf(view, box.start, box.end, 4)].map((at) => view.getUint32(at)) : [];
}

/** The sum of the edits: what lies beyond is in the file, but no player shows it. */
function readEditEnd(view: DataView, trak: Box, timescale: number): number | null {
  const box = find(view, trak, "edts", "elst");
  if (!box || timescale === 0 || box.end - box.start < 8) return null;
  const long = view.getUint8(box.start) === 1;
  let sum = 0;
  for (const at of entriesOf(view, box.start + 8, box.end, long ? 20 : 12)) {
    const duration = long ? Number(view.getBigUint64(at)) : view.getUint32(at);
    if (duration === 0) return null; // "Until the end."
    sum += duration;
  }
  return sum > 0 ? sum / timescale : null;
}

function readSubtitle(view: DataView, trak: Box, fileBytes: number): CountedTrack | null {
  const handler = find(view, trak, "mdia", "hdlr");
  if (!handler || handler.end - handler.start < 12) return null;
  if (!SUBTITLE_HANDLERS.has(fourCc(view, handler.start + 8))) return null;
  const times = readTimes(view, find(view, trak, "mdia", "mdhd"));
  const table = find(view, trak, "mdia", "minf", "stbl");
  const description = table && find(view, table, "stsd");
  if (!times || !table || !description || description.end - description.start < 16) return null;
  const codec = nameContainerCodec(fourCc(view, description.start + 12));
  const language = times.end + 2 <= view.byteLength ? readLanguage(view.getUint16(times.end)) : null;
  const tally = countSamples(view, table, { timescale: times.timescale, fileBytes });
  return { facts: { type: "subtitle", codec, language }, tally };
}

/** Three letters in five bits each. */
function readLanguage(packed: number): string | null {
  const letters = [packed >> 10, packed >> 5, packed].map((bits) => String.fromCharCode((bits & 31) + 0x60)).join("");
  return /^[a-z]{3}$/.test(letters) ? nameLanguage(letters) : null;
}

function countSamples(view: DataView, table: Box, { timescale, fileBytes }: { timescale: number; fileBytes: number }) {
  const tally = new PacketTally();
  const sizes = readSizes(view, find(view, table, "stsz"));
  const offsets = sampleOffsets(view, table, sizes);
  let index = 0;
  let time = 0;
  for (const [count, delta] of pairsOf(view, find(view, table, "stts"))) {
    for (let n = 0; n < count && index < sizes.length; n++, index++, time += delta) {
      const bytes = sizes[index] ?? 0;
      const offset = offsets[index];
      if (offset === undefined || offset + bytes > fileBytes) return tally; // The file is cut before this one.
      tally.add(time / timescale, delta / timescale, bytes);
    }
  }
  return tally;
}

function readSizes(view: DataView, box: Box | undefined): number[] {
  if (!box || box.end - box.start < 12) return [];
  const fixed = view.getUint32(box.start + 4);
  if (fixed > 0) return Array(Math.min(view.getUint32(box.start + 8), 100_000)).fill(fixed);
  return [...entriesOf(view, box.start + 12, box.end, 4)].map((at) => view.getUint32(at));
}

function sampleOffsets(view: DataView, table: Box, sizes: number[]): number[] {
  const long = find(view, table, "co64");
  const box = long ?? find(view, table, "stco");
  if (!box) return [];
  const chunks = [...entriesOf(view, box.start + 8, box.end, long ? 8 : 4)].map((at) =>
    long ? Number(view.getBigUint64(at)) : view.getUint32(at),
  );
  const runs = readRuns(view, find(view, table, "stsc"));
  const offsets: number[] = [];
  chunks.forEach((chunk, index) => {
    const run = runs.findLast(({ firstChunk }) => firstChunk <= index + 1);
    let offset = chunk;
    for (let n = 0; n < (run?.samples ?? 0) && offsets.length < sizes.length; n++) {
      offsets.push(offset);
      offset += sizes[offsets.length - 1] ?? 0;
    }
  });
  return offsets;
}

function readRuns(view: DataView, box: Box | undefined): { firstChunk: number; samples: number }[] {
  if (!box) return [];
  const entries = entriesOf(view, box.start + 8, box.end, 12);
  return [...entries].map((at) => ({ firstChunk: view.getUint32(at), samples: view.getUint32(at + 4) }));
}

function* pairsOf(view: DataView, box: Box | undefined): Generator<[number, number]> {
  if (!box) return;
  for (const at of entriesOf(view, box.start + 8, box.end, 8)) yield [view.getUint32(at), view.getUint32(at + 4)];
}

/** As many entries as the box has room for, whatever its count says. */
function* entriesOf(view: DataView, start: number, end: number, bytes: number): Generator<number> {
  for (let at = start; at + bytes <= Math.min(end, view.byteLength); at += bytes) yield at;
}

function fourCc(view: DataView, at: number): string {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}

function copy(piece: Uint8Array): ArrayBuffer {
  return piece.slice().buffer as ArrayBuffer;
}
