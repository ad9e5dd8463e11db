import { existsSync, readFileSync } from "node:fs";
import type { D1Database } from "@cloudflare/workers-types";
import { afterAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import type { Description, TrackDescription } from "../../src/process/probe/description.js";
import { createProbe } from "../../src/process/probe/probe.js";

const FOLDER = new URL("../../../shared/videos/", import.meta.url);
const TOLERANCE = 0.02;
/** Where we say something else than ffprobe's table on a file that is well-formed, and why we may. */
const EXCEPTIONS: Record<string, { reason: string; durationS?: number; kind?: "failed" }> = {
  "sample_fragmented.mp4": {
    reason: "ffprobe repeats the header's placeholder of 39 hours; the packets last 1.07 s",
    durationS: 1.068,
  },
  "no_duration.webm": {
    reason: "the header has no duration, so ffprobe has none; the packets last 4.9 s",
    durationS: 4.939,
  },
  "sample.flv": {
    reason: "ffprobe gives the header's 1.136 s, which counts from 0; the packets run from 0.067 to 1.157 s",
    durationS: 1.09,
  },
  "derived-flower-animated.webp": {
    reason: "an animated image, which neither mediabunny nor this ffprobe reads (it says 0x0 and no duration)",
    kind: "failed",
  },
};

/** Files that are broken: what is said of them instead of the table's figures, which are the header's word. */
const BROKEN: Record<string, { reason: RegExp } | { durationS: number; headerDurationS?: number }> = {
  "broken-cut-after-header.mp4": { durationS: 1.97, headerDurationS: 5.055 },
  "broken-cut.webm": { durationS: 3.43, headerDurationS: 8.266 },
  "broken-cut-before-index.mp4": { reason: /^cut short: the index of this mp4 is missing$/ },
  "broken-text.mp4": { reason: /^not a media file: it begins with text$/ },
  "broken-zero-bytes.mp4": { reason: /^the file is empty \(0 bytes\)$/ },
  "sample_malformed_free_box.mp4": { reason: /^cut short: the index of this mp4 is missing$/ },
  "fixture-corrupt.mkv": { durationS: 0.092 }, // ffprobe refuses its header; its five packets can be read.
};

interface Row {
  file: string;
  container: string;
  codecs: string[];
  durationS: number | null;
  bytes: number;
  width: number | null;
  height: number | null;
  rotation: number;
}

const missing = existsSync(new URL("README.md", FOLDER)) ? "" : ` (skipped: there is no ${FOLDER.pathname})`;
if (missing) console.log(missing);
const rows = missing ? [] : readTable(readFileSync(new URL("README.md", FOLDER), "utf8"));
const wellFormed = rows.filter(({ file }) => !(file in BROKEN));

const processor = createProbe(
  { probeTimeoutMs: 20_000, probeMemoryMb: 64, allowPrivateSources: [] },
  { clock: systemClock, ffprobe: "hidb-no-such-ffprobe" },
);
afterAll(() => processor.close());

describe.skipIf(missing)(`the videos of ffprobe's table${missing}`, () => {
  it("are 39, seven of them broken and four of them told otherwise, with the reason", () => {
    expect(rows).toHaveLength(39);
    expect(wellFormed).toHaveLength(32);
    expect(Object.keys(EXCEPTIONS).filter((file) => !rows.some((row) => row.file === file))).toEqual([]);
  });

  for (const row of wellFormed) {
    const exception = EXCEPTIONS[row.file];
    const title = exception ? `${row.file}: but ${exception.reason}` : `${row.file}: length, size, codecs and turn`;
    it(title, async () => {
      const outcome = await probe(row.file);
      if (exception?.kind === "failed") return expect(outcome.kind).toBe("failed");
      const description = describedBy(outcome);
      const expectedS = exception?.durationS ?? row.durationS ?? Number.NaN;
      expect(Math.abs(description.duration_s - expectedS) / expectedS).toBeLessThanOrEqual(TOLERANCE + 1e-9);
      expect(toFigures(description)).toEqual({
        container: row.container,
        codecs: [...row.codecs].sort(),
        bytes: row.bytes,
        width: row.width,
        height: row.height,
        rotation: row.rotation,
      });
    });
  }

  it.each(Object.entries(BROKEN))("%s: is told by what is really there", async (file, expected) => {
    const outcome = await probe(file);
    if ("reason" in expected) {
      expect(outcome).toEqual({ kind: "failed", reason: expect.stringMatching(expected.reason) });
      return;
    }
    const { duration_s, header_duration_s } = describedBy(outcome);
    expect(duration_s).toBeCloseTo(expected.durationS, 2);
    expect(header_duration_s).toBe(expected.headerDurationS);
  });
});

function probe(file: string) {
  return processor.process(
    { id: 1, source: new URL(encodeURIComponent(file), FOLDER).href, title: null, durationS: null },
    { attempt: 1, rank: 0, count: 1, signal: new AbortController().signal, database: {} as D1Database },
  );
}

function describedBy(outcome: Awaited<ReturnType<typeof probe>>): Description {
  expect(outcome).toMatchObject({ kind: "completed" });
  return JSON.parse((outcome as { output: string }).output);
}

function toFigures({ container, size, tracks }: Description) {
  const video: TrackDescription | undefined = tracks.find(({ type }) => type === "video");
  return {
    // ffprobe has one name for both: "matroska,webm".
    container: container === "webm" ? "matroska" : container,
    codecs: tracks.map(({ type, codec }) => (type === "subtitle" ? `sub:${codec}` : codec)).sort(),
    bytes: size,
    width: video?.width ?? null,
    height: video?.height ?? null,
    rotation: video?.rotation ?? 0,
  };
}

/** The rows between the head of the table and its end. */
function readTable(page: string): Row[] {
  const lines = page.split("\n").filter((line) => /^\| `/.test(line));
  return lines.map((line) => {
    const [, file = "", , , container = "", codecs = "", duration = "", bytes = "", picture = ""] = line
      .split("|")
      .map((cell) => cell.trim());
    const [, width, height, rotation] = picture.match(/^(\d+)x(\d+)(?: rot (\d+))?$/) ?? [];
    return {
      file: file.replaceAll("`", ""),
      container,
      codecs: codecs === "—" ? [] : codecs.split(" + "),
      durationS: Number.isNaN(Number(duration)) ? null : Number(duration),
      bytes: Number(bytes),
      width: width ? Number(width) : null,
      height: height ? Number(height) : null,
      rotation: Number(rotation ?? 0),
    };
  });
}
