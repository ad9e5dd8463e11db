// `hidb mirror` as real processes that are killed, against D1's REST API with its faults.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { register } from "../../src/claim/membership.js";
import { systemClock } from "../../src/clock.js";
import { migrate } from "../../src/database/migrate.js";
import { openSqlite } from "../../src/database/sqlite.js";
import { MIGRATIONS } from "../catalogue/world.js";
import { HIDB, runProgram, setup } from "../cli/world.js";
import { connect } from "../d1/life.ts";
import { type D1Server, startD1Server } from "../d1/server.ts";
import { run } from "./world.js";

const WRANGLER = resolve(import.meta.dirname, "../../node_modules/wrangler/bin/wrangler.js");

let server: D1Server;
beforeAll(async () => {
  server = await startD1Server({ slots: 20, latencyMs: 5 });
});
afterAll(() => server.close());

const FILMS_CATALOGUE = {
  HIDB_CATALOGUE_TABLE: "films",
  HIDB_CATALOGUE_ID: "id",
  HIDB_CATALOGUE_SOURCE: "title",
};

async function setupProject(catalogue: NodeJS.ProcessEnv = FILMS_CATALOGUE) {
  const databaseId = await server.addDatabase(`killed-${Math.random()}`);
  const remote = await connect(server, databaseId);
  const { folder, file, run: runHere } = setup();
  const env = {
    CLOUDFLARE_ACCOUNT_ID: server.accountId,
    CLOUDFLARE_API_TOKEN: server.apiToken,
    HIDB_D1_BASE_URL: server.baseUrl,
    HIDB_D1_DATABASE: databaseId,
    HIDB_SQLITE_FILE: file,
    ...catalogue,
  };
  const hidb = (...args: string[]) => runHere(args, { env });
  /** Ends it with SIGKILL once it has made so many requests; false when it was faster. */
  const killed = async (requests: number, ...args: string[]) => {
    const before = server.totals.requests;
    const child = spawn(process.execPath, [HIDB, "mirror", ...args], {
      ...{ cwd: folder, stdio: "ignore" },
      env: { PATH: process.env.PATH, ...env },
    });
    const ended = once(child, "close");
    while (child.exitCode === null && server.totals.requests - before < requests) await delay(1);
    child.kill("SIGKILL");
    const [, signal] = await ended;
    return signal === "SIGKILL";
  };
  return { remote, file, hidb, killed };
}

const FILMS = [
  "CREATE TABLE films (id INTEGER PRIMARY KEY, title TEXT, note)",
  `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
   INSERT INTO films SELECT i, 'film ' || i, hex(zeroblob(300)) FROM n`,
  "CREATE INDEX by_title ON films (title)",
];

it("ends equal to D1, killed after each of its requests, pulling and pushing", async () => {
  const { remote, file, hidb, killed } = await setupProject();
  await run(remote, ...FILMS);
  let kills = 0;
  for (let requests = 1; requests <= 9; requests++) if (await killed(requests, "pull")) kills++;
  expect(kills).toBeGreaterThan(4);
  const pulled = await hidb("mirror", "pull", "--json");
  expect(pulled).toMatchObject({ code: 0 });
  expect(JSON.parse(pulled.stdout)).toMatchObject({ tables: 1, rows: 6000, conflicts: [] });

  await run(
    remote,
    "CREATE TABLE applied (id)",
    "CREATE TRIGGER once AFTER UPDATE ON films BEGIN INSERT INTO applied VALUES (NEW.id); END",
  );
  const local = await openSqlite(file);
  await run(local, "UPDATE films SET note = id WHERE id <= 350", "DELETE FROM films WHERE id = 6000");
  kills = 0;
  for (let requests = 1; requests <= 4; requests++) if (await killed(requests, "push")) kills++;
  expect(kills).toBeGreaterThan(1);
  expect(await hidb("mirror", "push", "--json")).toMatchObject({ code: 0 });
  const applied = await remote.prepare("SELECT count(*) AS n, count(DISTINCT id) AS ids FROM applied").first();
  expect(applied).toEqual({ n: 350, ids: 350 });
  await hidb("mirror", "pull");
  const content =
    "SELECT count(*) AS n, sum(id * 31 + length(note)) AS sum, group_concat(typeof(note)) AS types FROM films";
  expect(await local.prepare(content).first()).toEqual(await remote.prepare(content).first());
  expect(JSON.parse((await hidb("mirror", "status", "--json")).stdout)).toMatchObject({
    toPush: 0,
    toPull: 0,
    conflicts: 0,
  });
  await local.close();
  await remote.close();
});

it("takes each change to D1 once, though answers are lost and refused on the way", async () => {
  const { remote, file, hidb } = await setupProject();
  await run(
    remote,
    "CREATE TABLE films (id INTEGER PRIMARY KEY, title, n)",
    "INSERT INTO films VALUES (1, 'a', 0), (2, 'b', 0)",
  );
  expect(await hidb("mirror", "pull")).toMatchObject({ code: 0 });
  await run(
    remote,
    "CREATE TABLE applied (id)",
    "CREATE TRIGGER once AFTER UPDATE ON films BEGIN INSERT INTO applied VALUES (NEW.id); END",
  );
  const local = await openSqlite(file);
  const faults = ["dropAfter", "truncate", "dropBefore", "connectionLost", "error500", "error503", "limit429"] as const;
  for (const [round, fault] of faults.entries()) {
    await run(local, `UPDATE films SET n = ${round + 1}`);
    // The first request makes the record's table, the second one is the batch.
    server.faults.next.push("none", fault);
    const { code, stderr } = await hidb("mirror", "push", "--json");
    server.faults.next.length = 0;
    if (code !== 0) expect(stderr).toMatch(/^error: expected/m);
    expect(await hidb("mirror", "push", "--json")).toMatchObject({ code: 0 });
    expect(await remote.prepare("SELECT count(*) AS n FROM applied").first("n")).toBe(2 * (round + 1));
  }
  expect(await remote.prepare("SELECT n FROM films").raw()).toEqual([[7], [7]]);
  await hidb("mirror", "pull");
  for (const table of ["films", "applied"]) {
    const rows = `SELECT * FROM ${table} ORDER BY rowid`;
    expect(await local.prepare(rows).raw()).toEqual(await remote.prepare(rows).raw());
  }
  await local.close();
  await remote.close();
});

it("says each conflict with both values, exits with 1, and does what --prefer says", async () => {
  const { remote, file, hidb } = await setupProject();
  await run(
    remote,
    "CREATE TABLE films (id INTEGER PRIMARY KEY, title)",
    "INSERT INTO films VALUES (1, 'a'), (2, 'b')",
  );
  await hidb("mirror", "pull");
  const local = await openSqlite(file);
  await run(local, "UPDATE films SET title = 'here' WHERE id = 1", "UPDATE films SET title = 'more' WHERE id = 2");
  await run(remote, "UPDATE films SET title = 'there' WHERE id = 1");
  const dry = await hidb("mirror", "push", "--dry-run");
  expect(dry).toMatchObject({ code: 1 });
  expect(dry.stdout).toMatch(/^1 row would go to D1.*\nconflict: films .*here.*there/);
  expect(await remote.prepare("SELECT title FROM films").raw()).toEqual([["there"], ["b"]]);
  const pushed = await hidb("mirror", "push");
  expect(pushed).toMatchObject({ code: 1 });
  expect(await remote.prepare("SELECT title FROM films").raw()).toEqual([["there"], ["more"]]);
  expect((await hidb("mirror", "push", "--prefer", "both")).code).toBe(2);
  expect(await hidb("mirror", "push", "--prefer", "remote")).toMatchObject({ code: 0 });
  expect(await local.prepare("SELECT title FROM films").raw()).toEqual([["there"], ["more"]]);
  expect((await hidb("mirror", "status")).stdout).toMatch(/0 rows to push\n0 rows to pull, 0 conflicts/);
  await local.close();
  await remote.close();
});

it("fills a file from wrangler's local D1 and from a dump of it, as real wrangler has made them", async () => {
  const { folder, file, run: runHere } = setup();
  const wrangler = (...args: string[]) =>
    runProgram(process.execPath, [WRANGLER, "d1", ...args], { cwd: folder, stdin: "", env: { CI: "1" } });
  const config = { name: "app", compatibility_date: "2026-07-01" };
  const d1 = [{ binding: "DB", database_name: "films-db", database_id: "11111111-2222-3333-4444-555555555555" }];
  writeFileSync(join(folder, "wrangler.json"), JSON.stringify({ ...config, d1_databases: d1 }));
  const made = await wrangler(
    ...["execute", "films-db", "--local", "--command"],
    "CREATE TABLE films (id INTEGER PRIMARY KEY AUTOINCREMENT, title, b); INSERT INTO films (title, b) VALUES ('it''s; a', x'00ff'), ('two', 1.5); CREATE INDEX i ON films (title)",
  );
  expect(made.code, made.stderr).toBe(0);
  expect(await wrangler("export", "films-db", "--local", "--output", "dump.sql")).toMatchObject({ code: 0 });
  // npm tells by INIT_CWD where a person stands, and these tests have been started by it.
  const env = { HIDB_CATALOGUE_TABLE: "films", HIDB_CATALOGUE_SOURCE: "title", INIT_CWD: folder };
  for (const from of [["--from-local", "wrangler.json"], ["--from", "dump.sql"], ["--from-local"]]) {
    const pulled = await runHere(["mirror", "pull", ...from], { env });
    expect(pulled, from.join(" ")).toMatchObject({ code: 0 });
    expect(pulled.stdout).toMatch(/^2 rows of 1 table are here/);
    const local = await openSqlite(file);
    const rows = await local.prepare("SELECT id, title, typeof(b), hex(b) FROM films").raw();
    expect(rows).toEqual([
      [1, "it's; a", "blob", "00FF"],
      [2, "two", "real", "312E35"],
    ]);
    await local.close();
  }
});

it("makes a file on which a pool can work at once, and takes its outcomes back", async () => {
  const { remote, file, hidb } = await setupProject({});
  await migrate(remote, { folder: MIGRATIONS, withCatalogue: true });
  await run(
    remote,
    "INSERT INTO videos (id, source, duration_s) VALUES (1, 'a', 0.001), (2, 'b', 0.001), (3, 'c', 0.001)",
    "INSERT INTO hidb_videos (video_id) SELECT id FROM videos",
  );
  expect(await hidb("mirror", "pull")).toMatchObject({ code: 0 });
  const local = await openSqlite(file);
  const state = { host: "here", boot: "b", pid: 1, pidStartedAt: "x" };
  const instance = await register({
    ...{ identity: state, processId: 0, leaseMs: 30_000, database: local, clock: systemClock },
  });
  expect(await hidb("status")).toMatchObject({ code: 0, stdout: expect.stringMatching(/^3 videos/) });
  await run(
    local,
    `UPDATE hidb_videos SET state = 'running', instance = '${instance.id}', claimed_at = 5, attempt = 1`,
    "UPDATE hidb_videos SET state = 'completed', finished_at = 6, output = '{}' WHERE video_id < 3",
  );
  expect(await hidb("mirror", "pull")).toMatchObject({ code: 0 });
  expect(await hidb("mirror", "push")).toMatchObject({ code: 0 });
  const states = await remote.prepare("SELECT video_id, state, output FROM hidb_videos ORDER BY video_id").raw();
  expect(states.slice(0, 2)).toEqual([
    [1, "completed", "{}"],
    [2, "completed", "{}"],
  ]);
  expect(await remote.prepare("SELECT count(*) AS n FROM hidb_videos WHERE state = 'running'").first("n")).toBe(0);
  expect(await local.prepare("SELECT count(*) AS n FROM hidb_instances").first("n")).toBe(1);
  await local.close();
  await remote.close();
});
