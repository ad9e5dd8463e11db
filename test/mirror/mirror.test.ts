import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../../src/database/database.js";
import { openDump, removeScratch } from "../../src/database/mirror/dump.js";
import { pullMirror } from "../../src/database/mirror/pull.js";
import { pushMirror } from "../../src/database/mirror/push.js";
import { readMirrorStatus } from "../../src/database/mirror/status.js";
import { openSqlite } from "../../src/database/sqlite.js";
import { makeFolder } from "../catalogue/world.js";
import { contentHash, observed, run, setup, startRemote, stopRemote } from "./world.js";

beforeAll(startRemote);
afterAll(stopRemote);

const PULL = { now: 1, pushed: ["films", "hidb_videos", "hidb_attempts"] };
let names = 0;
const PUSH = { uniqueId: () => `source-${++names}` };

async function fillWithEverything(remote: Database): Promise<void> {
  await run(
    remote,
    "CREATE TABLE parents (id INTEGER PRIMARY KEY, child INTEGER REFERENCES children (id) ON DELETE CASCADE)",
    "CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parents (id))",
    "PRAGMA defer_foreign_keys = on",
    "INSERT INTO children VALUES (1, 2), (5, 2)",
    "INSERT INTO parents VALUES (2, 1), (3, NULL)",
    'CREATE TABLE "odd ""name" (a, "b c" TEXT, n NUMERIC, made AS (typeof(a) || \'!\') STORED, virt AS (n + 1))',
    `INSERT INTO "odd ""name" (a, "b c", n) VALUES (9223372036854775807, 'x' || char(0) || 'y', -9223372036854775808),
       (1, '', 1.5), (1.0, 'é😀''"', 9e999), (x'', NULL, -9e999), (x'00ff41', 't123', 0.1), ('1', 'true', 1e300),
       (5e-324, '["a"]', 1.7976931348623157e308), (0.30000000000000004, char(10), 123456789012345678)`,
    "CREATE TABLE wr (a TEXT, b INTEGER, c, PRIMARY KEY (a, b)) WITHOUT ROWID",
    "INSERT INTO wr VALUES ('a', 2, 1), ('a', 10, 2.0), ('it''s', -1, x'01'), ('b' || char(0), 1, NULL)",
    "CREATE TABLE log (what)",
    "CREATE TRIGGER on_child AFTER INSERT ON children BEGIN INSERT INTO log VALUES ('child; END'); END",
    "CREATE INDEX by_parent ON children (parent) WHERE parent > 1",
    "CREATE VIEW both_of AS SELECT p.id FROM parents p JOIN children c ON c.parent = p.id",
    "CREATE VIRTUAL TABLE words USING fts5 (title, body)",
    "INSERT INTO words (rowid, title, body) VALUES (7, 'a film', 'about words'), (9, 'another', 'one')",
    "CREATE TABLE strict_one (id INTEGER PRIMARY KEY, r REAL, b BLOB, x ANY) STRICT",
    "INSERT INTO strict_one VALUES (-5, 2, x'61', '2'), (6, 2.5, x'', 2)",
  );
}

/** Kills a pull or push at every one of its calls, and goes on with it each time. */
async function killedEverywhere(work: (call: (n: number) => "before" | "after" | undefined) => Promise<unknown>) {
  for (const fault of ["before", "after"] as const) {
    for (let at = 1; at < 200; at++) {
      try {
        await work((call) => (call === at ? fault : undefined));
        break;
      } catch {
        // It is killed here; the next one goes on.
      }
    }
  }
}

describe("a pull", () => {
  it("brings every kind of table, value, index, trigger and view", async () => {
    const { remote, local } = await setup();
    await fillWithEverything(remote);
    await pullMirror(remote, local, PULL);
    expect(await contentHash(local)).toBe(await contentHash(remote));
    const found = await local.prepare("SELECT rowid FROM words WHERE words MATCH 'film'").first("rowid");
    expect(found).toBe(7);
    await pullMirror(remote, local, PULL);
    expect(await contentHash(local)).toBe(await contentHash(remote));
  });

  it("keeps random reals to the last bit", async () => {
    const { remote, local } = await setup();
    await run(
      remote,
      "CREATE TABLE films (id INTEGER PRIMARY KEY, r)",
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
       INSERT INTO films SELECT i, random() * pow(10.0, (i * 2) % 600 - 300) FROM n`,
    );
    await pullMirror(remote, local, PULL);
    expect(await contentHash(local)).toBe(await contentHash(remote));
    await run(local, "UPDATE films SET r = r / 3");
    // An infinity has no third.
    expect(await pushMirror(remote, local, PUSH)).toMatchObject({ conflicts: [], refused: [] });
    expect(await contentHash(remote)).toBe(await contentHash(local));
  });

  it("needs at most 200 requests for 100,000 rows", async () => {
    const { remote, local } = await setup();
    await run(
      remote,
      "CREATE TABLE films (id INTEGER PRIMARY KEY, title TEXT NOT NULL, seconds REAL)",
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
       INSERT INTO films SELECT i, 'The film number ' || i, i / 3.0 FROM n`,
    );
    const { database, calls } = observed(remote);
    const { rows } = await pullMirror(database, local, PULL);
    console.log(`100,000 rows: ${calls()} requests`);
    expect(rows).toBe(100_000);
    expect(calls()).toBeLessThanOrEqual(200);
    expect(await contentHash(local)).toBe(await contentHash(remote));
  });

  it("goes on where it was killed, at whatever page", async () => {
    const { remote, local } = await setup();
    await run(
      remote,
      "CREATE TABLE films (id INTEGER PRIMARY KEY, title)",
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
       INSERT INTO films SELECT i, hex(zeroblob(500)) || i FROM n`,
    );
    await killedEverywhere((faultOf) => pullMirror(observed(remote, faultOf).database, local, PULL));
    await killedEverywhere((faultOf) => pullMirror(remote, observed(local, faultOf).database, PULL));
    expect(await contentHash(local)).toBe(await contentHash(remote));
  });

  it("has a table as it was at one moment, though somebody writes to it all the while", async () => {
    const { remote, local } = await setup();
    await run(
      remote,
      "CREATE TABLE films (id INTEGER PRIMARY KEY, n)",
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO films SELECT i, 0 FROM n`,
    );
    // One row at the end goes down by what one at the beginning goes up.
    const { database } = observed(remote, (call) => {
      if (call > 2 && call < 6) {
        void run(remote, "UPDATE films SET n = n + 1 WHERE id = 1", "UPDATE films SET n = n - 1 WHERE id = 3000");
      }
      return undefined;
    });
    await pullMirror(database, local, PULL);
    expect(await local.prepare("SELECT sum(n) AS sum FROM films").first("sum")).toBe(0);
  });

  it("refuses other virtual tables, and a file that has rows of its own, by name", async () => {
    const { remote, local } = await setup();
    await run(
      remote,
      "CREATE VIRTUAL TABLE vocabulary_base USING fts5 (a)",
      "CREATE VIRTUAL TABLE vocabulary USING fts5vocab (vocabulary_base, row)",
    );
    await expect(pullMirror(remote, local, PULL)).rejects.toThrow(/table vocabulary .* fts5vocab/);
    await run(remote, "DROP TABLE vocabulary", "CREATE TABLE films (id INTEGER PRIMARY KEY)");
    await run(local, "CREATE TABLE films (id INTEGER PRIMARY KEY)", "INSERT INTO films VALUES (1)");
    await expect(pullMirror(remote, local, PULL)).rejects.toMatchObject({ code: "DATABASE_FOREIGN" });
  });

  it("takes a dump for a database", async () => {
    const { local } = await setup();
    const folder = makeFolder();
    const dump = join(folder, "dump.sql");
    writeFileSync(
      dump,
      `PRAGMA defer_foreign_keys=TRUE;\nCREATE TABLE films (id INTEGER PRIMARY KEY, t);
INSERT INTO "films" VALUES(1,'a;\nb');\nINSERT INTO "films" VALUES(2,'${"é".repeat(700_000)}');\nCREATE INDEX i ON films (t);\n`,
    );
    const from = await openDump(dump, join(folder, "scratch.sqlite"));
    await pullMirror(from, local, PULL);
    expect(await contentHash(local)).toBe(await contentHash(from));
    expect(await local.prepare("SELECT t FROM films WHERE id = 1").first("t")).toBe("a;\nb");
    await from.close();
    await removeScratch(join(folder, "scratch.sqlite"));
  });
});

async function setupFilms() {
  const world = await setup();
  await run(
    world.remote,
    "CREATE TABLE films (id INTEGER PRIMARY KEY, title, n NUMERIC UNIQUE)",
    "INSERT INTO films VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3), (4, 'four', 4)",
  );
  await pullMirror(world.remote, world.local, PULL);
  return world;
}

const CHANGES = [
  "UPDATE films SET title = 'uno' WHERE id = 1",
  "UPDATE films SET n = 9007199254740993 WHERE id = 1",
  "DELETE FROM films WHERE id = 2",
  "INSERT INTO films VALUES (7, x'00ff', 0.1), (8, 'a' || char(0) || 'b', NULL)",
  "UPDATE films SET id = 30 WHERE id = 3",
];

describe("a push", () => {
  it("takes changes, new rows and deletions to D1, once a row", async () => {
    const { remote, local } = await setupFilms();
    await run(local, ...CHANGES);
    expect(await pushMirror(remote, local, PUSH)).toMatchObject({ rows: 6, conflicts: [], refused: [] });
    expect(await contentHash(remote)).toBe(await contentHash(local));
    expect(await pushMirror(remote, local, PUSH)).toMatchObject({ rows: 0 });
  });

  it("applies nothing twice, killed at whatever request or commit", async () => {
    const { remote, local } = await setupFilms();
    await run(
      remote,
      "CREATE TABLE applied (id)",
      "CREATE TRIGGER once AFTER UPDATE ON films BEGIN INSERT INTO applied VALUES (NEW.id); END",
    );
    for (let round = 1; round <= 30; round++) {
      await run(local, `UPDATE films SET title = 'round ' || ${round} WHERE id = 4`);
      const remoteFirst = round % 2 === 0;
      const at = Math.ceil(round / 4);
      const fault = (call: number) =>
        call === at ? (round % 4 < 2 ? ("before" as const) : ("after" as const)) : undefined;
      await pushMirror(
        remoteFirst ? observed(remote, fault).database : remote,
        remoteFirst ? local : observed(local, fault).database,
        PUSH,
      ).catch(() => undefined);
      expect(await pushMirror(remote, local, PUSH)).toMatchObject({ conflicts: [], refused: [] });
      expect(await remote.prepare("SELECT count(*) AS count FROM applied").first("count")).toBe(round);
      expect(await remote.prepare("SELECT title FROM films WHERE id = 4").first("title")).toBe(`round ${round}`);
    }
  });

  it("tells of what D1 refuses and sends the rest", async () => {
    const { remote, local } = await setupFilms();
    await run(remote, "INSERT INTO films VALUES (100, 'theirs', 100)");
    await run(local, "UPDATE films SET n = 100 WHERE id = 1", "UPDATE films SET title = 'zwei' WHERE id = 2");
    const pushed = await pushMirror(remote, local, PUSH);
    expect(pushed).toMatchObject({ rows: 1, conflicts: [], refused: [{ table: "films" }] });
    expect(await remote.prepare("SELECT title FROM films WHERE id = 2").first("title")).toBe("zwei");
  });

  it("notes how an attempt ended, and no claim or release", async () => {
    const { remote, local } = await setup();
    await run(
      remote,
      `CREATE TABLE hidb_videos (video_id INTEGER PRIMARY KEY, state TEXT, attempt INTEGER, instance TEXT, claimed_at INTEGER, output TEXT)`,
      "INSERT INTO hidb_videos VALUES (1, 'pending', 0, NULL, NULL, NULL), (2, 'pending', 0, NULL, NULL, NULL)",
    );
    await pullMirror(remote, local, PULL);
    await run(local, "UPDATE hidb_videos SET state = 'running', attempt = attempt + 1, instance = 'a', claimed_at = 5");
    await run(
      local,
      "UPDATE hidb_videos SET state = 'pending', attempt = attempt - 1, instance = NULL, claimed_at = NULL WHERE video_id = 2",
    );
    expect(await readMirrorStatus(local, remote)).toMatchObject({ toPush: 0, toPull: 0 });
    await run(local, "UPDATE hidb_videos SET state = 'completed', output = '{}' WHERE video_id = 1");
    expect(await pushMirror(remote, local, PUSH)).toMatchObject({ rows: 1, conflicts: [] });
    expect(await contentHash(remote)).toBe(await contentHash(local));
  });
});

describe("a row that has changed on both sides", () => {
  async function setupConflict() {
    const world = await setupFilms();
    await run(world.local, "UPDATE films SET title = 'here' WHERE id = 1", "DELETE FROM films WHERE id = 2");
    await run(
      world.remote,
      "UPDATE films SET title = 'there' WHERE id = 1",
      "UPDATE films SET title = 'kept' WHERE id = 2",
      "INSERT INTO films VALUES (9, 'new', 9)",
    );
    return world;
  }
  const titles = async (database: Database) =>
    (await database.prepare("SELECT title FROM films WHERE id IN (1, 2, 9) ORDER BY id").all()).results.map(
      ({ title }) => title,
    );

  it("is told of with both values, and stays as it is on both", async () => {
    const { remote, local } = await setupConflict();
    expect(await readMirrorStatus(local, remote)).toMatchObject({ toPush: 2, toPull: 3, conflicts: 2 });
    const { conflicts } = await pushMirror(remote, local, PUSH);
    expect(conflicts).toMatchObject([
      { table: "films", base: ["i1", "tone", "i1"], local: ["i1", "there", "i1"], remote: ["i1", "tthere", "i1"] },
      { local: null, remote: ["i2", "tkept", "i2"] },
    ]);
    expect((await pullMirror(remote, local, PULL)).conflicts).toHaveLength(2);
    expect(await titles(remote)).toEqual(["there", "kept", "new"]);
    expect(await titles(local)).toEqual(["here", "new"]);
  });

  it.each(["push", "pull"])("becomes the preferred one on a %s", async (direction) => {
    for (const prefer of ["local", "remote"] as const) {
      const { remote, local } = await setupConflict();
      if (direction === "push") await pushMirror(remote, local, { ...PUSH, prefer });
      else await pullMirror(remote, local, { ...PULL, prefer });
      await pushMirror(remote, local, PUSH);
      await pullMirror(remote, local, PULL);
      expect(await titles(remote)).toEqual(prefer === "local" ? ["here", "new"] : ["there", "kept", "new"]);
      expect(await contentHash(local)).toBe(await contentHash(remote));
      expect(await readMirrorStatus(local, remote)).toMatchObject({ toPush: 0, toPull: 0, conflicts: 0 });
    }
  });
});

it("asks for a pull before anything else", async () => {
  const local = await openSqlite(join(makeFolder(), "empty.sqlite"), { create: true });
  await expect(readMirrorStatus(local)).rejects.toMatchObject({ code: "DATABASE_FOREIGN" });
});
