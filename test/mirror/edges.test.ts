// Where a mirror would lose something quietly: what triggers, foreign keys, other pushes and pulls do in between.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Database } from "../../src/database/database.js";
import { openDump } from "../../src/database/mirror/dump.js";
import { pullMirror } from "../../src/database/mirror/pull.js";
import { pushMirror } from "../../src/database/mirror/push.js";
import { readMirrorStatus } from "../../src/database/mirror/status.js";
import { makeFolder } from "../catalogue/world.js";
import { contentHash, observed, run, setup, startRemote, stopRemote } from "./world.js";

beforeAll(startRemote);
afterAll(stopRemote);

const PULL = { now: 1, pushed: ["films", "parts", "hidb_videos"] };
let names = 0;
const PUSH = { uniqueId: () => `edge-${++names}` };
const FILMS = "CREATE TABLE films (id INTEGER PRIMARY KEY, title)";

function insertFilms(count: number): string {
  return `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    INSERT INTO films SELECT i, 'film ' || i FROM n`;
}

/** Pushes in a handful of requests, whatever happens: nothing may be asked for over and over again. */
async function push(remote: Database, local: Database) {
  const { database } = observed(remote, (call) => (call > 30 ? "before" : undefined));
  return pushMirror(database, local, PUSH);
}

async function setupPulled(...statements: string[]) {
  const world = await setup();
  await run(world.remote, ...statements);
  await pullMirror(world.remote, world.local, PULL);
  return world;
}

async function expectSame({ remote, local }: { remote: Database; local: Database }): Promise<void> {
  expect(await contentHash(local)).toBe(await contentHash(remote));
}

describe("a pull", () => {
  it("reads again what an earlier one has left behind before a push", async () => {
    const world = await setupPulled(FILMS, insertFilms(3000));
    const { remote, local } = world;
    const counting = observed(remote);
    await pullMirror(counting.database, local, { ...PULL, dryRun: true });
    await run(local, "UPDATE films SET title = 'done' WHERE id = 1");
    await push(remote, local);
    await pullMirror(remote, local, PULL);
    expect(await local.prepare("SELECT title FROM films WHERE id = 1").first("title")).toBe("done");
    await expectSame(world);
  });

  it("reads again what has changed in D1 since an earlier one was killed", async () => {
    const world = await setupPulled(FILMS, insertFilms(3000), "CREATE TABLE parts (id INTEGER PRIMARY KEY)");
    const { remote, local } = world;
    const whole = observed(remote);
    await pullMirror(whole.database, local, PULL);
    const killed = observed(remote, (call) => (call === whole.calls() ? "before" : undefined));
    await expect(pullMirror(killed.database, local, PULL)).rejects.toThrow();
    await run(remote, "UPDATE films SET title = 'later' WHERE id IN (1, 2999)", "INSERT INTO parts VALUES (1)");
    await pullMirror(remote, local, PULL);
    await expectSame(world);
  });

  it("gives up when a push of the same file comes in between, and nothing pushed is undone", async () => {
    const { remote, local } = await setupPulled(FILMS, insertFilms(3000));
    for (const at of [2, 4, 6]) {
      let pushing: Promise<unknown> = Promise.resolve();
      const { database } = observed(remote, (call) => {
        if (call === at) {
          pushing = run(local, `UPDATE films SET title = 'done ${at}' WHERE id <= ${at}`).then(() =>
            push(remote, local),
          );
        }
        return undefined;
      });
      await pullMirror(database, local, PULL).catch((error: unknown) =>
        expect(error).toMatchObject({ code: "DATABASE_LOCKED" }),
      );
      await pushing;
      const done = await local.prepare("SELECT count(*) AS n FROM films WHERE title = ?").bind(`done ${at}`).first("n");
      expect(done).toBe(at);
    }
    await pullMirror(remote, local, PULL);
    await expectSame({ remote, local });
  });

  it("knows how far AUTOINCREMENT has counted", async () => {
    const { local } = await setupPulled(
      "CREATE TABLE films (id INTEGER PRIMARY KEY AUTOINCREMENT, title)",
      "INSERT INTO films (title) VALUES ('a'), ('b'), ('c')",
      "DELETE FROM films WHERE id > 1",
    );
    await run(local, "INSERT INTO films (title) VALUES ('d')");
    expect(await local.prepare("SELECT max(id) AS id FROM films").first("id")).toBe(4);
  });

  it("drops tables and views that D1 has no more, but none with changes that are not pushed", async () => {
    const world = await setupPulled(
      FILMS,
      "CREATE TABLE parts (id INTEGER PRIMARY KEY)",
      "CREATE TABLE other (a)",
      "CREATE VIEW some AS SELECT 1 AS one",
    );
    const { remote, local } = world;
    await run(remote, "DROP TABLE other", "DROP VIEW some", "DROP TABLE parts");
    await run(local, "INSERT INTO parts VALUES (5)");
    await pullMirror(remote, local, PULL);
    const left = await local.prepare("SELECT name FROM sqlite_schema WHERE name IN ('other', 'some', 'parts')").raw();
    expect(left).toEqual([["parts"]]);
  });

  it("takes rows of more than a parameter can hold", async () => {
    const { remote, local } = await setupPulled(FILMS, "INSERT INTO films VALUES (1, zeroblob(1500000)), (2, 'x')");
    const look = "SELECT id, typeof(title), length(title), hex(substr(title, -5)) FROM films";
    expect(await local.prepare(look).raw()).toEqual(await remote.prepare(look).raw());
    await run(local, "UPDATE films SET title = hex(zeroblob(900000)) || '😀' || id");
    expect(await push(remote, local)).toMatchObject({ rows: 2, conflicts: [], refused: [] });
    expect(await remote.prepare(look).raw()).toEqual(await local.prepare(look).raw());
  });
});

describe("a dump", () => {
  it("is whole, wherever the pieces break in which it is read", async () => {
    const folder = makeFolder();
    const trigger = "CREATE TRIGGER t AFTER INSERT ON films BEGIN UPDATE films SET t = 'x'; DELETE FROM films; END;";
    const head = "CREATE TABLE films (id INTEGER PRIMARY KEY, t);\nINSERT INTO films VALUES (1, 'a\0b'), (2, '";
    for (const cut of [
      trigger.indexOf("; DELETE") + 1,
      trigger.indexOf("'x'") + 2,
      trigger.length,
      trigger.length + 4,
    ]) {
      const padding = "y".repeat(2 ** 20 - head.length - "');\n".length - cut);
      writeFileSync(join(folder, "dump.sql"), `${head}${padding}');\n${trigger}\n-- the end`);
      const database = await openDump(join(folder, "dump.sql"), join(folder, "scratch.sqlite"));
      expect(await database.prepare("SELECT hex(t) FROM films WHERE id = 1").raw()).toEqual([["610062"]]);
      expect(await database.prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger'").raw()).toEqual([
        [trigger.slice(0, -1)],
      ]);
      await database.close();
    }
  });
});

describe("a table that has other columns in D1 now", () => {
  it("is pulled once local changes are pushed or given up, and loses no value of either side", async () => {
    const world = await setupPulled(FILMS, insertFilms(2));
    const { remote, local } = world;
    await run(local, "UPDATE films SET title = 'mine' WHERE id = 1");
    await run(remote, "ALTER TABLE films ADD COLUMN extra DEFAULT 5");
    await expect(pullMirror(remote, local, PULL)).rejects.toMatchObject({ code: "DATABASE_FOREIGN" });
    expect(await push(remote, local)).toMatchObject({ rows: 1, conflicts: [] });
    await pullMirror(remote, local, PULL);
    expect(await local.prepare("SELECT title, extra FROM films WHERE id = 1").raw()).toEqual([["mine", 5]]);
    await expectSame(world);

    await run(local, "UPDATE films SET title = 'again' WHERE id = 1");
    await run(remote, "ALTER TABLE films DROP COLUMN title");
    await expect(push(remote, local)).rejects.toThrow(/table films of D1 to have the columns/);
    await pullMirror(remote, local, { ...PULL, prefer: "remote" });
    await expectSame(world);
  });
});

describe("a push", () => {
  it("takes rows in whatever order they lead to one another", async () => {
    const world = await setupPulled(
      FILMS,
      "CREATE TABLE parts (id INTEGER PRIMARY KEY, film REFERENCES films (id))",
      insertFilms(1),
      "INSERT INTO parts VALUES (1, 1)",
    );
    const { remote, local } = world;
    await run(local, "UPDATE parts SET film = NULL", "INSERT INTO films VALUES (2, 'b')", "UPDATE parts SET film = 2");
    await run(local, "DELETE FROM films WHERE id = 1");
    expect(await push(remote, local)).toMatchObject({ rows: 3, conflicts: [], refused: [] });
    await expectSame(world);
  });

  it("tells of rows that would break a foreign key of D1, and sends the others", async () => {
    const { remote, local } = await setupPulled(
      FILMS,
      "CREATE TABLE parts (id INTEGER PRIMARY KEY, film REFERENCES films (id))",
      insertFilms(2),
    );
    await run(remote, "DELETE FROM films WHERE id = 2");
    await run(local, "INSERT INTO parts VALUES (1, 1), (2, 2), (3, 1)");
    expect(await push(remote, local)).toMatchObject({ rows: 2, conflicts: [], refused: [{ key: '["i2"]' }] });
    expect(await remote.prepare("SELECT id FROM parts").raw()).toEqual([[1], [3]]);
  });

  it("takes a row with what its deletion has cascaded to", async () => {
    const world = await setupPulled(
      FILMS,
      "CREATE TABLE parts (id INTEGER PRIMARY KEY, film REFERENCES films (id) ON DELETE CASCADE)",
      insertFilms(2),
      "INSERT INTO parts VALUES (1, 1), (2, 1), (3, 2)",
    );
    await run(world.local, "DELETE FROM films WHERE id = 1");
    expect(await push(world.remote, world.local)).toMatchObject({ rows: 3, conflicts: [], refused: [] });
    await expectSame(world);
  });

  it("takes a row with what a trigger has changed along with it", async () => {
    const world = await setupPulled(
      FILMS,
      "CREATE TABLE parts (id INTEGER PRIMARY KEY, film, n DEFAULT 0)",
      insertFilms(1),
      "INSERT INTO parts VALUES (1, 1, 0)",
      "CREATE TRIGGER counted AFTER UPDATE ON films BEGIN UPDATE parts SET n = n + 1 WHERE film = NEW.id; END",
    );
    await run(world.local, "UPDATE films SET title = 'x' WHERE id = 1");
    expect(await push(world.remote, world.local)).toMatchObject({ rows: 2, conflicts: [], refused: [] });
    await expectSame(world);
  });

  it("leaves a video that is claimed again until its attempt has ended", async () => {
    const world = await setupPulled(
      "CREATE TABLE hidb_videos (video_id INTEGER PRIMARY KEY, state, attempt INTEGER, instance, claimed_at, output)",
      "INSERT INTO hidb_videos VALUES (1, 'pending', 0, NULL, NULL, NULL)",
    );
    const { remote, local } = world;
    const claim = "UPDATE hidb_videos SET state = 'running', attempt = attempt + 1, instance = 'i', claimed_at = 5";
    await run(local, claim, "UPDATE hidb_videos SET state = 'pending', instance = NULL, claimed_at = NULL", claim);
    expect(await push(remote, local)).toMatchObject({ rows: 0, conflicts: [] });
    expect(await remote.prepare("SELECT state FROM hidb_videos").first("state")).toBe("pending");
    await run(local, "UPDATE hidb_videos SET state = 'completed', output = 'o'");
    expect(await push(remote, local)).toMatchObject({ rows: 1, conflicts: [] });
    await expectSame(world);
  });

  it("takes rows that others have replaced, and forgets those that were left as they are", async () => {
    const world = await setupPulled(
      "CREATE TABLE films (id INTEGER PRIMARY KEY, code UNIQUE, title)",
      "INSERT INTO films VALUES (1, 'a', 'x'), (2, 'b', 'y'), (3, 'c', 'z')",
    );
    const { remote, local } = world;
    await run(
      local,
      "INSERT OR REPLACE INTO films VALUES (9, 'a', 'replaced by its code')",
      "INSERT OR REPLACE INTO films VALUES (2, 'b', 'replaced by its key')",
      "INSERT OR IGNORE INTO films VALUES (3, 'd', 'ignored')",
    );
    await run(remote, "UPDATE films SET title = 'theirs' WHERE id = 3");
    expect(await push(remote, local)).toMatchObject({ rows: 3, conflicts: [], refused: [] });
    await pullMirror(remote, local, PULL);
    await expectSame(world);
    expect(await readMirrorStatus(local, remote)).toMatchObject({ toPush: 0, toPull: 0 });
  });

  it("tells keys apart that differ in case only", async () => {
    const world = await setupPulled(
      "CREATE TABLE films (id TEXT COLLATE NOCASE PRIMARY KEY, title) WITHOUT ROWID",
      "INSERT INTO films VALUES ('Abc', 'a'), ('abd', 'b')",
    );
    await run(world.local, "UPDATE films SET id = 'ABC' WHERE id = 'abc'");
    expect(await push(world.remote, world.local)).toMatchObject({ conflicts: [], refused: [] });
    await expectSame(world);
  });

  it("takes as many columns as a table can have", async () => {
    const columns = Array.from({ length: 98 }, (_, at) => `column_number_${at}`);
    const { remote, local } = await setupPulled(
      `CREATE TABLE films (id INTEGER PRIMARY KEY, ${columns.join()})`,
      "INSERT INTO films (id, column_number_3) VALUES (1, 2), (2, 3)",
    );
    for (const value of ["'text'", "1.5"]) {
      await run(local, `UPDATE films SET ${columns.map((name) => `${name} = ${value}`).join()}`);
      expect(await push(remote, local)).toMatchObject({ rows: 2, conflicts: [], refused: [] });
    }
    const all = "SELECT * FROM films";
    expect(await remote.prepare(all).raw()).toEqual(await local.prepare(all).raw());
  });
});
