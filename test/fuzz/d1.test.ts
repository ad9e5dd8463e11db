import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { verifyDatabase } from "../../src/report/verify.js";
import type { Outcome } from "../../src/video.js";
import { CATALOGUE, completedIn, prepareDatabase, startLife } from "../d1/life.ts";
import { startD1Server } from "../d1/server.ts";
import { MUTATIONS } from "./d1/mutations.ts";
import { startProxy } from "./d1/proxy.ts";
import { fuzzD1 } from "./d1/run.ts";
import { Chance } from "./random.ts";

const VIDEOS = 200;
const done: Outcome = { kind: "completed", output: '{"ok":true}' };

describe("D1's answers, whatever has become of them", () => {
  it("are never garbage taken for a success, nor a write sent twice, nor an untrue word about one", async () => {
    expect(await fuzzD1({ seed: 6, count: 2 * MUTATIONS.length })).toEqual([]);
  });

  it("let a pool lose and double nothing", async () => {
    const server = await startD1Server({ seed: 1, slots: 2, limits: { max: 1_000_000 } });
    const { databaseId, database } = await prepareDatabase(server, { videos: VIDEOS });
    const proxy = await startProxy(server.baseUrl, { chance: new Chance(6), share: 0 });
    const runs = new Map<number, number>();
    const process = async ({ id }: { id: number }) => {
      runs.set(id, (runs.get(id) ?? 0) + 1);
      await delay(3);
      return done;
    };
    const through = { ...server, baseUrl: proxy.baseUrl };
    const lives = await Promise.all([0, 1].map((processId) => startLife(through, databaseId, { process, processId })));
    proxy.rage(0.3);
    const open = "SELECT count(*) AS n FROM hidb_videos WHERE finished_at IS NULL";
    while ((await database.prepare(open).first<number>("n")) !== 0) {
      // What is left is settled in peace: a database that never answers right is another test's.
      if (proxy.used.length > 20) proxy.rage(0);
      await delay(100);
    }
    proxy.rage(0);
    for (const { loop } of lives) loop.drain("the test is over");
    expect(await Promise.all(lives.map(({ ended }) => ended))).toEqual([0, 0]);
    expect(proxy.used.length).toBeGreaterThan(5);
    const completed = lives.flatMap(({ events }) => completedIn(events)).sort((a, b) => a - b);
    expect(completed).toEqual(Array.from({ length: VIDEOS }, (_, at) => at + 1));
    expect([...runs.values()].every((times) => times === 1)).toBe(true);
    const verified = await verifyDatabase(database, { catalogue: CATALOGUE, isDead: () => false, now: Date.now() });
    expect(verified).toMatchObject({ problems: [], videos: VIDEOS });
    proxy.close();
    await server.close();
  });
});
