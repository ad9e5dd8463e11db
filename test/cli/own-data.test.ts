import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { identifyProcess } from "../../src/claim/liveness.js";
import { startD1Server } from "../d1/server.ts";
import { queryFile } from "../support/query.js";
import { setup } from "./world.js";

const LIST = "source\n/videos/a.mp4\n/videos/b.mp4\n";
const FILMS = { HIDB_CATALOGUE_TABLE: "films", HIDB_CATALOGUE_ID: "nr", HIDB_CATALOGUE_SOURCE: "path" };

function execute(file: string, sql: string): void {
  const database = new BetterSqlite3(file);
  database.exec(sql);
  database.close();
}

describe("hidb backup", () => {
  it("copies one moment of a database that another process writes to all the while", async () => {
    const { run, file, folder } = setup();
    await run(["add", "-"], { stdin: LIST });
    const writer = new BetterSqlite3(file);
    writer.exec("CREATE TABLE pairs (a INTEGER, b INTEGER)");
    const insert = writer.prepare("INSERT INTO pairs VALUES (?, ?)");
    // A transaction writes both halves or none.
    const writePair = writer.transaction((n: number) => {
      insert.run(n, 0);
      insert.run(0, n);
    });
    let n = 0;
    const writing = setInterval(() => {
      for (let k = 0; k < 50; k++) writePair(++n);
    }, 1);
    const copy = join(folder, "copy.sqlite");
    const answer = await run(["backup", copy]);
    clearInterval(writing);
    writer.close();
    expect(answer).toMatchObject({ code: 0, stdout: expect.stringMatching(/copy\.sqlite: [\d,]+ bytes, checked\n$/) });
    expect(queryFile(copy, "SELECT sum(a) - sum(b) AS rest FROM pairs")).toEqual([{ rest: 0 }]);
    expect(queryFile(copy, "SELECT source FROM videos ORDER BY id")).toHaveLength(2);
    expect(readdirSync(folder).filter((name) => name.includes(".part"))).toEqual([]);
  });

  it("replaces nothing without --force, and never the database itself", async () => {
    const { run, file, folder } = setup();
    await run(["add", "-"], { stdin: LIST });
    const taken = join(folder, "mine.txt");
    writeFileSync(taken, "mine");
    expect(await run(["backup", taken])).toMatchObject({ code: 2, stderr: expect.stringContaining("--force") });
    expect(readFileSync(taken, "utf8")).toBe("mine");
    expect(await run(["backup", taken, "--force"])).toMatchObject({ code: 0 });
    expect(await run(["backup", file, "--force"])).toMatchObject({ code: 2 });
    expect(await run(["backup", join(folder, "nowhere", "copy.sqlite")])).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^error: expected to write .*copy\.sqlite, got .*\nfix: .*\n$/),
    });
  });

  it("says how D1 is copied", async () => {
    const { run } = setup();
    const env = { HIDB_DATABASE: "d1", HIDB_D1_DATABASE: "11111111-2222-3333-4444-555555555555" };
    const keys = { CLOUDFLARE_ACCOUNT_ID: "0".repeat(32), CLOUDFLARE_API_TOKEN: "t" };
    const { code, stderr } = await run(["backup", "copy.sql"], { env: { ...env, ...keys } });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/wrangler d1 export/) });
  });
});

describe("hidb uninstall", () => {
  const everything = (file: string) => [
    queryFile(file, "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name"),
    queryFile(file, "SELECT * FROM films"),
    queryFile(file, "SELECT * FROM d1_migrations"),
  ];

  it("leaves a person's database as it was before hidb came", async () => {
    const { run, file } = setup();
    execute(
      file,
      `CREATE TABLE films (nr INTEGER PRIMARY KEY, path TEXT); CREATE INDEX by_path ON films (path);
       INSERT INTO films VALUES (1, '/videos/a.mp4');
       CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE,
         applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL);
       INSERT INTO d1_migrations (name) VALUES ('0001_films.sql')`,
    );
    const before = everything(file);
    expect(await run(["migrate"], { env: FILMS })).toMatchObject({ code: 0 });
    expect(everything(file)).not.toEqual(before);
    expect(await run(["uninstall"], { env: FILMS })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--yes"),
    });
    const during = everything(file);
    expect(await run(["uninstall", "--dry-run"], { env: FILMS })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/would go: .*hidb_videos.*\nkept: d1_migrations, films\n/),
    });
    expect(everything(file)).toEqual(during);
    expect(await run(["uninstall", "--yes", "--files"], { env: FILMS })).toMatchObject({ code: 0 });
    expect(everything(file)).toEqual(before);
    expect(existsSync(file)).toBe(true);
  });

  it("removes a database of its own with --files, but no folder that somebody has named", async () => {
    const { run, file, folder } = setup();
    await run(["add", "-"], { stdin: LIST });
    const logs = join(folder, "my-logs");
    mkdirSync(logs);
    writeFileSync(join(folder, "token"), "t");
    const env = { HIDB_LOG_DIR: logs, HIDB_SPOOL_DIR: join(folder, "spool"), HIDB_WORKER_DIR: join(folder, "worker") };
    expect(await run(["uninstall", "--yes", "--files"], { env })).toMatchObject({ code: 0 });
    expect(readdirSync(folder)).toEqual(["my-logs"]);
    expect(existsSync(file)).toBe(false);
  });

  it("leaves a person's tables on D1 as they were, and the local file too", async () => {
    const server = await startD1Server({ slots: 2 });
    onTestFinished(() => server.close());
    const { run, folder } = setup();
    const { accountId, apiToken, baseUrl, databaseId } = server;
    const env = {
      ...{ ...FILMS, HIDB_DATABASE: "d1", HIDB_D1_DATABASE: databaseId, HIDB_D1_BASE_URL: baseUrl },
      ...{ CLOUDFLARE_ACCOUNT_ID: accountId, CLOUDFLARE_API_TOKEN: apiToken },
    };
    const binding = await server.binding(databaseId);
    await binding.exec("CREATE TABLE films (nr INTEGER PRIMARY KEY, path TEXT)");
    await binding.exec("INSERT INTO films VALUES (1, '/videos/a.mp4')");
    const look = async () => [
      (
        await binding
          .prepare(
            "SELECT name, sql FROM sqlite_schema WHERE name NOT GLOB '_cf*' AND name NOT GLOB 'sqlite_*' ORDER BY name",
          )
          .all()
      ).results,
      (await binding.prepare("SELECT * FROM films").all()).results,
    ];
    const before = await look();
    expect(await run(["migrate"], { env })).toMatchObject({ code: 0 });
    const during = await look();
    expect(during).not.toEqual(before);
    expect(await run(["uninstall", "--dry-run"], { env })).toMatchObject({
      ...{ code: 0, stdout: expect.stringMatching(/would go: .*hidb_videos.*\nkept: films\n/) },
    });
    expect(await look()).toEqual(during);
    expect(await run(["uninstall", "--yes", "--files"], { env })).toMatchObject({ code: 0 });
    expect(await look()).toEqual(before);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("is refused while an instance is at work", async () => {
    const { run, file } = setup();
    await run(["add", "-"], { stdin: LIST });
    const { host, boot, pid, pidStartedAt } = identifyProcess();
    const values = [host, boot, pid, pidStartedAt].map((value) => `'${value}'`).join(", ");
    execute(
      file,
      `INSERT INTO hidb_instances (id, host, boot, pid, pid_started_at, process_id, state, started_at, lease_until)
       VALUES ('a', ${values}, 0, 'working', 1, 9e15)`,
    );
    expect(await run(["uninstall", "--yes"])).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^error: expected no instance at work on .*, got 1\nfix: .*pm2 delete hidb/),
    });
    expect(queryFile(file, "SELECT 1 FROM hidb_videos")).toHaveLength(2);
  });
});
