// The commands whose every operation is made to fail, and what each of them begins with.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import type { Place } from "./place.ts";

export interface Command {
  name: string;
  args: string[];
  env?: Record<string, string>;
  /** Fills the folder that every case begins as a copy of. */
  prepare: (place: Place) => Promise<void> | void;
  /** It works on D1, or on D1 and on the local file. */
  remote?: "D1" | "both";
  /** The file it writes: after any end it is what it was, or all of what it shall be. */
  out?: string;
}

const MIGRATIONS = resolve(import.meta.dirname, "../../../data/migrations");
export const SHORT_LIST = ["source,title,duration_s", "/one.mp4,One,1.5", "/two.mp4,,2", "/three.mp4,Three,"].join(
  "\n",
);
/** More than one text of a statement holds (`splitIntoTexts`). */
const LONG_LIST = `source\n${Array.from({ length: 400 }, (_, at) => `/${"long/".repeat(300)}${at}.mp4`).join("\n")}`;

/** By the first migrations only, with videos of that time. */
function makeOld({ file }: Place): void {
  const database = new BetterSqlite3(file);
  database.pragma("journal_mode = WAL");
  database.exec(
    `CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE,
       applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`,
  );
  for (const name of readdirSync(MIGRATIONS).sort().slice(0, 2)) {
    database.exec(readFileSync(join(MIGRATIONS, name), "utf8"));
    database.prepare("INSERT INTO d1_migrations (name) VALUES (?)").run(name);
  }
  database.exec(`INSERT INTO videos (source) VALUES ('/old-1.mp4'), ('/old-2.mp4');
    INSERT INTO hidb_videos (video_id) SELECT id FROM videos;
    UPDATE hidb_videos SET state = 'completed', attempt = 1, instance = 'a', claimed_at = 1, finished_at = 2 WHERE video_id = 1`);
  database.close();
}

const DUMP = `PRAGMA defer_foreign_keys=TRUE;
CREATE TABLE films (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT, length REAL);
INSERT INTO "films" VALUES(1,'one',1.5);
INSERT INTO "films" VALUES(2,'it''s two',NULL);
CREATE TABLE tags (film INTEGER REFERENCES films (id), tag TEXT, PRIMARY KEY (film, tag));
INSERT INTO "tags" VALUES(1,'short');
CREATE INDEX by_title ON films (title);
CREATE TRIGGER renamed AFTER UPDATE ON films BEGIN UPDATE tags SET tag = 'new' WHERE film = NEW.id; END;
`;
export const FILMS = {
  HIDB_CATALOGUE_TABLE: "films",
  HIDB_CATALOGUE_SOURCE: "title",
  HIDB_CATALOGUE_DURATION: "length",
};

const worked = (place: Place) => place.fillWorked();
const withOut = (out: string) => async (place: Place) => {
  await worked(place);
  writeFileSync(join(place.folder, out), "of yesterday\n");
};

export const COMMANDS: Command[] = [
  { name: "migrate", args: ["migrate"], prepare: () => undefined },
  { name: "migrate an old database", args: ["migrate"], prepare: makeOld },
  {
    name: "add",
    args: ["add", "list.csv"],
    prepare: ({ folder }) => writeFileSync(join(folder, "list.csv"), SHORT_LIST),
  },
  {
    name: "add to others",
    args: ["add", "list.csv", "--json"],
    prepare: async (place) => {
      await worked(place);
      writeFileSync(join(place.folder, "list.csv"), `${SHORT_LIST}\n/videos/1.mp4,known,1`);
    },
  },
  {
    name: "add much",
    args: ["add", "list.csv"],
    prepare: async (place) => {
      await worked(place);
      writeFileSync(join(place.folder, "list.csv"), LONG_LIST);
    },
  },
  ...["ndjson", "csv", "json", "joblog", "html"].flatMap((format): Command[] => [
    { name: `export ${format}`, args: ["export", "--format", format, "--out", "out"], prepare: worked, out: "out" },
    {
      name: `export ${format} over a file`,
      args: ["export", "--format", format, "--out", "out", "--force"],
      prepare: withOut("out"),
      out: "out",
    },
    { name: `export ${format} to stdout`, args: ["export", "--format", format], prepare: worked },
  ]),
  { name: "retry", args: ["retry", "--failed", "--completed"], prepare: worked },
  { name: "retry some", args: ["retry", "1", "2", "3", "--completed", "--json"], prepare: worked },
  { name: "cancel", args: ["cancel", "13", "14"], prepare: worked },
  { name: "pause", args: ["pause", "--for", "2h", "--reason", "a new disk"], prepare: worked },
  {
    name: "resume",
    args: ["resume"],
    prepare: async (place) => {
      await worked(place);
      await place.hidb("pause");
    },
  },
  { name: "drain", args: ["drain"], prepare: worked },
  { name: "batches", args: ["batches", "create", "--count", "3", "--replace"], prepare: worked },
  {
    name: "mirror pull from a dump",
    args: ["mirror", "pull", "--from", "dump.sql"],
    env: FILMS,
    prepare: ({ folder }) => writeFileSync(join(folder, "dump.sql"), DUMP),
  },
  {
    name: "mirror pull once more",
    args: ["mirror", "pull", "--from", "dump.sql"],
    env: FILMS,
    prepare: async (place) => {
      writeFileSync(join(place.folder, "dump.sql"), DUMP);
      await place.hidb("mirror", "pull", "--from", "dump.sql");
      const database = new BetterSqlite3(place.file);
      database.exec("UPDATE films SET title = 'here' WHERE id = 1; INSERT INTO films (title) VALUES ('mine')");
      database.close();
      writeFileSync(join(place.folder, "dump.sql"), `${DUMP}UPDATE films SET length = 7 WHERE id = 2;\n`);
    },
  },
];
