import { afterAll, beforeAll, expect, it } from "vitest";
import { retryVideos } from "../../src/catalogue/backlog.js";
import { systemClock } from "../../src/clock.js";
import type { Database } from "../../src/database/database.js";
import { migrate } from "../../src/database/migrate.js";
import { pullMirror } from "../../src/database/mirror/pull.js";
import { pushMirror } from "../../src/database/mirror/push.js";
import { readOver } from "../../src/report/usage.js";
import { listVideos, showVideo } from "../../src/report/videos.js";
import { Settler } from "../../src/settle/settler.js";
import { LOCAL_SETTLEMENTS } from "../../src/store/local.js";
import type { Outcome, UsageReport } from "../../src/video.js";
import { MIGRATIONS, OWN_CATALOGUE } from "../catalogue/world.js";
import { OPTIONS } from "../settle/world.js";
import { run, setup, startRemote, stopRemote } from "./world.js";

beforeAll(startRemote);
afterAll(stopRemote);

const CPU: UsageReport = {
  plan: "paid",
  over: ["cpu", "d1"],
  cpuMs: 41_200,
  memoryMb: 0,
  subrequests: 0,
  serviceCalls: 0,
  cacheCalls: 0,
  d1Queries: 1204,
  requestBytes: 0,
  responseBytes: 0,
  logBytes: 0,
  waitUntilMs: 0,
  limits: { cpu: 30_000, d1: 1000 },
};

async function prepare() {
  const world = await setup();
  await migrate(world.remote, { folder: MIGRATIONS, withCatalogue: true });
  await run(
    world.remote,
    "INSERT INTO videos (id, source) VALUES (1, 'x://1'), (2, 'x://2'), (3, 'x://3')",
    "INSERT INTO hidb_videos (video_id) VALUES (1), (2), (3)",
  );
  return world;
}

/** One attempt at each of these videos, settled as one group; resolves to the rows that each statement has written. */
async function attempt(database: Database, number: number, outcomes: Record<number, Outcome>): Promise<number[]> {
  const ids = Object.keys(outcomes).map(Number);
  const claimed = `state = 'running', attempt = ${number}, instance = 'a', claimed_at = ${number}`;
  await run(database, `UPDATE hidb_videos SET ${claimed} WHERE video_id IN (${ids.join()})`);
  const written: number[] = [];
  const counting: Database = Object.create(database, {
    batch: {
      value: async (statements: Parameters<Database["batch"]>[0]) => {
        const results = await database.batch(statements);
        written.push(...results.map(({ meta }) => meta.rows_written));
        return results;
      },
    },
    prepare: { value: (sql: string) => database.prepare(sql) },
  });
  const settler = new Settler({
    style: LOCAL_SETTLEMENTS,
    ...OPTIONS,
    instance: "a",
    database: counting,
    clock: systemClock,
    onTrouble: (error) => expect.fail(error.message),
  });
  const settled = ids.map((id) => {
    const video = { id, source: "", title: null, durationS: null };
    const claim = { video, attempt: number, deaths: 0, claimedAt: number, rank: 0, count: 1 };
    return settler.settleOutcome(claim, outcomes[id] ?? completed, 1);
  });
  await settler.flush();
  expect((await Promise.all(settled)).every(({ held }) => held)).toBe(true);
  return written;
}

const completed: Outcome = { kind: "completed", output: "{}" };

it("what went over a limit is written to D1 as one row more, read back, and gone with a retry", async () => {
  const { remote } = await prepare();
  const outcomes = { 1: completed, 2: { ...completed, usage: CPU }, 3: { ...completed, usage: { ...CPU, over: [] } } };
  const [usage, ...others] = await attempt(remote, 1, outcomes);
  expect(usage).toBe(1);
  expect(others).toHaveLength(1);
  expect(await readOver(remote)).toEqual([{ plan: "paid", videos: 1, limits: { cpu: 1, d1: 1 } }]);
  expect((await showVideo(remote, OWN_CATALOGUE, 2))?.usage).toEqual(CPU);
  for await (const page of listVideos(remote, OWN_CATALOGUE, { over: ["d1"] })) expect(page).toMatchObject([{ id: 2 }]);
  expect(await retryVideos(remote, { ids: null, states: ["completed"] })).toEqual([1, 2, 3]);
  expect(await readOver(remote)).toEqual([]);
  expect(await remote.prepare("SELECT count(*) AS n FROM hidb_usage").first("n")).toBe(0);
});

it("what went over a limit in a mirror is pushed to D1 with the outcome, and replaced there by a later attempt", async () => {
  const { remote, local } = await prepare();
  let names = 0;
  await pullMirror(remote, local, { now: 1, pushed: ["hidb_videos", "hidb_attempts", "hidb_usage"] });
  const push = async () => {
    const pushed = await pushMirror(remote, local, { uniqueId: () => `source-${++names}` });
    expect(pushed).toMatchObject({ conflicts: [], refused: [] });
  };
  const again = (usage: UsageReport): Outcome => ({ kind: "retry", reason: "no", usage });
  await attempt(local, 1, { 1: completed, 2: again(CPU), 3: again(CPU) });
  await push();
  expect(await readOver(remote)).toEqual([{ plan: "paid", videos: 2, limits: { cpu: 2, d1: 2 } }]);
  await attempt(local, 2, { 2: again({ ...CPU, over: ["memory"], limits: { memory: 128 } }), 3: completed });
  await push();
  expect(await readOver(remote)).toEqual([{ plan: "paid", videos: 1, limits: { memory: 1 } }]);
});
