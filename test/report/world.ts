// A database with videos in given states, and a pool of instances that live, are dead or have left.
import { join } from "node:path";
import type { Database } from "../../src/database/database.js";
import type { JournalLine } from "../../src/report/journal.js";
import { verifyJournal } from "../../src/report/journal-check.js";
import type { IsDead } from "../../src/report/status.js";
import { verifyDatabase } from "../../src/report/verify.js";
import type { State } from "../../src/video.js";
import { makeDatabase, makeFile, makeFolder, OWN_CATALOGUE } from "../catalogue/world.js";

export const NOW = 1_000_000;

export interface VideoParts {
  id: number;
  state?: State;
  attempt?: number;
  deaths?: number;
  instance?: string | null;
  error?: string | null;
  output?: string | null;
  finishedAt?: number | null;
  /** Rows of hidb_attempts, oldest first, as `1 retry`. */
  attempts?: string[];
}

export interface InstanceParts {
  id: string;
  state?: "starting" | "working" | "draining" | "gone";
  processId?: number;
  leaseUntil?: number;
  startedAt?: number;
  inHand?: number;
}

export async function setup({
  videos = [],
  instances = [],
}: {
  videos?: VideoParts[];
  instances?: InstanceParts[];
} = {}) {
  const database = await makeDatabase();
  for (const video of videos) await addVideo(database, video);
  for (const instance of instances) await addInstance(database, instance);
  return { database, catalogue: OWN_CATALOGUE };
}

async function addVideo(database: Database, parts: VideoParts): Promise<void> {
  const { id, state = "pending", deaths = 0, attempts = [] } = parts;
  const open = state === "pending" || state === "running";
  const { attempt = state === "pending" ? 0 : 1, instance = state === "pending" ? null : "a" } = parts;
  const { finishedAt = open ? null : NOW, error = null, output = null } = parts;
  const claimedAt = instance === null ? null : NOW - 10;
  await database.batch([
    database.prepare("INSERT INTO videos (id, source) VALUES (?, ?)").bind(id, `x://${id}`),
    database
      .prepare(
        `INSERT INTO hidb_videos (video_id, state, attempt, deaths, instance, claimed_at, finished_at, error, output)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .bind(id, state, attempt, deaths, instance, claimedAt, finishedAt, error, output),
    ...attempts.map((one) => {
      const [number, outcome] = one.split(" ");
      return database
        .prepare(
          "INSERT INTO hidb_attempts (video_id, attempt, instance, outcome, reason, claimed_at, ended_at) VALUES (?, ?, 'a', ?, 'why', 1, 2)",
        )
        .bind(id, Number(number), outcome);
    }),
  ]);
}

async function addInstance(database: Database, parts: InstanceParts): Promise<void> {
  const { id, state = "working", processId = 0, leaseUntil = NOW + 1000, startedAt = NOW - 30_000, inHand = 0 } = parts;
  await database
    .prepare(
      `INSERT INTO hidb_instances (id, host, boot, pid, pid_started_at, process_id, state, started_at, lease_until, gone_at, in_hand)
       VALUES (?, 'host', 'boot', 1, '1', ?, ?, ?, ?, ?, ?)`,
    )
    .bind(id, processId, state, startedAt, leaseUntil, state === "gone" ? NOW : null, inHand)
    .run();
}

/** In these worlds an instance is dead if its name says so. */
export const isDead: IsDead = (instance) => instance.id.startsWith("dead");

/** The rules that are broken, as `rule video`. */
export async function findProblems(database: Database, catalogue = OWN_CATALOGUE): Promise<string[]> {
  const { problems } = await verifyDatabase(database, { catalogue, now: NOW, isDead });
  return problems.map(({ rule, video }) => `${rule} ${video}`);
}

/** `time event video attempt instance outcome?`, for example `10 claim 1 1 a`. */
export async function judgeJournal(database: Database, lines: string[]): Promise<string[]> {
  const text = lines.map((line) => {
    const [time, event, video, attempt, instance, outcome] = line.split(" ");
    const parts = {
      time: Number(time),
      event,
      video: Number(video),
      attempt: Number(attempt),
      instance,
      pid: 1,
      rank: 0,
    };
    return JSON.stringify({ ...parts, ...(outcome === undefined ? {} : { outcome }) } as JournalLine);
  });
  const file = makeFile(makeFolder(), join("logs", "journal.ndjson"), `${text.join("\n")}\n`);
  return (await verifyJournal(database, file)).map(({ rule, video }) => `${rule} ${video}`);
}
