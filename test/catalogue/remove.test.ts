import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adoptVideos } from "../../src/catalogue/adopt.js";
import { findRemovable, type Removal, removeVideos } from "../../src/catalogue/remove.js";
import type { Database } from "../../src/database/database.js";
import { STATES } from "../../src/video.js";
import { CATALOGUE, World } from "../claim/world.js";
import { prepareDatabase } from "../d1/life.ts";
import { type D1Server, startD1Server } from "../d1/server.ts";

const NOW = 1_795_000_000_000;
const ALL: Removal = { ids: null, states: [...STATES], matches: () => true, now: NOW };

/** One video in each state, and one that was cancelled while it ran, a second ago. */
const VIDEOS: Record<number, string> = {
  1: "state = 'pending'",
  2: "state = 'running', instance = 'i', claimed_at = 1, attempt = 1",
  3: "state = 'completed', finished_at = 1, output = '{}', attempt = 1",
  4: "state = 'failed', finished_at = 1, attempt = 3",
  5: "state = 'quarantined', finished_at = 1, attempt = 2, deaths = 2",
  6: "state = 'cancelled', finished_at = 1",
  7: `state = 'cancelled', instance = 'i', claimed_at = 1, attempt = 1, finished_at = ${NOW - 1000}`,
};

let server: D1Server;
beforeAll(async () => {
  server = await startD1Server();
});
afterAll(() => server.close());

const OPEN: Record<string, () => Promise<Database>> = {
  SQLite: async () => (await World.create()).database,
  D1: async () => (await prepareDatabase(server, { videos: 0 })).database,
};

async function setup(kind: string): Promise<Database> {
  const database = await (OPEN[kind] as () => Promise<Database>)();
  await database.prepare("DELETE FROM videos").run();
  const ids = JSON.stringify(Object.keys(VIDEOS).map(Number));
  const each = "FROM json_each(?)";
  await database.prepare(`INSERT INTO videos (id, source) SELECT value, '/v/' || value ${each}`).bind(ids).run();
  await adoptVideos(database, CATALOGUE);
  await database.batch([
    ...Object.entries(VIDEOS).map(([id, change]) =>
      database.prepare(`UPDATE hidb_videos SET ${change} WHERE video_id = ?`).bind(Number(id)),
    ),
    database
      .prepare(
        `INSERT INTO hidb_attempts (video_id, attempt, instance, outcome, reason, claimed_at, ended_at)
         SELECT value, 1, 'i', 'failed', 'why', 1, 1 ${each}`,
      )
      .bind(ids),
    database
      .prepare(
        `INSERT INTO hidb_usage (video_id, attempt, plan, over_limits, figures) SELECT value, 1, 'paid', '[]', '{}' ${each}`,
      )
      .bind(ids),
  ]);
  return database;
}

async function removeAll(database: Database, removal: Removal): Promise<{ removed: number[]; running: number }> {
  const all = { removed: [] as number[], running: 0 };
  for await (const { ids, running } of findRemovable(database, removal)) {
    all.removed.push(...(await removeVideos(database, ids, removal)));
    all.running += running;
  }
  all.removed.sort((a, b) => a - b);
  return all;
}

async function left(database: Database): Promise<number[][]> {
  const tables = [
    ["hidb_videos", "video_id"],
    ["videos", "id"],
    ["hidb_attempts", "video_id"],
    ["hidb_usage", "video_id"],
  ];
  return Promise.all(
    tables.map(async ([table, id]) => {
      const { results } = await database.prepare(`SELECT ${id} AS id FROM ${table} ORDER BY 1`).all<{ id: number }>();
      return results.map((row) => row.id);
    }),
  );
}

describe.each(["SQLite", "D1"])("a removal on %s", (kind) => {
  it("takes videos with all that is recorded of them, but for those that run or may still run", async () => {
    const database = await setup(kind);
    expect(await removeAll(database, ALL)).toEqual({ removed: [1, 3, 4, 5, 6], running: 2 });
    expect(await left(database)).toEqual([
      [2, 7],
      [2, 7],
      [2, 7],
      [2, 7],
    ]);
    expect(await removeAll(database, { ...ALL, now: NOW + 10_000 })).toEqual({ removed: [7], running: 1 });
    await database.close();
  });

  it("keeps to ids, states and sources at the same time", async () => {
    const database = await setup(kind);
    const choice: Removal = { ...ALL, ids: [1, 3, 4], states: ["pending", "failed"], matches: (at) => at !== "/v/1" };
    expect(await removeAll(database, choice)).toEqual({ removed: [4], running: 0 });
    await database.close();
  });

  it("leaves a video that was claimed, or has ended, after it was found", async () => {
    const database = await setup(kind);
    await database.prepare(`UPDATE hidb_videos SET ${VIDEOS[2]} WHERE video_id = 1`).run();
    await database.prepare(`UPDATE hidb_videos SET ${VIDEOS[3]} WHERE video_id = 4`).run();
    expect(await removeVideos(database, [1, 4], { states: ["pending", "failed"], now: NOW })).toEqual([]);
    expect((await left(database))[1]).toEqual([1, 2, 3, 4, 5, 6, 7]);
    await database.close();
  });
});

describe("a removal of many videos", () => {
  it("goes through them page by page, negative ids first", async () => {
    await using world = await World.create();
    await world.rows(
      "WITH RECURSIVE n (id) AS (SELECT -2000 UNION ALL SELECT id + 1 FROM n WHERE id < 2500) INSERT INTO videos (id, source) SELECT id, '/v/' || id FROM n",
    );
    await adoptVideos(world.database, CATALOGUE);
    const pages: number[][] = [];
    for await (const { ids } of findRemovable(world.database, ALL)) {
      expect(await removeVideos(world.database, ids, ALL)).toHaveLength(ids.length);
      pages.push(ids);
    }
    expect(pages.map((ids) => [ids[0], ids.at(-1), ids.length])).toEqual([
      [-2000, -1, 2000],
      [0, 1999, 2000],
      [2000, 2500, 501],
    ]);
  });
});
