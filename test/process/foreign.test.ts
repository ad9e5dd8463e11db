import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { D1Database } from "@cloudflare/workers-types";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import { readAacConfig } from "../../src/process/probe/aac.js";
import type { Description } from "../../src/process/probe/description.js";
import { refineFacts } from "../../src/process/probe/facts.js";
import type { UnreadFormat } from "../../src/process/probe/messages.js";
import { createProbe } from "../../src/process/probe/probe.js";
import { askReaders, type Conclusion, type Readers } from "../../src/process/probe/readers.js";
import type { Outcome } from "../../src/video.js";

const SAMPLES = join(import.meta.dirname, "../../data/samples");

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function setup({ ffprobe = "hidb-no-such-ffprobe" } = {}) {
  const config = { probeTimeoutMs: 60_000, probeMemoryMb: 64, allowPrivateSources: [] };
  const processor = createProbe(config, { clock: systemClock, ffprobe });
  const folder = mkdtempSync(join(tmpdir(), "hidb-foreign-test-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  cleanups.push(() => processor.close());
  const write = (name: string, content: Uint8Array | string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const process = (source: string) =>
    processor.process(
      { id: 1, source, title: null, durationS: null },
      { attempt: 1, rank: 0, count: 1, signal: new AbortController().signal, database: {} as D1Database },
    );
  return { process, write };
}

function describedBy(outcome: Outcome): Description {
  expect(outcome).toMatchObject({ kind: "completed" });
  return JSON.parse((outcome as { output: string }).output);
}

/** Frames of 4 x 2 pixels that are shown for these hundredths of a second. */
function gif(delays: number[]): Buffer {
  const frames = delays.flatMap((delay) => [
    Buffer.from([0x21, 0xf9, 4, 0, delay & 255, delay >> 8, 0, 0]),
    Buffer.from([0x2c, 0, 0, 0, 0, 4, 0, 2, 0, 0, 2, 3, 0x84, 0x8f, 0x05, 0]),
  ]);
  const screen = Buffer.from([4, 0, 2, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
  return Buffer.concat([Buffer.from("GIF89a"), screen, ...frames, Buffer.from([0x3b])]);
}

function flvTag(type: number, ms: number, body: number[]): Buffer {
  const tag = Buffer.alloc(11 + body.length + 4);
  tag[0] = type;
  tag.writeUIntBE(body.length, 1, 3);
  tag.writeUIntBE(ms, 4, 3);
  tag.set(body, 11);
  tag.writeUInt32BE(11 + body.length, 11 + body.length);
  return tag;
}

/** Mono AAC at 44.1 kHz, whose flags say stereo as they always do, beside pictures of which only the metadata tell. */
function flv(seconds: number): Buffer {
  const size = (name: string, value: number) => {
    const number = Buffer.alloc(9);
    number.writeDoubleBE(value, 1);
    return [0, name.length, ...Buffer.from(name), ...number];
  };
  const packets = Array.from({ length: seconds * 10 }, (_, index) => [
    flvTag(8, index * 100, [0xaf, 1, 0x21, 0x00]),
    flvTag(9, index * 100, [0x22, 0, 0, 0]),
  ]);
  return Buffer.concat([
    Buffer.from("FLV\x01\x05\0\0\0\x09\0\0\0\0", "latin1"),
    flvTag(18, 0, [...size("width", 320), ...size("height", 180), ...size("duration", 9)]),
    flvTag(8, 0, [0xaf, 0, 0x12, 0x08]),
    ...packets.flat(),
  ]);
}

describe("a small reader", () => {
  it("counts the frames of a gif, each with its own time, and gives those that are too short the time players give", async () => {
    const { process, write } = setup();
    const { container, duration_s, tracks } = describedBy(await process(write("a.gif", gif([20, 50, 0, 1]))));
    expect({ container, duration_s }).toEqual({ container: "gif", duration_s: 0.9 });
    expect(tracks).toMatchObject([{ type: "video", codec: "gif", width: 4, height: 2 }]);
  });

  it("tells of a gif what is there where it is cut, and refuses one without a frame", async () => {
    const { process, write } = setup();
    const whole = gif([20, 50, 20]);
    expect(describedBy(await process(write("cut.gif", whole.subarray(0, -10)))).duration_s).toBe(0.7);
    expect(await process(write("none.gif", whole.subarray(0, 24)))).toMatchObject({
      kind: "failed",
      reason: "cut short: this gif announces its tracks, but holds nothing of them",
    });
  });

  it("reads the channels of a flash video from the codec, its size from the metadata, its length from the tags", async () => {
    const { process, write } = setup();
    const description = describedBy(await process(write("a.flv", flv(3))));
    expect(description).toMatchObject({ container: "flv", duration_s: 3, header_duration_s: 9 });
    expect(description.tracks).toMatchObject([
      { type: "audio", codec: "aac", channels: 1, sample_rate: 44_100 },
      { type: "video", codec: "flv1", width: 320, height: 180, frame_rate: 10 },
    ]);
    expect(describedBy(await process(write("cut.flv", flv(3).subarray(0, -20)))).duration_s).toBeCloseTo(3, 1);
  });
});

it("QuickTime from before there were brands is read", async () => {
  const { process, write } = setup();
  const content = readFileSync(join(SAMPLES, "h264-aac.mp4"));
  content.write("wide", content.indexOf("ftyp"));
  const { container, duration_s } = describedBy(await process(write("old.mov", content)));
  expect({ container, duration_s }).toEqual({ container: "mov", duration_s: 4 });
});

describe("ffprobe", () => {
  it("that is ended by a signal is asked again later, whatever the file", async () => {
    const program = setup().write("ffprobe", "#!/bin/sh\nkill -9 $$\n");
    chmodSync(program, 0o755);
    const { process, write } = setup({ ffprobe: program });
    expect(await process(write("a.avi", "RIFF\0\0\0\0AVI LIST"))).toMatchObject({
      kind: "retry",
      reason: "ffprobe was ended by SIGKILL",
    });
  });
});

describe("the readers", () => {
  const unread: UnreadFormat = {
    kind: "unread",
    container: "avi",
    demuxer: "avi",
    reason: null,
    size: 9,
    sha256: "5a",
  };
  const described = { kind: "described", description: { sha256: null } } as Extract<Conclusion, { kind: "described" }>;
  const refuses = (reason: string) => async () => ({ kind: "refused", reason }) as const;
  const missing = async () => ({ kind: "missing" }) as const;
  const ask = (readers: Partial<Readers>) =>
    askReaders({ byThread: async () => unread, byFfprobe: missing, byMediaInfo: refuses("no track"), ...readers });

  it("are asked one after the other until one describes the file, which keeps its hash", async () => {
    const byMediaInfo = async () => described;
    const expected = { kind: "described", description: { sha256: "5a" } };
    expect(await ask({ byMediaInfo })).toEqual(expected);
    expect(await ask({ byFfprobe: refuses("damaged"), byMediaInfo })).toEqual(expected);
  });

  it("are asked in another order of a large file, whose packets ffprobe would count for minutes", async () => {
    const byThread = async () => ({ ...unread, size: 2 ** 30 });
    const byMediaInfo = async () => described;
    const byFfprobe = async () => expect.unreachable();
    expect(await ask({ byThread, byFfprobe, byMediaInfo })).toMatchObject({ kind: "described" });
    expect(await ask({ byThread, byFfprobe: async () => described })).toEqual(described);
  });

  it("are not asked of a file that is refused for good, or that cannot be reached now", async () => {
    const byFfprobe = async () => expect.unreachable();
    expect(await ask({ byThread: refuses("the file is empty (0 bytes)"), byFfprobe })).toMatchObject({
      kind: "refused",
    });
    const later = { kind: "unreachable", reason: "503", afterMs: null } as const;
    expect(await ask({ byThread: async () => later, byFfprobe })).toEqual(later);
    expect(await ask({ byFfprobe: async () => later, byMediaInfo: byFfprobe })).toEqual(later);
  });

  it("are asked where one has crashed or is stuck, and its reason stays where none can read the file", async () => {
    for (const first of [{ kind: "outOfMemory" }, { kind: "timedOut", busy: true }] as const) {
      const byThread = async (reader: string) => (reader === "none" ? { ...unread, container: "file" } : first);
      expect(await ask({ byThread, byFfprobe: async () => described })).toEqual(described);
      expect(await ask({ byThread })).toEqual(first);
    }
  });

  it("leave the reason of the one that knows the format best", async () => {
    const reason = "damaged: it begins like mp4";
    const byThread = async () => ({ ...unread, container: "file", reason });
    expect(await ask({ byThread, byFfprobe: refuses("nothing found") })).toEqual({ kind: "refused", reason });
    expect(await ask({ byFfprobe: refuses("nothing found") })).toMatchObject({ reason: "nothing found" });
    expect(await ask({})).toMatchObject({ reason: "no track" });
    expect(await ask({ byThread: async () => ({ ...unread, container: "ape" }) })).toMatchObject({
      reason: "this ape is read by ffprobe only, and there is no ffprobe on PATH: install ffmpeg",
    });
  });
});

describe("what a codec tells of itself", () => {
  it.each([
    ["mono", "1208", 44_100, 1],
    ["5.1", "11b0", 48_000, 6],
    ["SBR told first", "2b920800", 44_100, 2],
    ["parametric stereo, told first", "eb8a0800", 44_100, 2],
    ["SBR told behind the configuration", "139056e5a0", 44_100, 2],
    ["a list of channels", "118004c404002000", 48_000, 3],
  ])("AAC: %s", (_title, hex, rate, channels) => {
    expect(readAacConfig(Buffer.from(hex, "hex"))).toEqual({ rate, channels });
  });

  it("goes before what the container says", () => {
    const sound = { type: "audio", channels: 2, sample_rate: 44_100 } as const;
    expect(refineFacts({ ...sound, codec: "amr_nb" }, {})).toMatchObject({ channels: 1, sample_rate: 8000 });
    const mono = Buffer.from("fffb90c0", "hex");
    expect(refineFacts({ ...sound, codec: "mp3" }, { packet: mono })).toMatchObject({ channels: 1 });
    const picture = { type: "video", codec: "mpeg4", width: 1, height: 1 } as const;
    const sequence = Buffer.from("000001b31400f01300000000000001b5", "hex");
    expect(refineFacts(picture, { packet: sequence })).toMatchObject({ codec: "mpeg2video", width: 320, height: 240 });
    const group = Buffer.from("000001b300100700000001b6", "hex");
    expect(refineFacts(picture, { packet: group })).toEqual(picture);
    expect(refineFacts(picture, { packet: Buffer.from("ffd8ffe0", "hex") })).toMatchObject({ codec: "mjpeg" });
  });
});
