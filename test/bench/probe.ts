// The probe against ffprobe: many small files with their hash, and files of hours, wall and peak memory side by side.
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ROOT, World } from "./world.ts";

const SMALL_FILES = 600;
const ROUNDS = 3;
const SAMPLES = join(ROOT, "data", "samples");
const ONE = join(import.meta.dirname, "probe-one.ts");
const MB = 2 ** 20;

const VIDEO = "-f lavfi -i testsrc2=s=320x180:r=25 -f lavfi -i sine=440:r=48000 -t 60 -b:v 520k -g 50";
const H264 = `${VIDEO} -c:v libx264 -preset ultrafast -bf 2 -c:a aac -b:a 96k`;
const SOUND = "-f lavfi -i anoisesrc=a=0.1:r=44100 -t 60";

/** How a minute of each is made, and what else its hours need. */
const LONG: { name: string; minute: string; options?: string; isIndexed?: boolean }[] = [
  { name: "film.mp4", minute: H264, isIndexed: true },
  { name: "film-8gb.mp4", minute: H264, isIndexed: true },
  { name: "film.mov", minute: H264, options: "-movflags faststart", isIndexed: true },
  { name: "fragmented.mp4", minute: H264, options: "-movflags frag_keyframe+empty_moov", isIndexed: true },
  { name: "film.mkv", minute: H264, isIndexed: true },
  { name: "film.webm", minute: `${VIDEO} -c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus`, isIndexed: true },
  { name: "film.ts", minute: H264 },
  { name: "sound.mp3", minute: `${SOUND} -c:a libmp3lame` },
  { name: "sound.aac", minute: `${SOUND} -c:a aac` },
  { name: "sound.flac", minute: SOUND },
  { name: "sound.ogg", minute: `${SOUND} -c:a libvorbis` },
  { name: "sound.opus", minute: `${SOUND} -c:a libopus` },
  { name: "sound.wav", minute: SOUND },
];

/** All of it, or the long files of these names. */
export async function benchProbe(hours = 4, only: string[] = []): Promise<object[]> {
  try {
    execFileSync("ffmpeg", ["-version"], { stdio: "ignore" });
    execFileSync("ffprobe", ["-version"], { stdio: "ignore" });
  } catch {
    console.error("skipped: ffmpeg and ffprobe are not on PATH");
    return [];
  }
  const folder = mkdtempSync(join(tmpdir(), "hidb-bench-probe-"));
  try {
    const figures: object[] = only.length > 0 ? [] : await benchSmall(folder);
    for (const one of LONG.filter(({ name }) => only.length === 0 || only.includes(name))) {
      console.error(`bench: ${one.name} ...`);
      figures.push(await benchLong(folder, one, hours));
    }
    return figures;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchSmall(folder: string): Promise<object[]> {
  const names = readdirSync(SAMPLES).filter((name) => /\.\w+$/.test(name) && !/\.(md|sh)$/.test(name));
  const paths = Array.from({ length: SMALL_FILES }, (_, n) => {
    const path = join(folder, `${n}-${(names[n % names.length] as string).replaceAll(" ", "-")}`);
    copyFileSync(join(SAMPLES, names[n % names.length] as string), path);
    return path;
  });
  const figures: object[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const ffprobeS = timeXargs(paths);
    const hidbS = await timePool(paths);
    const [hidb, ffprobe] = [SMALL_FILES / hidbS, SMALL_FILES / ffprobeS];
    figures.push({
      file: `${SMALL_FILES} small files, round ${round}`,
      hidbPerS: hidb,
      ffprobePerS: ffprobe,
      ratio: hidb / ffprobe,
    });
  }
  for (const path of paths) rmSync(path);
  return figures;
}

function timeXargs(paths: string[]): number {
  const startedAt = performance.now();
  const script = 'ffprobe -v error -show_format -show_streams -of json "$1" >/dev/null; sha256sum "$1" >/dev/null';
  execFileSync("xargs", ["-0", "-P3", "-n1", "sh", "-c", script, "sh"], {
    input: paths.join("\0"),
    stdio: ["pipe", "ignore", "ignore"],
  });
  return (performance.now() - startedAt) / 1000;
}

async function timePool(paths: string[]): Promise<number> {
  const entries = paths.map((source) => ({ durationS: null, source }));
  const world = await World.create(entries, { HIDB_PROCESSOR: "probe" });
  try {
    world.pause();
    world.start(3);
    world.resume();
    await world.untilDone();
    const { completed = 0 } = world.counts();
    if (completed !== paths.length) throw new Error(`expected ${paths.length} completed, got ${completed}`);
    return world.makespanMs() / 1000;
  } finally {
    world.end();
  }
}

async function benchLong(
  folder: string,
  { name, minute, options = "", isIndexed = false }: (typeof LONG)[number],
  hours: number,
) {
  const path = join(folder, name);
  const seed = join(folder, `minute-${name}`);
  const ffmpeg = (args: string[]) => execFileSync("ffmpeg", ["-v", "error", "-y", ...args]);
  ffmpeg([...minute.split(" "), seed]);
  const loops = String(Math.round(hours * 60) - 1);
  ffmpeg(["-stream_loop", loops, "-i", seed, "-c", "copy", ...options.split(" ").filter(Boolean), path]);
  if (name.includes("8gb")) appendHole(path, 8 * 2 ** 30);
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [ONE, path], { maxBuffer: 10 * MB });
    const hidb = JSON.parse(stdout) as {
      wallMs: number;
      cpuMs: number;
      grownMb: number;
      durationS: number;
      estimated: boolean;
    };
    const ffprobe = await runFfprobe(path, "-count_packets");
    const header = await runFfprobe(path);
    return {
      file: `${name} ${(statSync(path).size / 2 ** 30).toFixed(2)} GB`,
      isIndexed,
      hidbS: hidb.wallMs / 1000,
      hidbCpuS: hidb.cpuMs / 1000,
      hidbGrownMb: hidb.grownMb,
      estimated: hidb.estimated,
      ffprobeHeaderS: header.wallS,
      ffprobeCountS: ffprobe.wallS,
      ffprobePeakMb: ffprobe.peakMb,
      wallRatio: hidb.wallMs / 1000 / ffprobe.wallS,
      durationS: hidb.durationS,
      ffprobeDurationS: ffprobe.durationS,
    };
  } finally {
    for (const one of [path, seed]) rmSync(one, { force: true });
  }
}

/** A box of nothing that takes no room on the disk. */
function appendHole(path: string, bytes: number): void {
  const at = statSync(path).size;
  const head = Buffer.alloc(16);
  head.writeUInt32BE(1);
  head.write("free", 4);
  head.writeBigUInt64BE(BigInt(bytes - at), 8);
  const handle = openSync(path, "r+");
  writeSync(handle, head, 0, head.length, at);
  ftruncateSync(handle, bytes);
}

async function runFfprobe(
  path: string,
  ...options: string[]
): Promise<{ wallS: number; peakMb: number; durationS: number }> {
  const startedAt = performance.now();
  const show = ["-show_entries", "format=duration:stream=nb_read_packets", "-of", "json"];
  const child = spawn("ffprobe", ["-v", "error", ...options, ...show, path], { stdio: ["ignore", "pipe", "ignore"] });
  let peakMb = 0;
  const timer = setInterval(() => {
    peakMb = Math.max(peakMb, peakOf(child.pid));
  }, 10);
  let output = "";
  child.stdout.on("data", (piece) => {
    output += piece;
  });
  await once(child, "close");
  clearInterval(timer);
  const said = JSON.parse(output) as { format?: { duration?: string } };
  return { wallS: (performance.now() - startedAt) / 1000, peakMb, durationS: Number(said.format?.duration) };
}

/** 0 for one that has ended meanwhile. */
function peakOf(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

if (import.meta.main) console.table(await benchProbe(Number(process.argv[2] ?? 4), process.argv.slice(3)));
