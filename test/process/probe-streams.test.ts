import { execFileSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { D1Database } from "@cloudflare/workers-types";
import { afterAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import { Bytes } from "../../src/process/probe/bytes.js";
import type { Contents, Description } from "../../src/process/probe/description.js";
import { openLocal } from "../../src/process/probe/local.js";
import { readBytes } from "../../src/process/probe/media.js";
import { createProbe } from "../../src/process/probe/probe.js";
import type { Outcome } from "../../src/video.js";
import * as files from "./stream-files.js";

const folder = mkdtempSync(join(tmpdir(), "hidb-streams-test-"));
const processor = createProbe(
  { probeTimeoutMs: 20_000, probeMemoryMb: 64, allowPrivateSources: [] },
  { clock: systemClock, ffprobe: "hidb-no-such-ffprobe" },
);
afterAll(async () => {
  await processor.close();
  rmSync(folder, { recursive: true });
});

let count = 0;

function probeFile(path: string): Promise<Outcome> {
  return processor.process(
    { id: 1, source: path, title: null, durationS: null },
    { attempt: 1, rank: 0, count: 1, signal: new AbortController().signal, database: {} as D1Database },
  );
}

async function probe(content: Buffer): Promise<Outcome> {
  const path = join(folder, `${count++}.bin`);
  writeFileSync(path, content);
  return probeFile(path);
}

/** Pieces of a file that is otherwise a hole. It is not hashed, which takes longer than all else. */
async function probeSparse(size: number, pieces: [at: number, piece: Buffer][]): Promise<Contents> {
  const path = join(folder, `${count++}.bin`);
  const file = openSync(path, "w");
  for (const [at, piece] of pieces) writeSync(file, piece, 0, piece.length, at);
  ftruncateSync(file, size);
  closeSync(file);
  const source = await openLocal(path);
  const limits = { pieceBytes: 16 * 2 ** 20, full: false, alive: () => {}, progress: () => {} };
  const contents = await readBytes(new Bytes(source, limits), "media").finally(() => source.close());
  if ("demuxer" in contents) throw new Error(`left to ffprobe as ${contents.demuxer}`);
  return contents;
}

function described(outcome: Outcome): Description {
  if (outcome.kind !== "completed" || outcome.output === null) throw new Error(JSON.stringify(outcome));
  return JSON.parse(outcome.output);
}

const { repeat } = files;
const GB = 2 ** 30;
const noise = Buffer.alloc(300_000);
for (let at = 0, state = 7; at < noise.length; at++) {
  state = (state * 1664525 + 1013904223) >>> 0;
  noise[at] = state >>> 24;
}
const stereo = { channels: 2, rate: 48_000, bytesPerS: 192_000, block: 4, bits: 16 };

describe("a file of nothing but frames of sound", () => {
  it.each([
    ["mp3", "mp3", repeat(files.mpegFrame(3), 125), { seconds: 3, channels: 2, rate: 48_000 }],
    ["mp3", "mp3", repeat(files.mpegFrame(3, 3), 125), { seconds: 3, channels: 1, rate: 48_000 }],
    ["mp3", "mp2", repeat(files.mpegFrame(2), 125), { seconds: 3, channels: 2, rate: 48_000 }],
    ["mp3", "mp1", repeat(files.mpegFrame(1), 125), { seconds: 1, channels: 2, rate: 48_000 }],
    ["aac", "aac", repeat(files.ADTS_FRAME, 441), { seconds: 10.24, channels: 2, rate: 44_100 }],
    ["ac3", "ac3", repeat(files.AC3_FRAME, 125), { seconds: 4, channels: 6, rate: 48_000 }],
    ["eac3", "eac3", repeat(files.EAC3_FRAME, 125), { seconds: 4, channels: 2, rate: 48_000 }],
    ["dts", "dts", repeat(files.DTS_FRAME, 375), { seconds: 4, channels: 6, rate: 48_000 }],
    [
      "amr",
      "amr_nb",
      Buffer.concat([Buffer.from("#!AMR\n"), repeat(files.AMR_FRAME, 150)]),
      { seconds: 3, channels: 1, rate: 8000 },
    ],
  ])("is told as %s with %s", async (container, codec, content, { seconds, channels, rate }) => {
    const description = described(await probe(content));
    expect(description).toMatchObject({ container, tracks: [{ codec, channels, sample_rate: rate }] });
    expect(description.duration_s).toBeCloseTo(seconds, 3);
    expect(description).not.toHaveProperty("estimated");
    expect(description).not.toHaveProperty("header_duration_s");
  });

  it("is counted, whatever stands before and behind its frames", async () => {
    const frames = repeat(files.mpegFrame(3), 125);
    const tag = Buffer.concat([Buffer.from("ID3\x04\0\0\0\0\x08\0"), Buffer.alloc(1024, 0xff)]);
    for (const around of [
      [Buffer.alloc(3000), frames],
      [frames, Buffer.alloc(3000)],
      [noise.subarray(0, 20_000), frames],
      [tag, tag, frames, Buffer.from(`TAG${"x".repeat(125)}`)],
    ]) {
      expect(described(await probe(Buffer.concat(around)))).toMatchObject({ container: "mp3", duration_s: 3 });
    }
  });

  it("is told by its frames where its header lies, and the header's word stands beside it", async () => {
    const frames = repeat(files.mpegFrame(3), 125);
    const lying = described(await probe(Buffer.concat([files.xingFrame(12_500, frames.length), frames])));
    expect(lying).toMatchObject({ duration_s: 3, header_duration_s: 300 });
    const joined = repeat(Buffer.concat([files.xingFrame(125, frames.length), frames]), 2);
    expect(described(await probe(joined))).toMatchObject({ duration_s: 6.024, header_duration_s: 3 });
  });

  it("is believed in its header where it is large and the header tells the right number of bytes", async () => {
    const size = GB / 2;
    const frames = Math.floor(size / 384);
    const head = Buffer.concat([files.xingFrame(frames, frames * 384), repeat(files.mpegFrame(3), 1000)]);
    const description = await probeSparse(size, [
      [0, head],
      [size - 384_000, repeat(files.mpegFrame(3), 1000)],
    ]);
    expect(description.duration_s).toBeCloseTo(frames * 0.024, 1);
    expect(description).not.toHaveProperty("estimated");
  });

  it("is estimated where it is too large to be counted", async () => {
    const sample = repeat(files.AC3_FRAME, 700);
    const step = Math.floor((3 * GB - 512 * 1024) / 11);
    const pieces = Array.from({ length: 12 }, (_, n): [number, Buffer] => [n * step - ((n * step) % 768), sample]);
    const description = await probeSparse(3 * GB, pieces);
    expect(description.estimated).toBe(true);
    expect(description.duration_s / ((3 * GB * 0.032) / 768)).toBeCloseTo(1, 1);
  });

  it("ends with its last frame in a file that goes on with zeros", async () => {
    const description = await probeSparse(4 * GB, [[0, repeat(files.AC3_FRAME, 30_000)]]);
    expect(description.duration_s).toBeCloseTo(960, 0);
  });
});

describe("what is no sound", () => {
  it.each([
    ["noise", noise],
    [
      "noise with a frame now and then",
      Buffer.concat(
        Array.from({ length: 9 }, (_, n) =>
          Buffer.concat([noise.subarray(n * 9000, n * 9000 + 9000), files.mpegFrame(3)]),
        ),
      ),
    ],
    ["a few frames within something else", Buffer.concat([noise, repeat(files.mpegFrame(3), 20), noise])],
    [
      "a tar archive",
      Buffer.concat([
        Buffer.from("a.mp3".padEnd(257, "\0")),
        Buffer.from("ustar"),
        Buffer.alloc(250),
        repeat(files.mpegFrame(3), 99),
      ]),
    ],
  ])("%s is refused", async (_, content) => {
    expect(await probe(content)).toEqual({ kind: "failed", reason: expect.stringMatching(/^not a media file/) });
  });
});

describe("a flac", () => {
  const frames = (count: number) => Buffer.concat(Array.from({ length: count }, (_, n) => files.flacFrame(n)));
  const seconds = (count: number) => (count * 4096) / 44_100;

  it("is told by its last frame, whatever its header says and whatever follows", async () => {
    const whole = Buffer.concat([files.flacHead(100 * 4096), frames(100)]);
    expect(described(await probe(whole)).duration_s).toBeCloseTo(seconds(100), 3);
    const open = Buffer.concat([files.flacHead(0), frames(100), Buffer.alloc(5000)]);
    expect(described(await probe(open)).duration_s).toBeCloseTo(seconds(100), 3);
    const cut = described(await probe(whole.subarray(0, 101_000)));
    expect(cut.duration_s).toBeCloseTo(seconds(50), 0);
    expect(cut.header_duration_s).toBeCloseTo(seconds(100), 3);
  });

  it("that was joined from several is estimated from all of them", async () => {
    const description = described(
      await probe(Buffer.concat([files.flacHead(1000 * 4096), ...Array<Buffer>(4).fill(frames(1000))])),
    );
    expect(description.estimated).toBe(true);
    expect(description.duration_s / seconds(4000)).toBeCloseTo(1, 1);
  });
});

describe("an ogg", () => {
  const head = files.oggPage({ granule: 0, first: true, body: files.opusHead(1, 312) });
  const page = (granule: number, serial = 1) => files.oggPage({ granule, serial, body: Buffer.alloc(200) });

  it("of a gigabyte is told by its last page", async () => {
    const tail = Buffer.concat([page(14_399 * 48_000), page(14_400 * 48_000 + 312)]);
    const body = Buffer.concat([head, page(48_000), page(96_000)]);
    const description = await probeSparse(GB, [
      [0, body],
      [GB - tail.length, tail],
    ]);
    expect(description).toMatchObject({
      container: "ogg",
      duration_s: 14_400,
      tracks: [{ codec: "opus", channels: 1 }],
    });
  });

  it("that was joined from two lasts as long as both, and one that was recorded later begins when it begins", async () => {
    const second = files.oggPage({ serial: 2, granule: 0, first: true, body: files.opusHead(1, 312) });
    const both = Buffer.concat([head, page(48_312), second, page(96_312, 2)]);
    expect(described(await probe(both))).toMatchObject({ duration_s: 3, tracks: [{ codec: "opus" }] });
    const late = Buffer.concat([head, ...[1000, 1001, 1002, 1003].map((second) => page(second * 48_000 + 312))]);
    expect(described(await probe(late)).duration_s).toBeCloseTo(4, 3);
  });
});

describe("a wav", () => {
  const extra = (samples: number) => Buffer.from([2, 0, samples & 255, samples >> 8]);

  it.each([
    ["pcm_s16le", { ...stereo, tag: 1 }, 192_000, 1],
    ["pcm_u8", { ...stereo, tag: 1, bits: 8, block: 2, bytesPerS: 96_000 }, 192_000, 2],
    ["pcm_f32le", { ...stereo, tag: 3, bits: 32, block: 8, bytesPerS: 384_000 }, 384_000, 1],
    ["adpcm_ms", { ...stereo, tag: 2, block: 1024, bits: 4, extra: extra(1012) }, 102_400, (100 * 1012) / 48_000],
    ["adpcm_ima_wav", { ...stereo, tag: 17, block: 1024, bits: 4, extra: extra(1017) }, 102_400, (100 * 1017) / 48_000],
    [
      "gsm_ms",
      { ...stereo, tag: 49, channels: 1, rate: 8000, block: 65, bits: 0, bytesPerS: 1625, extra: extra(320) },
      6500,
      4,
    ],
    ["mp3", { ...stereo, tag: 85, block: 1, bits: 0, bytesPerS: 16_000 }, 48_000, 3],
  ])("with %s is told by its format", async (codec, format, bytes, seconds) => {
    const description = described(await probe(Buffer.concat([files.waveHead(bytes, format), Buffer.alloc(bytes, 1)])));
    expect(description).toMatchObject({
      container: "wav",
      tracks: [{ codec, channels: format.channels, sample_rate: format.rate }],
    });
    expect(description.duration_s).toBeCloseTo(seconds, 3);
  });

  it("that is cut, or was written into a pipe, lasts as long as what is there", async () => {
    const data = Buffer.alloc(192_000, 1);
    const cut = described(await probe(Buffer.concat([files.waveHead(384_000, { ...stereo, tag: 1 }), data])));
    expect(cut).toMatchObject({ duration_s: 1, header_duration_s: 2 });
    const piped = described(await probe(Buffer.concat([files.waveHead(0xffffffff, { ...stereo, tag: 1 }), data])));
    expect(piped).toMatchObject({ duration_s: 1 });
    expect(piped).not.toHaveProperty("header_duration_s");
  });

  it("of eight gigabytes is told by its header", async () => {
    const sizes = Buffer.alloc(28);
    sizes.writeBigUInt64LE(BigInt(8 * GB), 8);
    const head = files.waveHead(0xffffffff, { ...stereo, tag: 1 });
    const long = [
      Buffer.from("RF64\xff\xff\xff\xffWAVE", "latin1"),
      files.chunkHead("ds64", 28),
      sizes,
      head.subarray(12),
    ];
    const content = Buffer.concat(long);
    const description = await probeSparse(8 * GB + content.length, [[0, content]]);
    expect(description.duration_s).toBeCloseTo((8 * GB) / 192_000, 0);
  });
});

describe("a transport stream", () => {
  const two: files.Programme[] = [
    { table: 0x100, streams: [{ pid: 0x101, type: 0x81 }] },
    {
      table: 0x200,
      streams: [
        { pid: 0x201, type: 0x03 },
        { pid: 0x202, type: 0x1b },
      ],
    },
  ];
  const sound = (fromS: number, seconds: number) =>
    Buffer.concat(
      Array.from({ length: seconds * 10 }, (_, n) =>
        Buffer.concat([
          timed(0x101, fromS + n / 10, files.AC3_FRAME),
          timed(0x201, fromS + n / 10, files.mpegFrame(2)),
        ]),
      ),
    );
  const { tables, timed } = files;
  const tracks = [
    { codec: "ac3", channels: 6, sample_rate: 48_000 },
    { codec: "mp2", channels: 2, sample_rate: 48_000 },
    { codec: "h264", width: null },
  ];

  it("shows the tracks of all programmes", async () => {
    const description = described(await probe(Buffer.concat([tables(two), sound(5, 3)])));
    expect(description).toMatchObject({ container: "mpegts", tracks });
    expect(description.duration_s).toBeCloseTo(3, 2);
  });

  it("is found behind junk, within a packet, and where its rhythm is lost", async () => {
    const stream = Buffer.concat([tables(two), sound(5, 3)]);
    const behind = described(await probe(Buffer.concat([noise.subarray(0, 100_001), stream])));
    expect(behind.duration_s).toBeCloseTo(3, 2);
    const within = Buffer.concat([stream.subarray(100), tables(two), sound(8, 1)]);
    expect(described(await probe(within))).toMatchObject({ container: "mpegts", tracks });
    const damaged = Buffer.concat([stream, noise.subarray(0, 777), sound(8, 2)]);
    expect(described(await probe(damaged)).duration_s).toBeCloseTo(5, 2);
  });

  it("may have four bytes of time before each packet", async () => {
    const stream = Buffer.concat([tables(two), sound(5, 3)]);
    const packets = Array.from({ length: stream.length / 188 }, (_, n) => [
      Buffer.alloc(4),
      stream.subarray(n * 188, n * 188 + 188),
    ]);
    expect(described(await probe(Buffer.concat(packets.flat())))).toMatchObject({ container: "mpegts", tracks });
  });

  it("of four hours is told by its beginning and its end", async () => {
    const end = sound(14_390, 10);
    const at = 5 * GB - ((5 * GB) % 188);
    const description = await probeSparse(at + end.length, [
      [0, Buffer.concat([tables(two), sound(0, 10)])],
      [at, end],
    ]);
    expect(description).toMatchObject({ estimated: true, tracks });
    expect(description.duration_s).toBeCloseTo(14_400, 0);
  });
});

describe("raw pictures", () => {
  const sequence = files.pack("1b3:32 2d0:12 240:12 1:4 3:4 0:32");
  const extension = files.pack("1b5:32 1:4 0:36");

  it.each([
    ["mpeg1video", Buffer.concat([sequence, repeat(files.pack("100:32", 40), 50)])],
    ["mpeg2video", Buffer.concat([sequence, extension, repeat(files.pack("100:32", 40), 50)])],
  ])("of %s are counted at the rate of their header", async (codec, content) => {
    expect(described(await probe(content))).toMatchObject({
      container: "mpegvideo",
      duration_s: 2,
      tracks: [{ type: "video", codec, width: 720, height: 576, frame_rate: 25 }],
    });
  });
});

const noFfmpeg = whyNoFfmpeg();

describe.skipIf(noFfmpeg)(`what ffmpeg makes${noFfmpeg}`, () => {
  const pictures = (size: string) => ["-f", "lavfi", "-i", `testsrc2=s=${size}:r=50:d=1`];
  const fields = ["-vf", "tinterlace=interleave_top,fieldorder=tff", "-flags", "+ildct+ilme", "-x264opts", "tff=1"];

  it.each([
    [
      "interlaced.ts",
      ["-c:v", "libx264", "-preset", "ultrafast", ...fields],
      "720x576",
      { container: "mpegts", codec: "h264", width: 720, height: 576 },
    ],
    [
      "cropped.ts",
      ["-c:v", "libx264", "-preset", "ultrafast"],
      "638x358",
      { container: "mpegts", codec: "h264", width: 638, height: 358 },
    ],
    [
      "a.h264",
      ["-c:v", "libx264", "-preset", "ultrafast"],
      "320x240",
      { container: "h264", codec: "h264", width: 320, height: 240 },
    ],
    [
      "a.ivf",
      ["-c:v", "libvpx", "-deadline", "realtime"],
      "320x240",
      { container: "ivf", codec: "vp8", width: 320, height: 240 },
    ],
    ["a.ogv", ["-c:v", "libtheora"], "320x240", { container: "ogg", codec: "theora", width: 320, height: 240 }],
  ])("%s has its size, its rate and its duration", async (name, codec, size, { container, ...track }) => {
    const path = join(folder, name);
    execFileSync("ffmpeg", ["-v", "error", ...pictures(size), ...codec, path]);
    const description = described(await probeFile(path));
    expect(description).toMatchObject({ container, tracks: [{ type: "video", ...track }] });
    expect(description.duration_s).toBeCloseTo(1, 1);
  });

  it("w64, aiff, au, caf and speex are read without ffprobe", async () => {
    for (const [name, codec, container] of [
      ["a.w64", "pcm_s16le", "w64"],
      ["a.aiff", "pcm_s24be", "aiff"],
      ["a.au", "pcm_mulaw", "au"],
      ["a.caf", "pcm_f32le", "caf"],
      ["a.spx", "libspeex", "ogg"],
    ] as const) {
      const path = join(folder, name);
      execFileSync("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", "sine=r=16000:d=2", "-c:a", codec, path]);
      const description = described(await probeFile(path));
      expect(description).toMatchObject({
        container,
        tracks: [{ codec: codec.replace("lib", ""), sample_rate: 16_000 }],
      });
      expect(description.duration_s).toBeCloseTo(2, 1);
      expect(description.size).toBe(readFileSync(path).length);
    }
  });
});

/** "" where ffmpeg is there; otherwise why the tests that need it are skipped, which their names then say. */
function whyNoFfmpeg(): string {
  try {
    execFileSync("ffmpeg", ["-version"], { stdio: "ignore" });
    return "";
  } catch {
    console.log("skipped: ffmpeg is not on PATH");
    return " (skipped: ffmpeg is not on PATH)";
  }
}
