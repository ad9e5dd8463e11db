import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type D1Server, startD1Server } from "../d1/server.ts";
import { expectLastWord, expectRefusal, Place } from "./world.ts";

const SCHEMA = "CREATE TABLE films (nr INTEGER PRIMARY KEY, path TEXT, title TEXT); CREATE TABLE users (id)";
const FILMS = {
  HIDB_CATALOGUE_TABLE: "films",
  HIDB_CATALOGUE_ID: "nr",
  HIDB_CATALOGUE_SOURCE: "path",
  HIDB_CATALOGUE_TITLE: "title",
};
const REFUSED = /expected .* to be empty or hidb's own, got tables of somebody else: films, users/;
const FIX = /set HIDB_SQLITE_FILE; .* HIDB_CATALOGUE_TABLE=films HIDB_CATALOGUE_ID=nr HIDB_CATALOGUE_SOURCE=path/;

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => place.end());

function execute(sql: string, file = place.file): void {
  const database = new BetterSqlite3(file);
  database.exec(sql);
  database.close();
}

/** All files below the place's folder that are not the list, with their bytes. */
function files(): Record<string, string> {
  const names = readdirSync(place.folder).filter((name) => name.startsWith("hidb.sqlite"));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(place.folder, name)).toString("base64")]));
}

async function expectUntouched(settings: Record<string, string> = {}): Promise<void> {
  const before = files();
  const list = join(place.folder, "one.csv");
  writeFileSync(list, "source\n/videos/new.mp4\n");
  for (const args of [
    ["status"],
    ["start"],
    ["add", list],
    ["migrate"],
    ["migrate", "--dry-run"],
    ["mirror", "status"],
  ])
    expectRefusal(await place.hidb(args, settings), 3, REFUSED);
  expectLastWord(await place.entry(settings), REFUSED);
  expect(await place.hidb(["doctor"], settings)).toMatchObject({ code: 3, stdout: expect.stringMatching(REFUSED) });
  expect(files()).toEqual(before);
}

describe("a file with tables of somebody else", () => {
  it("is refused by every command and by an instance, and not changed by a byte", async () => {
    execute(SCHEMA);
    await expectUntouched();
    expect(Object.keys(files())).toEqual(["hidb.sqlite"]);
    expect((await place.hidb(["start"])).stderr).toMatch(FIX);
  });

  it("is not changed either where its own program has left a log behind", async () => {
    const other = new BetterSqlite3(join(place.folder, "other.sqlite"));
    other.exec(`PRAGMA journal_mode = WAL; ${SCHEMA}`);
    for (const end of ["", "-wal"]) copyFileSync(join(place.folder, `other.sqlite${end}`), `${place.file}${end}`);
    other.close();
    const before = files();
    expectRefusal(await place.hidb(["start"]), 3, REFUSED);
    expect(files()).toMatchObject(before);
  });

  it("is worked on once the table of the catalogue is named, and keeps its tables as they are", async () => {
    execute(`${SCHEMA}; INSERT INTO films VALUES (7, '/videos/a.mp4', 'A')`);
    const schema = "SELECT sql FROM sqlite_schema WHERE name IN ('films', 'users') ORDER BY name";
    const before = [place.query(schema), place.query("SELECT * FROM films")];
    expect(await place.hidb(["start", "-i", "1"], FILMS)).toMatchObject({ code: 0 });
    expect([place.query(schema), place.query("SELECT * FROM films")]).toEqual(before);
    expect(place.query("SELECT name FROM sqlite_schema WHERE name = 'videos'")).toEqual([]);
    expect(await place.hidb(["status"], FILMS)).toMatchObject({ code: 0 });
  });

  it("is hidb's own though another program has added a table", async () => {
    await place.fill(1);
    execute("CREATE TABLE notes (text)");
    expect(await place.hidb(["status"])).toMatchObject({ code: 0 });
  });
});

describe("hidb init catalogue", () => {
  it("prints the lines for .env and changes nothing", async () => {
    execute(SCHEMA);
    const before = files();
    const { code, stdout } = await place.hidb(["init", "catalogue"]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `${Object.entries(FILMS)
        .map(([name, value]) => `${name}=${value}\n`)
        .join("")}`,
    });
    const answer = JSON.parse((await place.hidb(["init", "catalogue", "--json"])).stdout);
    expect(answer).toEqual({ database: place.file, tables: ["films", "users"], proposals: [FILMS] });
    expect(files()).toEqual(before);
  });

  it("shows every table that could be meant, and says when none could", async () => {
    execute("CREATE TABLE clips (id INTEGER PRIMARY KEY, url VARCHAR(99)); CREATE TABLE ads (id INT, video_url TEXT)");
    expect((await place.hidb(["init", "catalogue"])).stdout).toBe(
      "HIDB_CATALOGUE_TABLE=ads\nHIDB_CATALOGUE_ID=id\nHIDB_CATALOGUE_SOURCE=video_url\n# or clips:\n" +
        "# HIDB_CATALOGUE_TABLE=clips\n# HIDB_CATALOGUE_ID=id\n# HIDB_CATALOGUE_SOURCE=url\n",
    );
    const file = join(place.folder, "hidb.sqlite.users");
    execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)", file);
    const answer = await place.hidb(["init", "catalogue"], { HIDB_SQLITE_FILE: file });
    expectRefusal(answer, 2, /expected a table with a whole number and a path or URL .*, got users$/);
  });

  it("says when there is no database, and makes none", async () => {
    expectRefusal(await place.hidb(["init", "catalogue"]), 5, /found nothing/);
    expect(existsSync(place.file)).toBe(false);
  });
});

describe("a D1 database with tables of somebody else", () => {
  let server: D1Server;
  beforeAll(async () => {
    server = await startD1Server({ seed: 5, limits: { max: 1_000_000 } });
  });
  afterAll(() => server.close());

  it("is refused without a write, and worked on once the table of the catalogue is named", async () => {
    const database = await server.binding();
    await database.batch(SCHEMA.split("; ").map((sql) => database.prepare(sql)));
    mkdirSync(join(place.folder, "spool"));
    const settings = {
      HIDB_DATABASE: "d1",
      HIDB_D1_BASE_URL: server.baseUrl,
      HIDB_D1_DATABASE: server.databaseId,
      CLOUDFLARE_ACCOUNT_ID: server.accountId,
      CLOUDFLARE_API_TOKEN: server.apiToken,
      HIDB_SPOOL_DIR: join(place.folder, "spool"),
    };
    const names = async () => {
      const sql = "SELECT name FROM sqlite_schema WHERE name NOT LIKE '\\_cf%' ESCAPE '\\' ORDER BY name";
      return (await database.prepare(sql).all<{ name: string }>()).results.map(({ name }) => name);
    };
    for (const args of [["status"], ["start"], ["migrate"]])
      expectRefusal(await place.hidb(args, settings), 3, REFUSED);
    expectLastWord(await place.entry(settings), REFUSED);
    expect(await names()).toEqual(["films", "users"]);
    const { stdout } = await place.hidb(["init", "catalogue"], settings);
    expect(stdout).toContain("HIDB_CATALOGUE_TABLE=films\n");
    expect(await place.hidb(["migrate"], { ...settings, ...FILMS })).toMatchObject({ code: 0 });
    expect(await names()).toEqual(expect.arrayContaining(["films", "hidb_videos", "users"]));
    expect(await names()).not.toContain("videos");
    expect(await place.hidb(["status"], { ...settings, ...FILMS })).toMatchObject({ code: 0 });
  });
});
