import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { prepareDatabase } from "../d1/life.ts";
import { type D1Server, startD1Server } from "../d1/server.ts";
import { expectLastWord, expectRefusal, Place } from "./world.ts";

let server: D1Server;
let place: Place;

beforeAll(async () => {
  server = await startD1Server({ seed: 3, limits: { max: 1_000_000 } });
});
afterAll(() => server.close());
beforeEach(() => {
  place = new Place();
});
afterEach(async () => {
  Object.assign(server.faults, { outage: false, quota: undefined });
  await place.end();
});

const SECRET = "a-token-that-nobody-may-see";

function settings(more: Record<string, string> = {}): Record<string, string> {
  return {
    HIDB_DATABASE: "d1",
    HIDB_D1_BASE_URL: server.baseUrl,
    HIDB_D1_DATABASE: server.databaseId,
    CLOUDFLARE_ACCOUNT_ID: server.accountId,
    CLOUDFLARE_API_TOKEN: server.apiToken,
    HIDB_SPOOL_DIR: join(place.folder, "spool"),
    ...more,
  };
}

describe("a way to D1 that is wrong", () => {
  it.each([
    ["a token that Cloudflare does not know", { CLOUDFLARE_API_TOKEN: SECRET }, 5, /token/i],
    ["no token", { CLOUDFLARE_API_TOKEN: "" }, 2, /CLOUDFLARE_API_TOKEN/],
    ["no account", { CLOUDFLARE_ACCOUNT_ID: "" }, 2, /CLOUDFLARE_ACCOUNT_ID/],
    ["another account", { CLOUDFLARE_ACCOUNT_ID: "0".repeat(32) }, 5, /account/],
    ["an id that no database has", { HIDB_D1_DATABASE: "11111111-2222-3333-4444-555555555555" }, 5, /11111111-2222/],
    ["a name that no database has", { HIDB_D1_DATABASE: "no-such-films" }, 5, /no-such-films/],
    ["no database at all", { HIDB_D1_DATABASE: "" }, 2, /HIDB_D1_DATABASE/],
    ["an address that is none", { HIDB_D1_BASE_URL: "not an address" }, 2, /HIDB_D1_BASE_URL|address|URL/],
  ] as [string, Record<string, string>, number, RegExp][])("%s: %o", async (_, wrong, code, said) => {
    const answer = await place.hidb(["status"], settings(wrong));
    expectRefusal(answer, code, said);
    expect(answer.stderr).not.toContain(SECRET);
    expectLastWord(await place.entry(settings(wrong)), said);
  });

  it("a placeholder in the wrangler config", async () => {
    mkdirSync(join(place.folder, "app"));
    const file = join(place.folder, "app", "wrangler.jsonc");
    const d1 = [{ binding: "DB", database_name: "films", database_id: "<your-database-id>" }];
    writeFileSync(file, JSON.stringify({ name: "app", d1_databases: d1 }));
    const answer = await place.hidb(["status"], settings({ HIDB_D1_DATABASE: "", HIDB_WRANGLER_CONFIG: file }));
    expectRefusal(answer, 2, /placeholder "<your-database-id>"/);
  });

  it("is found by the binding of the wrangler config", async () => {
    const { databaseId } = await prepareDatabase(server, { videos: 2 });
    const file = join(place.folder, "wrangler.toml");
    const lines = ['name = "app"', `account_id = "${server.accountId}"`, "[[d1_databases]]", 'binding = "DB"'];
    writeFileSync(file, [...lines, 'database_name = "films"', `database_id = "${databaseId}"`].join("\n"));
    const here = settings({ CLOUDFLARE_ACCOUNT_ID: "", HIDB_D1_DATABASE: "DB" });
    const answer = await place.hidb(["status", "--json"], here);
    expect(answer.stderr).toBe("");
    expect(JSON.parse(answer.stdout)).toMatchObject({ counts: { total: 0 }, d1: { requests: 0 } });
  });
});

describe("a D1 database that is not as it should be", () => {
  it("has a newer hidb's migrations", async () => {
    const { databaseId, database } = await prepareDatabase(server, { videos: 1 });
    await database.prepare("INSERT INTO d1_migrations (name) VALUES ('9999_hidb_later.sql')").run();
    const here = settings({ HIDB_D1_DATABASE: databaseId });
    expectRefusal(await place.hidb(["status"], here), 5, /newer migration 9999_hidb_later\.sql/);
    expectLastWord(await place.entry(here), /newer migration 9999_hidb_later\.sql/);
  });

  it("has somebody else's table of our name", async () => {
    const databaseId = await server.addDatabase("foreign");
    const binding = await server.binding(databaseId);
    await binding.prepare("CREATE TABLE hidb_videos (something TEXT)").run();
    const here = settings({ HIDB_D1_DATABASE: databaseId });
    expectRefusal(await place.hidb(["migrate"], here), 5, /hidb_videos/);
    const { results } = await binding.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'hidb%'").all();
    expect(results).toEqual([{ name: "hidb_videos" }]);
  });

  it("has nothing of the free plan's day left: said with the time, and tried again", async () => {
    const { databaseId } = await prepareDatabase(server, { videos: 1 });
    server.faults.quota = "read";
    const here = settings({ HIDB_D1_DATABASE: databaseId });
    expectRefusal(await place.hidb(["status"], here), 5, /daily row read limit/);
    const answer = await place.entry(here);
    expectLastWord(answer, /daily row read limit/, 1);
    expect(answer.stderr).toMatch(/wait until \d{4}-\d\d-\d\dT00:00/);
  });
});

describe("a D1 database that goes away while an instance works", () => {
  it("ends the instance, which leaves its finished work in the spool", async () => {
    const { databaseId } = await prepareDatabase(server, { videos: 3 });
    const here = settings({
      HIDB_D1_DATABASE: databaseId,
      HIDB_REHEARSE_FACTOR: "2",
      HIDB_HEARTBEAT_MS: "500",
      HIDB_LEASE_MS: "5000",
    });
    const instance = place.spawn("entry", [], here);
    const binding = await server.binding(databaseId);
    const running = () => binding.prepare("SELECT 1 FROM hidb_videos WHERE state = 'running'").first();
    while ((await running().catch(() => null)) === null) await new Promise((resolve) => setTimeout(resolve, 50));
    await server.removeDatabase(databaseId);
    const { code, stderr } = await instance.ended;
    expect(stderr).toMatch(new RegExp(`expected a D1 database ${databaseId}.*Fix: `));
    expect(code).toBe(1);
    const spool = join(place.folder, "spool");
    const kept = readdirSync(spool).map((name) => readFileSync(join(spool, name), "utf8"));
    expect(kept.join("")).toContain('"kind":"completed"');
  });
});
