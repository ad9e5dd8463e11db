import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { openSqlite } from "../../src/database/sqlite.js";

/** A database of films, and another program's connection to it that holds the lock. */
async function setup() {
  const file = join(mkdtempSync(join(tmpdir(), "hidb-busy-")), "films.sqlite");
  const database = await openSqlite(file, { create: true });
  const other = new BetterSqlite3(file);
  onTestFinished(async () => {
    await database.close();
    other.close();
  });
  await database.exec("CREATE TABLE films (name TEXT)");
  other.exec("BEGIN IMMEDIATE");
  return { database, other };
}

describe("a file that another program is writing to", () => {
  it("waits for another program instead of failing", async () => {
    const { database, other } = await setup();
    setTimeout(() => other.exec("COMMIT"), 60);
    const writing = database.prepare("INSERT INTO films VALUES ('M')").run();
    await expect(writing).resolves.toMatchObject({ meta: { changes: 1 } });
  });

  it("takes the write lock before it reads, so that a batch sees what it is going to change", async () => {
    const { database, other } = await setup();
    other.exec("CREATE TABLE actors (name TEXT); INSERT INTO actors VALUES ('Lorre')");
    setTimeout(() => other.exec("COMMIT"), 60);
    const batch = database.batch([
      database.prepare("SELECT name FROM actors"),
      database.prepare("INSERT INTO films SELECT name FROM actors"),
    ]);
    await expect(batch).resolves.toMatchObject([{ results: [{ name: "Lorre" }] }, { meta: { changes: 1 } }]);
  });

  it("may be read all the while", async () => {
    const { database, other } = await setup();
    other.exec("INSERT INTO films VALUES ('M')");
    expect(await database.prepare("SELECT count(*) AS n FROM films").first("n")).toBe(0);
    other.exec("COMMIT");
    expect(await database.prepare("SELECT count(*) AS n FROM films").first("n")).toBe(1);
  });
});
