import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { expectLastWord, expectRefusal, Place } from "./world.js";

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => place.end());

/** A port at which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 1;
}

describe("a wrong setting", () => {
  it.each([
    [{ HIDB_CONCURRENCY: "many" }, /expected HIDB_CONCURRENCY to be a whole number from 1 to 1000, got "many"/],
    [{ HIDB_INSTANCES: "0" }, /expected HIDB_INSTANCES to be auto, max or a whole number from 1 to 64, got "0"/],
    [{ HIDB_LEASE_MS: "600" }, /expected HIDB_LEASE_MS to be long enough for three heartbeats/],
    [{ HIDB_CONCURENCY: "2" }, /expected only settings that hidb knows, got HIDB_CONCURENCY/],
    [
      { HIDB_PROCESSOR: "ffmpeg" },
      /expected HIDB_PROCESSOR to be probe, command, http, worker, rehearse, got "ffmpeg"/,
    ],
    [{ HIDB_PROCESSOR: "command" }, /expected HIDB_COMMAND to name a program, got nothing/],
    [{ HIDB_PROCESSOR: "http" }, /expected HIDB_HTTP_URL/],
  ])("%o stops everything before anything is touched", async (settings, said) => {
    const given = settings as Record<string, string>;
    const [start, entry] = await Promise.all([place.hidb(["start"], given), place.entry(given)]);
    expectRefusal(start, 2, said);
    expectLastWord(entry, said);
    expect(existsSync(join(place.folder, "pm2"))).toBe(false);
  });

  it("is refused by commands that only look, too", async () => {
    await place.fill(1);
    const answers = await Promise.all([
      place.hidb(["status"], { HIDB_ORDER: "shortest" }),
      place.hidb(["list"], { HIDB_ODER: "id" }),
      place.hidb(["start", "--concurrency", "0"]),
      place.hidb(["start", "--instances", "0"]),
      place.hidb(["start", "--no-such-flag"]),
    ]);
    const [status, list, concurrency, instances, flag] = answers;
    expectRefusal(status as never, 2, /expected HIDB_ORDER to be id, longest, got "shortest"/);
    expectRefusal(list as never, 2, /got HIDB_ODER in the environment/);
    expectRefusal(concurrency as never, 2, /expected HIDB_CONCURRENCY to be .* got "0"/);
    expectRefusal(instances as never, 2, /expected HIDB_INSTANCES to be .* got "0"/);
    expectRefusal(flag as never, 2, /unknown option '--no-such-flag'/);
  });

  it("leaves no database behind", async () => {
    await Promise.all([place.hidb(["start"], { HIDB_ORDER: "x" }), place.hidb(["add", "."], { HIDB_ORDER: "x" })]);
    expect(readdirSync(place.folder)).toEqual([]);
  });

  it("never shows what is secret", async () => {
    const settings = {
      HIDB_PROCESSOR: "http",
      HIDB_HTTP_URL: "http://127.0.0.1:9",
      HIDB_HTTP_HEADERS: "Bearer s3cret",
    };
    const [start, entry] = await Promise.all([place.hidb(["start"], settings), place.entry(settings)]);
    expectRefusal(start, 2, /expected HIDB_HTTP_HEADERS/);
    expectLastWord(entry, /expected HIDB_HTTP_HEADERS/);
    expect(JSON.stringify([start, entry])).not.toContain("s3cret");
  });
});

describe("a processor that cannot work", () => {
  it("is a program that is not there", async () => {
    const settings = { HIDB_PROCESSOR: "command", HIDB_COMMAND: "no-such-program-7 -i {source}" };
    const [start, entry] = await Promise.all([place.hidb(["start"], settings), place.entry(settings)]);
    const said = /expected the program of HIDB_COMMAND to be executable and on PATH, got no-such-program-7/;
    expectRefusal(start, 3, said);
    expectLastWord(entry, said);
  });

  it("is a URL at which nobody listens", async () => {
    const port = await closedPort();
    const settings = { HIDB_PROCESSOR: "http", HIDB_HTTP_URL: `http://127.0.0.1:${port}/process` };
    // An instance does not look: a server that is down for a moment must not stop it for good.
    const start = await place.hidb(["start"], settings);
    expectRefusal(
      start,
      3,
      new RegExp(`expected HIDB_HTTP_URL to answer at 127\\.0\\.0\\.1:${port}, got ECONNREFUSED`),
    );
  });

  it("leaves the videos as they are", async () => {
    await place.fill(3);
    await place.entry({ HIDB_PROCESSOR: "command", HIDB_COMMAND: "no-such-program-7" });
    expect(place.query("SELECT state, attempt, deaths FROM hidb_videos")).toEqual(
      Array(3).fill({ state: "pending", attempt: 0, deaths: 0 }),
    );
    expect(place.query("SELECT * FROM hidb_instances")).toEqual([]);
  });
});

describe("a catalogue", () => {
  it("without a single video ends with 3, and starts no daemon", async () => {
    mkdirSync(join(place.folder, "empty"));
    const answer = await place.hidb(["start", "empty"]);
    expectRefusal(answer, 3, /expected at least one video in the catalogue, found none in videos/);
    expect(existsSync(join(place.folder, "pm2"))).toBe(false);
  });

  it("of somebody else that is empty ends with 3", async () => {
    await place.fill(0).catch(() => undefined);
    place.query("CREATE TABLE films (nr INTEGER PRIMARY KEY, path TEXT)");
    const settings = { HIDB_CATALOGUE_TABLE: "films", HIDB_CATALOGUE_ID: "nr", HIDB_CATALOGUE_SOURCE: "path" };
    expectRefusal(await place.hidb(["start"], settings), 3, /found none in films/);
  });

  it.each([
    [{ HIDB_CATALOGUE_TABLE: "films" }, /expected a table films in the database, found none/],
    [{ HIDB_CATALOGUE_SOURCE: "path" }, /expected the table videos to have a column path, found only id, source/],
  ])("of %o that is not there ends with 2", async (settings, said) => {
    await place.fill(1);
    const given = settings as Record<string, string>;
    const [start, entry] = await Promise.all([place.hidb(["start"], given), place.entry(given)]);
    expectRefusal(start, 2, said);
    expectLastWord(entry, said);
  });

  it("list that is missing, broken or of no known kind ends with 2, and changes nothing", async () => {
    await place.fill(2);
    writeFileSync(join(place.folder, "broken.json"), "[{]");
    writeFileSync(join(place.folder, "list.xml"), "<a/>");
    const answers = await Promise.all([
      place.hidb(["add", "no-such-list.csv"]),
      place.hidb(["add", "broken.json"]),
      place.hidb(["start", "broken.json"]),
    ]);
    for (const answer of answers) expectRefusal(answer, 2, /^error: expected/);
    expect(place.query("SELECT count(*) AS n FROM videos")).toEqual([{ n: 2 }]);
  });
});
