// A file that is nothing but compressed pictures: MPEG-1 and -2, H.264 and H.265 as they leave the encoder, and ivf, which puts a
// small header before each picture. They have no index, so pictures are counted; of a large file, those of samples are.
import type { Bytes } from "./bytes.js";
import { nameFourCc } from "./codecs.js";
import { type Counted, PacketTally } from "./description.js";
import { Refusal, Unreadable } from "./failure.js";
import { type PictureFacts, type PictureFamily, readPictures } from "./pictures.js";
import { type Part, partsOf } from "./sample.js";

/** The container by ffprobe's name, and how many pictures begin with a unit: a field is half of one. */
const FAMILIES: { family: PictureFamily; container: string; picturesIn: (unit: Buffer) => number }[] = [
  { family: "mpeg", container: "mpegvideo", picturesIn: mpegPictures },
  {
    family: "h264",
    container: "h264",
    picturesIn: (unit) => (isH264Slice(unit[0] ?? 0) && (unit[1] ?? 0) & 0x80 ? 1 : 0),
  },
  { family: "hevc", container: "hevc", picturesIn: (unit) => ((unit[0] ?? 0) < 64 && (unit[2] ?? 0) & 0x80 ? 1 : 0) },
];

/** Streams that do not tell their rate are played at this one. */
const DEFAULT_RATE = 25;
const HEAD_BYTES = 64 * 1024;
const WINDOW_BYTES = 64 * 1024;
/** What a unit shows of itself. */
const UNIT_BYTES = 8;

/** null for a file that is something else. */
export async function readVideo(bytes: Bytes, data: Part): Promise<Counted | null> {
  const head = await bytes.read(0, Math.min(32, bytes.size));
  if (head.length < 4) return null;
  if (head.toString("latin1", 0, 4) === "DKIF") return readIvf(bytes, head);
  if (head.readUIntBE(0, 3) !== 1 && head.readUInt32BE(0) !== 1) return null;
  const start = await bytes.read(0, Math.min(HEAD_BYTES, bytes.size));
  for (const { family, container, picturesIn } of FAMILIES) {
    const facts = readPictures(family, start);
    if (!facts) continue;
    const { count, share } = await countPictures(bytes, data, picturesIn);
    if (count > 0) return describe(bytes, { container, facts, count: Math.round(count * share), estimated: share > 1 });
  }
  return null;
}

interface Pictures {
  container: string;
  facts: PictureFacts;
  count: number;
  estimated: boolean;
}

function describe(bytes: Bytes, { container, facts, count, estimated }: Pictures): Counted {
  const { frameRate = DEFAULT_RATE, ...track } = facts;
  const tally = new PacketTally();
  if (count > 0) tally.addRun({ count, startS: 0, stepS: 1 / frameRate, bytes: bytes.size });
  const isGuessed = facts.frameRate === undefined;
  return { container, headerDurationS: null, tracks: [{ facts: track, tally }], estimated: estimated || isGuessed };
}

/** `share`: how many times more bytes there are than were read. */
async function countPictures(bytes: Bytes, data: Part, picturesIn: (unit: Buffer) => number) {
  let count = 0;
  let seen = 0;
  const parts = partsOf(bytes, data);
  for (const { start, end } of parts) {
    if (parts.length > 1) await bytes.prefetch(start, end);
    for (let at = start; at < end; at += WINDOW_BYTES) {
      // A unit that begins at the end of a window is seen whole.
      const piece = await bytes.peek(at, Math.min(WINDOW_BYTES, end - at) + UNIT_BYTES);
      const last = Math.min(WINDOW_BYTES, end - at);
      for (let unit = piece.indexOf(START_CODE); unit >= 0 && unit < last; unit = piece.indexOf(START_CODE, unit + 3))
        count += picturesIn(piece.subarray(unit + 3, unit + 3 + UNIT_BYTES));
    }
    seen += end - start;
  }
  return { count, share: parts.length > 1 ? (data.end - data.start) / seen : 1 };
}

const START_CODE = Buffer.from([0, 0, 1]);

function isH264Slice(head: number): boolean {
  return (head & 31) === 1 || (head & 31) === 5;
}

/** A picture begins with its header; the coding extension behind it says whether it was but a field. */
function mpegPictures(unit: Buffer): number {
  if (unit[0] === 0x00) return 1;
  const isCodingExtension = unit[0] === 0xb5 && (unit[1] ?? 0) >> 4 === 8;
  return isCodingExtension && ((unit[3] ?? 0) & 3) !== 3 ? -0.5 : 0;
}

const IVF_FRAME_BYTES = 12;

async function readIvf(bytes: Bytes, head: Buffer): Promise<Counted> {
  if (head.length < 32) throw new Refusal("cut short: the header of this ivf is incomplete");
  const tickS = head.readUInt32LE(20) / head.readUInt32LE(16);
  const facts = {
    type: "video",
    codec: nameFourCc("video", head.toString("latin1", 8, 12)),
    width: head.readUInt16LE(12),
    height: head.readUInt16LE(14),
  } as const;
  if (!(tickS > 0) || !Number.isFinite(tickS)) throw new Unreadable("damaged: the header of this ivf tells no rate");
  const tally = new PacketTally();
  const start = head.readUInt16LE(6);
  let at = start;
  while (at + IVF_FRAME_BYTES <= bytes.size && !bytes.isDear) {
    const frame = await bytes.peek(at, IVF_FRAME_BYTES);
    const size = frame.readUInt32LE(0);
    tally.add(Number(frame.readBigUInt64LE(4)) * tickS, 0, Math.min(size, bytes.size - at - IVF_FRAME_BYTES));
    at += IVF_FRAME_BYTES + size;
  }
  const estimated = at + IVF_FRAME_BYTES <= bytes.size;
  const count = Math.round((tally.count * (bytes.size - start)) / (at - start));
  const rate = tally.rate;
  if (!estimated || rate === null) return { container: "ivf", headerDurationS: null, tracks: [{ facts, tally }] };
  return describe(bytes, { container: "ivf", facts: { ...facts, frameRate: rate }, count, estimated });
}
