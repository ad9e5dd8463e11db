import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { cancelVideos, setPaused } from "../../src/catalogue/backlog.js";
import type { Database } from "../../src/database/database.js";
import { isOutcomeUnknown } from "../../src/errors.js";
import { verifyDatabase } from "../../src/report/verify.js";
import type { Outcome } from "../../src/video.js";
import { CATALOGUE, completedIn, type Life, type LifeOptions, prepareDatabase, startLife } from "../d1/life.ts";
import { type D1Server, startD1Server } from "../d1/server.ts";

let server: D1Server;

beforeAll(async () => {
  server = await startD1Server({ seed: 1, slots: 64, limits: { max: 1_000_000 } });
});
afterAll(() => server.close());
beforeEach(() => {
  for (const name of FAULTS) server.faults[name] = 0;
  server.faults.outage = false;
  server.faults.next = [];
});

const FAULTS = ["dropBefore", "dropAfter", "error500", "error503", "limit429", "truncate", "stall"] as const;
const done: Outcome = { kind: "completed", output: '{"ok":true}' };

/** Lives 0..count-1 on one database, each attempt `ms` long; counts how often each video was processed. */
async function startPool(databaseId: string, count: number, options: Partial<LifeOptions> & { ms?: number } = {}) {
  const runs = new Map<number, number>();
  const process: LifeOptions["process"] = async (video) => {
    runs.set(video.id, (runs.get(video.id) ?? 0) + 1);
    await delay(options.ms ?? 5);
    return done;
  };
  const ids = Array.from({ length: count }, (_, processId) => processId);
  const lives = await Promise.all(
    ids.map((processId) => startLife(server, databaseId, { process, ...options, processId })),
  );
  return { lives, runs };
}

async function until(happened: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await happened())) await delay(30);
}

const count = async (database: Database, where: string) =>
  (await database.prepare(`SELECT count(*) AS n FROM hidb_videos WHERE ${where}`).first<number>("n")) ?? -1;

const allEnded = (database: Database) => until(async () => (await count(database, "finished_at IS NULL")) === 0);

async function endAll(lives: Life[]): Promise<number[]> {
  for (const { loop } of lives) loop.drain("the test is over");
  return Promise.all(lives.map(({ ended }) => ended));
}

async function expectSound(database: Database): Promise<void> {
  const { problems } = await verifyDatabase(database, { catalogue: CATALOGUE, isDead: () => false, now: Date.now() });
  expect(problems).toEqual([]);
}

const numbers = (most: number) => Array.from({ length: most }, (_, index) => index + 1);
const sorted = (ids: number[]) => ids.sort((a, b) => a - b);

describe("a pool on D1", () => {
  it("processes every video once, many with each request", async () => {
    const { databaseId, database } = await prepareDatabase(server, { videos: 400 });
    const { lives, runs } = await startPool(databaseId, 3);
    await allEnded(database);
    const requests = lives.reduce((sum, { budget }) => sum + budget.costs.requests, 0);
    expect(await endAll(lives)).toEqual([0, 0, 0]);
    expect(sorted(lives.flatMap(({ events }) => completedIn(events)))).toEqual(numbers(400));
    expect([...runs.values()].every((times) => times === 1)).toBe(true);
    // Heartbeats twice a second, as here, are requests, too.
    expect(requests).toBeLessThan(200);
    await expectSound(database);
  });

  it("loses and doubles nothing when answers are lost, refused, cut short or late", async () => {
    const { databaseId, database } = await prepareDatabase(server, { videos: 300 });
    Object.assign(server.faults, { dropBefore: 0.06, dropAfter: 0.06, error500: 0.06, error503: 0.04, truncate: 0.05 });
    const binding = (await server.binding(databaseId)) as unknown as Database;
    Object.assign(server.faults, { limit429: 0.02, stall: 0.02, stallMs: [1500, 3000] });
    const { lives, runs } = await startPool(databaseId, 3, { leaseMs: 60_000 });
    server.faults.next = ["dropAfter", "truncate", "dropAfter"];
    await until(async () => (await count(binding, "finished_at IS NULL")) === 0);
    for (const name of FAULTS) server.faults[name] = 0;
    expect(await endAll(lives)).toEqual([0, 0, 0]);
    const unknown = lives.flatMap(({ events }) =>
      events.filter((event) => event.type === "database.trouble" && isOutcomeUnknown(event.error)),
    );
    expect(unknown.length).toBeGreaterThan(0);
    expect(sorted(lives.flatMap(({ events }) => completedIn(events)))).toEqual(numbers(300));
    expect([...runs.values()].every((times) => times === 1)).toBe(true);
    expect(await count(database, "attempt <> 1 OR deaths > 0")).toBe(0);
    await expectSound(database);
  });

  it("stands still in an outage, spends no attempt, and goes on by itself", async () => {
    const { databaseId, database } = await prepareDatabase(server, { videos: 60 });
    const { lives, runs } = await startPool(databaseId, 3, { ms: 50, leaseMs: 1500 });
    await until(async () => (await count(database, "state = 'completed'")) > 5);
    server.faults.outage = true;
    await delay(4000);
    server.faults.outage = false;
    await allEnded(database);
    expect(await endAll(lives)).toEqual([0, 0, 0]);
    expect([...runs.values()].every((times) => times === 1)).toBe(true);
    expect(await count(database, "attempt <> 1 OR deaths > 0")).toBe(0);
    await expectSound(database);
  });

  it("settles what a dead instance had finished and could not write", async () => {
    const { databaseId, database } = await prepareDatabase(server, { videos: 3 });
    const { pid } = spawnSync("true");
    server.tokens.set("token-of-the-dead", "write");
    const ends: (() => void)[] = [];
    const first = await startLife(server, databaseId, {
      process: () => new Promise((resolve) => ends.push(() => resolve(done))),
      config: { concurrency: 3 },
      identity: { pid, pidStartedAt: "1" },
      apiToken: "token-of-the-dead",
    });
    await until(() => ends.length === 3);
    server.faults.outage = true;
    for (const end of ends) end();
    await delay(300);
    // From here on nothing of it arrives any more, as if it had been killed.
    server.tokens.delete("token-of-the-dead");
    server.faults.outage = false;
    expect(await first.ended).toBe(1);
    expect(await count(database, "state = 'running'")).toBe(3);

    const { lives, runs } = await startPool(databaseId, 1, { spoolDir: first.spoolDir });
    await allEnded(database);
    expect(runs.size).toBe(0);
    expect(completedIn(lives[0]?.events ?? [])).toHaveLength(3);
    expect(await count(database, "state = 'completed' AND attempt = 1 AND deaths = 0")).toBe(3);
    await endAll(lives);
    expect(readdirSync(first.spoolDir)).toEqual([]);
    await expectSound(database);
  });

  it("notices a neighbour's death without a heartbeat, and takes its videos back", async () => {
    const { databaseId, database } = await prepareDatabase(server, { videos: 4 });
    const { lives } = await startPool(databaseId, 1, { leaseMs: 600_000, ms: 10 });
    await allEnded(database);
    await endAll(lives);
    await database.prepare("UPDATE hidb_videos SET state = 'pending', finished_at = NULL, instance = NULL").run();
    // A process that lives when it is first seen, and is ended then.
    const sleeper = (await import("node:child_process")).spawn("sleep", ["60"]);
    const stat = (await import("node:fs")).readFileSync(`/proc/${sleeper.pid}/stat`, "utf8");
    const pidStartedAt = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] as string;
    const victim = await startLife(server, databaseId, {
      process: (_, { signal }) =>
        new Promise((resolve) => signal.addEventListener("abort", () => resolve({ kind: "released" }))),
      config: { concurrency: 4, drainMs: 0, heartbeatMs: 60_000 },
      identity: { pid: sleeper.pid as number, pidStartedAt },
      leaseMs: 600_000,
      processId: 1,
    });
    await until(async () => (await count(database, "state = 'running'")) > 0);
    const { lives: witnesses } = await startPool(databaseId, 1, {
      leaseMs: 600_000,
      config: { heartbeatMs: 60_000 },
    });
    sleeper.kill("SIGKILL");
    await allEnded(database);
    expect(witnesses[0]?.events.some((event) => event.type === "video.reclaimed")).toBe(true);
    expect(await count(database, "deaths = 1")).toBeGreaterThan(0);
    await endAll(witnesses);
    victim.loop.drain("the test is over");
    await victim.ended;
  });

  it("hears of a pause and of a cancelled video", async () => {
    const { databaseId, database } = await prepareDatabase(server, { videos: 6 });
    await setPaused(database, true);
    const { lives, runs } = await startPool(databaseId, 1, { ms: 10 });
    await delay(1200);
    expect(runs.size).toBe(0);
    await cancelVideos(database, { ids: [3], states: ["pending"] }, Date.now());
    await setPaused(database, false);
    await allEnded(database);
    expect([...runs.keys()].sort()).toEqual([1, 2, 4, 5, 6]);
    await endAll(lives);
  });
});
