import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { D1Database } from "@cloudflare/workers-types";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import type { Description, TrackDescription } from "../../src/process/probe/description.js";
import { createProbe } from "../../src/process/probe/probe.js";

const PICTURES = "-f lavfi -i testsrc2=s=320x240:r=25:d=2";
const SMALL = "-f lavfi -i testsrc2=s=64x48:r=25:d=2";
const FIELDS = "-f lavfi -i testsrc2=s=720x576:r=50:d=2";
const SOUND = "-f lavfi -i sine=f=440:r=48000:d=2";
const H264 = "-c:v libx264 -preset ultrafast -crf 45";
const INTERLACED = "-vf tinterlace=interleave_top,fieldorder=tff -r 25 -flags +ildct+ilme";

/** One file of each kind that was told wrongly or not at all, as ffmpeg makes it. */
const FILES: Record<string, string> = {
  "mono.mp4": `${PICTURES} ${SOUND} ${H264} -c:a aac -ac 1`,
  "mp3-mono.mp4": `${PICTURES} ${SOUND} ${H264} -c:a libmp3lame -ac 1`,
  "dts-mono.mp4": `${PICTURES} ${SOUND} ${H264} -c:a dca -strict -2`,
  "truehd.mp4": `${PICTURES} ${SOUND} ${H264} -c:a truehd -strict -2`,
  "six.mp4": `${PICTURES} ${SOUND} ${H264} -c:a ac3 -ac 6`,
  "mpeg1.mp4": `${SMALL} -c:v mpeg1video`,
  "mpeg2.mp4": `${SMALL} -c:v mpeg2video`,
  "mpeg4.mp4": `${SMALL} -c:v mpeg4`,
  "mjpeg.mp4": `${SMALL} -c:v mjpeg`,
  "png.mp4": `${SMALL} -c:v png`,
  "cinepak.mov": `${SMALL} -t 0.5 -c:v cinepak`,
  "qtrle.mov": `${SMALL} -c:v qtrle`,
  "prores.mov": `${SMALL} -c:v prores_ks`,
  "rotated.mp4": `${SMALL} ${H264} -metadata:s:v rotate=45`,
  "cover.m4a": `${SOUND} ${SMALL} -map 0 -map 1 -frames:v 1 -c:a aac -c:v mjpeg -disposition:v attached_pic`,
  "timecode.mov": `${SMALL} -timecode 01:00:00:00 ${H264}`,
  "interlaced.mp4": `${FIELDS} ${INTERLACED} ${H264} -x264opts tff=1`,
  "interlaced.ts": `${FIELDS} ${SOUND} ${INTERLACED} ${H264} -x264opts tff=1 -c:a ac3`,
  "vfw-huffyuv.mkv": `${SMALL} -c:v huffyuv`,
  "vfw-wmv2.mkv": `${SMALL} -c:v wmv2`,
  "raw.mkv": `${SMALL} -c:v rawvideo`,
  "tta.mkv": `${SOUND} -c:a tta`,
  "wavpack.mkv": `${SOUND} -c:a wavpack`,
  "acm.mkv": `${SOUND} -c:a adpcm_ms`,
  "mpeg4.avi": `${PICTURES} ${SOUND} -c:v mpeg4 -c:a libmp3lame`,
  "h264.avi": `${PICTURES} ${SOUND} ${H264} -c:a aac`,
  "pcm.avi": `${SMALL} ${SOUND} -c:v mjpeg -c:a pcm_s16le`,
  "flv1.flv": `${PICTURES} ${SOUND} -c:v flv -c:a libmp3lame -ar 44100`,
  "h264.flv": `${PICTURES} ${SOUND} ${H264} -c:a aac -ac 1`,
  "video.wmv": `${PICTURES} ${SOUND} -c:v wmv2 -c:a wmav2`,
  "sound.wma": `${SOUND} -c:a wmav2`,
  "mpeg1.mpg": `${PICTURES} ${SOUND} -c:v mpeg1video -c:a mp2`,
  "mpeg2.vob": `${PICTURES} ${SOUND} -c:v mpeg2video -c:a ac3 -f dvd`,
  "interlaced.mpg": `${FIELDS} ${SOUND} ${INTERLACED} -c:v mpeg2video -c:a mp2`,
  "video.nut": `${PICTURES} ${SOUND} ${H264} -c:a aac`,
  "sound.nut": `${SOUND} -c:a pcm_s24be`,
  "animated.gif": `${SMALL} -vf fps=10`,
  "video.mxf": `-f lavfi -i testsrc2=s=720x576:r=25:d=1 ${SOUND} -t 1 -c:v mpeg2video -b:v 2M -c:a pcm_s16le`,
  "video.rm": `${PICTURES} ${SOUND} -c:v rv20 -s 352x288 -c:a ac3`,
  "sound.tta": `${SOUND} -c:a tta`,
  "sound.wv": `${SOUND} -c:a wavpack`,
  "video.gxf": "-f lavfi -i testsrc2=s=720x576:r=25:d=1 -c:v mpeg2video -b:v 5M",
  "video.dv": "-f lavfi -i testsrc2=s=720x576:r=25:d=1 -pix_fmt yuv420p -c:v dvvideo",
};

interface Reference {
  format: { duration?: string };
  streams: ReferenceStream[];
  packets: { stream_index: number; pts_time?: string; dts_time?: string; duration_time?: string }[];
}

interface ReferenceStream {
  index: number;
  codec_type: string;
  codec_name?: string;
  width?: number;
  height?: number;
  channels?: number;
  sample_rate?: string;
  disposition?: { attached_pic?: number };
  side_data_list?: { rotation?: number }[];
}

const run = promisify(execFile);
const missing = whyNoFfmpeg();
const processor = createProbe(
  { probeTimeoutMs: 60_000, probeMemoryMb: 64, allowPrivateSources: [] },
  { clock: systemClock, ffprobe: "hidb-no-such-ffprobe" },
);
const folder = mkdtempSync(join(tmpdir(), "hidb-formats-test-"));
afterAll(async () => {
  await processor.close();
  rmSync(folder, { recursive: true });
});

describe.skipIf(missing)(`a file is described as ffprobe describes it, without ffprobe${missing}`, () => {
  /** One entry for each file that this ffmpeg can make. */
  const references = new Map<string, Reference>();

  beforeAll(async () => {
    const waiting = Object.entries(FILES);
    const makeNext = async (): Promise<void> => {
      for (let next = waiting.pop(); next; next = waiting.pop()) {
        const [name, options] = next;
        const path = join(folder, name);
        const made = await run("ffmpeg", ["-v", "error", "-y", ...options.split(" "), path]).catch(() => null);
        if (made) references.set(name, await ask(path));
        else console.log(`skipped: this ffmpeg does not make ${name}`);
      }
    };
    await Promise.all([makeNext(), makeNext()]);
  });

  it.each(Object.keys(FILES))("%s", async (name) => {
    const reference = references.get(name);
    if (!reference) return; // Its reason is printed above.
    const description = await describeFile(join(folder, name));
    expect(figuresOf(description)).toEqual(figuresOfReference(reference));
    const durationS = Number(reference.format.duration);
    const right = [durationS, packetsLast(reference)].some(
      (expected) => Math.abs(description.duration_s - expected) <= Math.max(0.1, expected * 0.02),
    );
    expect(right, `${description.duration_s} s for ${durationS} s`).toBe(true);
  });

  it.each(["mpeg4.avi", "video.wmv", "video.mxf", "video.rm"])(
    "%s, cut in half, is told by its header and its size",
    async (name) => {
      if (!references.has(name)) return; // Its reason is printed above.
      const whole = await readFile(join(folder, name));
      const path = join(folder, `cut-${name}`);
      await writeFile(path, whole.subarray(0, whole.length * 0.6));
      const { estimated, duration_s, header_duration_s = 0 } = await describeFile(path);
      expect(estimated).toBe(true);
      expect(duration_s / header_duration_s).toBeCloseTo(0.6, 1);
    },
  );

  it("is made by this ffmpeg for nearly all kinds", () => {
    expect(references.size).toBeGreaterThanOrEqual(Object.keys(FILES).length * 0.8);
  });
});

async function ask(path: string): Promise<Reference> {
  const show = ["-show_format", "-show_streams", "-show_packets"];
  const { stdout } = await run("ffprobe", ["-v", "error", ...show, "-of", "json", path], { maxBuffer: 64 * 2 ** 20 });
  return JSON.parse(stdout);
}

async function describeFile(source: string): Promise<Description> {
  const outcome = await processor.process(
    { id: 1, source, title: null, durationS: null },
    { attempt: 1, rank: 0, count: 1, signal: new AbortController().signal, database: {} as D1Database },
  );
  expect(outcome).toMatchObject({ kind: "completed" });
  return JSON.parse((outcome as { output: string }).output);
}

function figuresOf({ tracks }: Description) {
  return tracks.map(toFigures).sort();
}

function toFigures({ type, codec, width, height, rotation, channels, sample_rate }: TrackDescription): string {
  return type === "video" ? `${codec} ${width}x${height} ${rotation}` : `${codec} ${channels} ${sample_rate}`;
}

function figuresOfReference({ streams }: Reference): string[] {
  const tracks = streams.filter(isTrack).map((stream) => {
    const { codec_name: codec, width, height, channels, sample_rate, side_data_list } = stream;
    // ffprobe counts against the clock.
    const turn = side_data_list?.find(({ rotation }) => rotation !== undefined)?.rotation ?? 0;
    const isVideo = stream.codec_type === "video";
    return isVideo ? `${codec} ${width}x${height} ${(360 - turn) % 360}` : `${codec} ${channels} ${sample_rate}`;
  });
  return tracks.sort();
}

function isTrack({ codec_type, disposition }: ReferenceStream): boolean {
  return ["video", "audio", "subtitle"].includes(codec_type) && disposition?.attached_pic !== 1;
}

function packetsLast({ streams, packets }: Reference): number {
  const tracks = new Set(streams.filter(isTrack).map(({ index }) => index));
  const times = packets
    .filter(({ stream_index }) => tracks.has(stream_index))
    .map(({ pts_time, dts_time, duration_time }) => {
      const startS = Number(pts_time ?? dts_time);
      return { startS, endS: startS + Number(duration_time ?? 0) };
    });
  return Math.max(...times.map(({ endS }) => endS)) - Math.min(...times.map(({ startS }) => startS));
}

/** "" where both programs are there; otherwise why the tests that need them are skipped, which their names then say. */
function whyNoFfmpeg(): string {
  try {
    for (const name of ["ffprobe", "ffmpeg"]) execFileSync(name, ["-version"], { stdio: "ignore" });
    return "";
  } catch {
    console.log("skipped: ffmpeg and ffprobe are not on PATH");
    return " (skipped: ffmpeg and ffprobe are not on PATH)";
  }
}
