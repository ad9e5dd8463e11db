// Commands, exports and the spool lose their power: what they had said was done is there, and nothing is there by half.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { pick, randomFrom } from "../../support/random.ts";
import { House, type Settings } from "./house.ts";
import { type Cut, Recording, type Survival } from "./recording.ts";

interface Case {
  name: string;
  /** What is there before. */
  prepare(house: House): Promise<void>;
  args(house: House): string[];
  settings?: Settings;
  /** Throws when the image is not as it may be; `done`: the command had ended well before the cut. */
  judge(image: Image): void | Promise<void>;
  /** Brings the image to its end: the command given again. */
  again?: boolean;
}

interface Image {
  folder: string;
  done: boolean;
  house: House;
  /** What the whole run has left. */
  whole: string;
}

const VIDEOS = 30;
const MORE = 2000;

export const CASES: Case[] = [
  {
    name: "add, the first one",
    prepare: async () => {},
    args: (house) => ["add", house.list(MORE)],
    judge: ({ folder, done }) => expectVideos(folder, done, 0, MORE),
    again: true,
  },
  {
    name: "add beside a pool that has the database open",
    prepare: async (house) => house.fill(VIDEOS),
    args: (house) => ["add", house.list(MORE, 1, "more.csv")],
    judge: ({ folder, done }) => expectVideos(folder, done, VIDEOS, VIDEOS + MORE),
    again: true,
  },
  {
    name: "migrate",
    prepare: async () => {},
    args: () => ["migrate"],
    judge: ({ folder, done }) => expectVideos(folder, done, 0, 0),
    again: true,
  },
  {
    name: "mirror pull",
    prepare: async (house) => writeFileSync(join(house.root, "..", "dump.sql"), DUMP),
    args: (house) => ["mirror", "pull", "--from", join(house.root, "..", "dump.sql")],
    settings: { HIDB_CATALOGUE_TABLE: "films", HIDB_CATALOGUE_SOURCE: "title" },
    judge: ({ folder, done }) => expectFilms(folder, done),
    again: true,
  },
  {
    name: "export",
    prepare: async (house) => house.fill(MORE),
    args: (house) => ["export", "--format", "csv", "--out", join(house.root, "out.csv")],
    judge: ({ folder, done, whole }) => expectExport(folder, done, whole, []),
  },
  {
    name: "export --force",
    prepare: async (house) => {
      await house.fill(MORE);
      writeFileSync(join(house.root, "out.csv"), "old\n");
    },
    args: (house) => ["export", "--format", "csv", "--force", "--out", join(house.root, "out.csv")],
    judge: ({ folder, done, whole }) => expectExport(folder, done, whole, ["old\n"]),
  },
];

const FILMS = 3000;
const DUMP = `CREATE TABLE films (id INTEGER PRIMARY KEY, title TEXT);\n${Array.from(
  { length: FILMS },
  (_, at) => `INSERT INTO films VALUES (${at + 1}, 'film ${at}');\n`,
).join("")}`;

const SURVIVALS: Survival[] = ["nothing", "nothing", "some", "torn", "everything"];

export interface FileCutFigures {
  name: string;
  cuts: number;
  entries: number;
  /** How many images had the whole outcome. */
  whole: number;
}

/** `cuts`: how many moments; one of them always the end, just after the command has said that it is done. */
export async function cutCommand(
  one: Case,
  { seed, cuts, revivals }: { seed: number; cuts: number; revivals: number },
): Promise<FileCutFigures> {
  const house = new House();
  try {
    await one.prepare(house);
    // Before the holder: to read a file is to close it, and that would give away the holder's locks.
    const recording = new Recording(house.root);
    // A pool that has the database open: else the command's end is the last one's, which syncs everything anyway.
    const holder = existsSync(house.file) ? new BetterSqlite3(house.file) : undefined;
    holder?.prepare("SELECT count(*) FROM sqlite_schema").get();
    if (holder !== undefined) recording.include(`${house.file}-wal`);
    const settings = one.settings ?? {};
    const answer = await house.hidb(one.args(house), { settings, env: house.disk.env({ record: true }) });
    if (answer.code !== 0) throw new Error(`expected exit code 0, got ${answer.code} and ${answer.stderr}`);
    const end = recording.read(house.disk.recordFile).entries.length;
    holder?.close();
    const random = randomFrom(seed);
    let whole = 0;
    for (let cut = 1; cut <= cuts; cut++) {
      const at = cut % 5 === 0 ? end : Math.floor(random() * (end + 1));
      const chosen: Cut = { at, survival: pick(random, SURVIVALS), names: pick(random, ["posix", "journal"]), random };
      const folder = house.imageFolder();
      try {
        recording.cut(chosen, folder);
        const done = at === end;
        await one.judge({ folder, done, house, whole: house.root });
        if (done) whole++;
        if (one.again && cut <= revivals) await repeat(one, house, folder, settings);
      } catch (error) {
        const where = `cut ${cut} of seed ${seed}, after entry ${at} of ${end}, ${chosen.survival} unsynced survives, names by ${chosen.names}`;
        throw new Error(`${one.name}: ${where}: ${error instanceof Error ? error.message : error}`, { cause: error });
      }
      rmSync(folder, { recursive: true });
    }
    return { name: one.name, cuts, entries: end, whole };
  } finally {
    await house.end();
  }
}

async function repeat(one: Case, house: House, at: string, settings: Settings): Promise<void> {
  const { code, stderr } = await house.hidb(one.args(house), { settings, at });
  if (code !== 0) throw new Error(`expected the same command to succeed afterwards, got ${code} and ${stderr}`);
  await one.judge({ folder: at, done: true, house, whole: house.root });
}

function expectVideos(folder: string, done: boolean, before: number, after: number): void {
  const counts = look(folder, done, (database) => {
    const count = (table: string) => count1(database, table);
    return [count("videos"), count("hidb_videos")];
  });
  if (counts === undefined) return;
  const [videos, states] = counts;
  const may = done ? [after] : [0, before, after];
  if (videos !== states || !may.includes(videos ?? -1)) {
    throw new Error(`expected ${may.join(" or ")} videos and as many states, got ${counts.join(" and ")}`);
  }
}

function expectFilms(folder: string, done: boolean): void {
  const films = look(folder, done, (database) => count1(database, "films")) ?? 0;
  if (films !== FILMS && (done || films !== 0)) throw new Error(`expected all films or none, got ${films}`);
}

function count1(database: BetterSqlite3.Database, table: string): number {
  const there = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?").get(table) !== undefined;
  return there ? (database.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get() ?? 0) : 0;
}

/** Undefined where there is no database (yet). */
function look<T>(folder: string, done: boolean, read: (database: BetterSqlite3.Database) => T): T | undefined {
  const file = join(folder, "hidb.sqlite");
  if (!existsSync(file)) {
    if (done) throw new Error(`expected a database, got ${readdirSync(folder).join(", ") || "nothing"}`);
    return undefined;
  }
  const database = new BetterSqlite3(file);
  try {
    const [finding] = database.pragma("integrity_check") as { integrity_check: string }[];
    if (finding?.integrity_check !== "ok")
      throw new Error(`expected a sound database, got ${finding?.integrity_check}`);
    return read(database);
  } finally {
    database.close();
  }
}

function expectExport(folder: string, done: boolean, whole: string, old: string[]): void {
  const file = join(folder, "out.csv");
  const complete = readFileSync(join(whole, "out.csv"), "utf8");
  const found = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  if (found === complete) return;
  if (done)
    throw new Error(`expected the whole export, got ${found?.length ?? "no file"} of ${complete.length} characters`);
  if (found === undefined ? old.length === 0 : old.includes(found)) return;
  throw new Error(
    `expected the export, what was there before or nothing, got ${found?.length ?? "no file"} characters`,
  );
}
