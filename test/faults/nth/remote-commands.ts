// The commands that ask D1: every request is cut off, refused or the last one, before D1 has seen it and after.
import { writeFileSync } from "node:fs";
import BetterSqlite3 from "better-sqlite3";
import { type Command, FILMS, SHORT_LIST } from "./commands.ts";
import type { Place } from "./place.ts";

const ON_D1 = { HIDB_DATABASE: "d1" };

/** Videos that have ended in most ways. */
async function makeWorked(place: Place): Promise<void> {
  await place.fill(8);
  await place.lane.distant?.run(
    "UPDATE hidb_videos SET state = 'completed', attempt = 1, instance = 'a', claimed_at = 1, finished_at = 2 WHERE video_id <= 3",
    `UPDATE hidb_videos SET state = 'failed', attempt = 1, instance = 'a', claimed_at = 1, finished_at = 2, error = 'broken'
      WHERE video_id BETWEEN 4 AND 5`,
    `INSERT INTO hidb_attempts (video_id, attempt, instance, outcome, reason, claimed_at, ended_at)
     SELECT video_id, 1, 'a', 'failed', 'broken', 1, 2 FROM hidb_videos WHERE state = 'failed'`,
  );
}

const FILMS_THERE = [
  "CREATE TABLE films (id INTEGER PRIMARY KEY, title TEXT, length REAL)",
  `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 450)
   INSERT INTO films SELECT i, 'film ' || i, i / 2.0 FROM n`,
  "CREATE INDEX by_title ON films (title)",
  "CREATE TABLE tags (film INTEGER, tag TEXT, PRIMARY KEY (film, tag))",
  "INSERT INTO tags VALUES (1, 'short'), (2, 'long')",
];

async function makePulled(place: Place): Promise<void> {
  await place.lane.distant?.run(...FILMS_THERE);
  await place.hidb("mirror", "pull");
}

function changeHere({ file }: Place, sql: string): void {
  const database = new BetterSqlite3(file);
  database.exec(sql);
  database.close();
}

export const REMOTE_COMMANDS: Command[] = [
  { name: "migrate on D1", args: ["migrate"], remote: "D1", env: ON_D1, prepare: () => undefined },
  {
    name: "add on D1",
    args: ["add", "list.csv"],
    remote: "D1",
    env: ON_D1,
    prepare: async (place) => {
      await place.hidb("migrate");
      writeFileSync(place.path("list.csv"), SHORT_LIST);
    },
  },
  {
    name: "export on D1",
    args: ["export", "--format", "json", "--out", "out"],
    remote: "D1",
    env: ON_D1,
    prepare: makeWorked,
    out: "out",
  },
  { name: "retry on D1", args: ["retry", "--failed"], remote: "D1", env: ON_D1, prepare: makeWorked },
  { name: "cancel on D1", args: ["cancel", "7", "8"], remote: "D1", env: ON_D1, prepare: makeWorked },
  {
    name: "mirror pull",
    args: ["mirror", "pull"],
    remote: "both",
    env: FILMS,
    prepare: async ({ lane }) => lane.distant?.run(...FILMS_THERE),
  },
  {
    name: "mirror pull of changes",
    args: ["mirror", "pull"],
    remote: "both",
    env: FILMS,
    prepare: async (place) => {
      await makePulled(place);
      changeHere(place, "UPDATE films SET title = 'here' WHERE id = 7; INSERT INTO films (title) VALUES ('mine')");
      await place.lane.distant?.run("UPDATE films SET title = 'there' WHERE id = 9", "DELETE FROM tags WHERE film = 2");
    },
  },
  {
    name: "mirror push",
    args: ["mirror", "push"],
    remote: "both",
    env: FILMS,
    prepare: async (place) => {
      await makePulled(place);
      changeHere(
        place,
        `UPDATE films SET title = title || '!' WHERE id BETWEEN 10 AND 150; DELETE FROM films WHERE id = 3;
         INSERT INTO films (title) VALUES ('mine'); DELETE FROM tags WHERE film = 1`,
      );
      // What is applied twice stands there twice.
      await place.lane.distant?.run(
        "CREATE TABLE applied (id, title)",
        "CREATE TRIGGER once AFTER UPDATE ON films BEGIN INSERT INTO applied VALUES (NEW.id, NEW.title); END",
      );
    },
  },
];
