// A pool loses its power: at any moment of its work, with any part of what was not synced on the disk. What it had told
// before must be there but for the promised window, nothing may be half there, and a new life does the rest.
import { rmSync } from "node:fs";
import BetterSqlite3 from "better-sqlite3";
import { pick, randomFrom } from "../../support/random.ts";
import { House, type Settings } from "./house.ts";
import { type Cut, type Entry, Recording, type Survival } from "./recording.ts";

/** What `normal` promises: a second until the sync, and what the sync and a busy machine take. */
export const WINDOW_MS = 1000;
const SLACK_MS = 1500;

export interface PoolCut {
  seed: number;
  cuts: number;
  /** After so many of the cuts a new pool works on the image until all is done. */
  revivals: number;
  synchronous: "normal" | "full";
  strict: boolean;
  videos: number;
  /** How long each is worked on. */
  videoMs: number;
  instances: number;
}

export interface PoolCutFigures {
  cuts: number;
  /** Of how many cuts something told was undone. */
  undone: number;
  /** The most videos, and the oldest of them in milliseconds before the cut. */
  mostVideos: number;
  oldestMs: number;
  syncs: number;
  revived: number;
}

interface Told {
  at: number;
  video: number;
  time: number;
}

const SURVIVALS: Survival[] = ["nothing", "some", "torn", "torn", "everything"];

export async function cutPool(options: PoolCut): Promise<PoolCutFigures> {
  const house = new House();
  try {
    const { recording, told } = await recordPool(house, options);
    const random = randomFrom(options.seed);
    const figures = { cuts: 0, undone: 0, mostVideos: 0, oldestMs: 0, revived: 0 };
    const syncs = recording.entries.filter(({ type }) => type === "sync").length;
    const first = told[0]?.at ?? 0;
    for (let cut = 1; cut <= options.cuts; cut++) {
      const at = first + Math.floor(random() * (recording.entries.length - first)) + 1;
      const chosen: Cut = { at, survival: pick(random, SURVIVALS), names: pick(random, ["posix", "journal"]), random };
      const image = house.imageFolder();
      const say = `cut ${cut} of seed ${options.seed} (${options.synchronous}, strict ${options.strict}): after entry ${at}, ${chosen.survival} unsynced survives, names by ${chosen.names}`;
      try {
        recording.cut(chosen, image);
        const lost = judgeImage(
          image,
          told.filter((one) => one.at < at),
          options,
        );
        const oldestMs =
          lost.length === 0 ? 0 : (recording.entries[at - 1] as Entry).time - Math.min(...lost.map(({ time }) => time));
        figures.cuts++;
        if (lost.length > 0) figures.undone++;
        figures.mostVideos = Math.max(figures.mostVideos, lost.length);
        figures.oldestMs = Math.max(figures.oldestMs, Math.round(oldestMs));
        const allowedMs = options.synchronous === "full" ? 0 : WINDOW_MS + SLACK_MS;
        if (oldestMs > allowedMs) {
          throw new Error(
            `expected nothing undone that is older than ${allowedMs} ms, got ${lost.length} videos, the oldest of ${Math.round(oldestMs)} ms`,
          );
        }
        if (options.synchronous === "full" && lost.length > 0)
          throw new Error(`expected nothing undone, got ${JSON.stringify(lost)}`);
        if (cut <= options.revivals) {
          await revive(house, image, options);
          figures.revived++;
        }
      } catch (error) {
        throw new Error(`${say}: ${error instanceof Error ? error.message : error}`, { cause: error });
      }
      rmSync(image, { recursive: true });
    }
    return { ...figures, syncs };
  } finally {
    await house.end();
  }
}

function settingsOf({ synchronous, strict, videoMs }: PoolCut): Settings {
  const factor = String(videoMs / 1000);
  return {
    HIDB_SYNCHRONOUS: synchronous,
    HIDB_STRICT: strict ? "1" : "0",
    HIDB_REHEARSE_FACTOR: factor,
    HIDB_STAGGER_MS: "0",
  };
}

async function recordPool(house: House, options: PoolCut): Promise<{ recording: Recording; told: Told[] }> {
  await house.fill(options.videos);
  const recording = new Recording(house.root);
  const env = house.disk.env({ record: true });
  const settings = { ...settingsOf(options), HIDB_JOURNAL: house.journal };
  const running = Array.from({ length: options.instances }, (_, at) =>
    house.spawn("instance", [], { settings: { ...settings, NODE_APP_INSTANCE: String(at) }, env }),
  );
  // Before this process looks: a log file that it made would be in no record.
  await house.until("all to work", () => running.every(({ said }) => said.stdout.includes(" works on ")));
  const { videos, videoMs, instances } = options;
  await house.until(
    "all to be completed",
    () => house.completed() === videos,
    20_000 + (3 * videos * videoMs) / instances,
  );
  // A last second of nothing but heartbeats, then an end without a goodbye: goodbyes sync.
  await new Promise((resolve) => setTimeout(resolve, 200));
  for (const { child } of running) child.kill("SIGKILL");
  for (const { ended } of running) await ended;
  recording.read(house.disk.recordFile);
  return { recording, told: whatWasTold(recording) };
}

/** A line of the journal is written when the settlement is committed: from then on the world may count on it. */
export function whatWasTold({ entries }: Recording): Told[] {
  const journal = entries.find(({ type, paths }) => type === "create" && paths[0]?.endsWith("journal.ndjson"))?.file;
  return entries.flatMap(({ type, file, data, time }, at) => {
    if (type !== "write" || file !== journal) return [];
    const line = JSON.parse(data.toString()) as { event: string; video: number; outcome?: string };
    return line.event === "settle" && line.outcome === "completed" ? [{ at, video: line.video, time }] : [];
  });
}

/** What was told and is not there. */
function judgeImage(image: string, told: Told[], { videos }: PoolCut): Told[] {
  const database = new BetterSqlite3(`${image}/hidb.sqlite`);
  try {
    const [sound] = database.pragma("integrity_check", { simple: false }) as { integrity_check: string }[];
    if (sound?.integrity_check !== "ok") throw new Error(`expected a sound database, got ${sound?.integrity_check}`);
    const rows = database
      .prepare<[], { id: number; state: string; whole: number }>(
        `SELECT video_id AS id, state, (state = 'completed') = (finished_at IS NOT NULL) AND (state = 'completed') = (output IS NOT NULL) AS whole
           FROM hidb_videos`,
      )
      .all();
    if (rows.length !== videos) throw new Error(`expected ${videos} videos, got ${rows.length}`);
    const half = rows.find(({ whole }) => !whole);
    if (half !== undefined) throw new Error(`expected no half row, got ${JSON.stringify(half)}`);
    const completed = new Set(rows.filter(({ state }) => state === "completed").map(({ id }) => id));
    return told.filter(({ video }) => !completed.has(video));
  } finally {
    database.close();
  }
}

/** The machine is back: everything ends, and every video is accounted for. */
async function revive(house: House, image: string, options: PoolCut): Promise<void> {
  // As after a reboot, though this machine has had none: all processes of before are gone.
  const settings = { ...settingsOf(options), HIDB_REHEARSE_FACTOR: "0" };
  const running = house.spawn("instance", [], { settings, at: image });
  try {
    await house.until("all to be completed on the image", () => {
      return running.said.stdout.includes(" works on ") && house.completed(image) === options.videos;
    });
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}; it said ${running.said.stderr}`, {
      cause: error,
    });
  }
  const { code, stderr } = await house.stop(running);
  if (code !== 0 || stderr !== "") throw new Error(`expected a quiet end, got ${code} and ${stderr}`);
  const verified = await house.hidb(["verify"], { at: image });
  if (verified.code !== 0)
    throw new Error(`expected hidb verify to be content, got ${verified.stdout}${verified.stderr}`);
}
