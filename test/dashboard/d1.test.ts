// The page of a pool on D1, where each look is a request of a budget that the whole account shares.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock as clock } from "../../src/clock.js";
import { batchRequests } from "../../src/database/d1/request-batcher.js";
import { openD1Http } from "../../src/database/d1-http.js";
import { prepareDatabase } from "../d1/life.ts";
import { type D1Server, startD1Server } from "../d1/server.ts";
import { type Served, serve } from "./served.js";

let server: D1Server;
beforeAll(async () => {
  server = await startD1Server({ seed: 1, slots: 8, limits: { max: 1_000_000 } });
});
afterAll(() => server.close());

async function setup(videos: number): Promise<Served> {
  const { databaseId, database } = await prepareDatabase(server, { videos });
  await database.prepare("INSERT INTO hidb_videos (video_id) SELECT id FROM videos").run();
  const { accountId, apiToken, baseUrl } = server;
  const remote = await openD1Http({ accountId, apiToken, baseUrl, databaseId, clock });
  return serve({
    database: batchRequests(remote, { clock, ready: async () => undefined }),
    settings: {
      ...{ HIDB_DATABASE: "d1", CLOUDFLARE_ACCOUNT_ID: accountId, CLOUDFLARE_API_TOKEN: apiToken },
      HIDB_D1_DATABASE: databaseId,
      HIDB_D1_BASE_URL: baseUrl,
    },
  });
}

async function requestsOf(work: () => Promise<unknown>): Promise<number> {
  const before = server.totals.requests;
  await work();
  return server.totals.requests - before;
}

describe("on D1", () => {
  it("a page that stays open asks once in a heartbeat, whatever it shows", async () => {
    const { ask } = await setup(100);
    const look = async () => {
      for (const path of ["overview", "instances", "failures", "series", "d1", "videos?state=failed"]) {
        expect([path, (await ask(`/api/v1/${path}`)).status]).toEqual([path, 200]);
      }
    };
    const first = await requestsOf(look);
    const further = await requestsOf(async () => {
      for (let n = 0; n < 5; n++) await look();
    });
    // A page of videos is what somebody has asked for: it is asked anew.
    expect(further).toBe(5);
    console.log(`D1: first look ${first} requests, each further one ${further / 5} (the page of videos)`);
    expect((await ask("/metrics")).text).toContain("hidb_d1_requests_budget 1000\n");
  });

  it("a worker outside claims, settles, and is fenced as everywhere", async () => {
    const served = await setup(6);
    const settle = async () => {
      const { video, claim } = (await served.next()).body;
      const say = () => served.change(`/api/v1/videos/${video.id}/outcome`, { claim, outcome: "completed", output: 1 });
      expect((await say()).body).toEqual({ settled: "completed" });
      return say;
    };
    const first = await requestsOf(settle);
    const further = await requestsOf(async () => {
      for (let n = 0; n < 4; n++) await settle();
    });
    console.log(`D1: first video ${first} requests, each further one ${further / 4}`);
    expect(further / 4).toBeLessThanOrEqual(6);
    const say = await settle();
    expect((await say()).body).toEqual({ settled: "completed" });
    expect((await served.next()).status).toBe(204);
    const rows = await served.rows("SELECT completed, state FROM hidb_instances WHERE host = 'outside'");
    expect(rows).toEqual([{ completed: 6, state: "gone" }]);
  });
});
