// What a video costs on D1: requests, rows read, rows written, by the server's own counters over real workerd D1; and
// what an idle instance costs. All settings are D1's defaults, startup and farewell included.

import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { D1Database } from "@cloudflare/workers-types";
import { openD1Http } from "../../dist/database/d1-http.js";
import { migrate } from "../../dist/database/migrate.js";
import { type D1Server, startD1Server } from "../d1/server.ts";
import { readCatalogue } from "./catalogue.ts";
import { type Entry, ROOT, World } from "./world.ts";

export interface D1Figure {
  what: string;
  instances: number;
  pending: number;
  completed: number;
  seconds: number;
  "requests/video": number;
  "rows read/video": number;
  "rows written/video": number;
  "requests/min": number;
}

const INSTANCES = 3;
const RUN_S = 60;
const IDLE_S = 90;

/** `only` names a part of `what`. */
export async function benchD1(only = ""): Promise<D1Figure[]> {
  const { entries } = readCatalogue();
  const sum = entries.reduce((total, { durationS }) => total + (durationS ?? 0), 0);
  const factor = (RUN_S * INSTANCES) / sum;
  const mean = sum / entries.length;
  const many = (videos: number): Entry[] => Array.from({ length: videos }, () => ({ durationS: mean }));
  const server = await startD1Server({ limits: { max: 1200 } });
  const plans: Plan[] = [
    { what: "the real durations, to the end", entries, factor, untilS: Number.POSITIVE_INFINITY },
    { what: "half a minute of many", entries: many(2376), factor, untilS: RUN_S / 2 },
    { what: "half a minute of many", entries: many(100_000), factor, untilS: RUN_S / 2 },
  ];
  try {
    const figures: D1Figure[] = [];
    for (const plan of plans) if (plan.what.includes(only)) figures.push(await measure(server, plan));
    return "idle".includes(only) ? [...figures, await measureIdle(server)] : figures;
  } finally {
    await server.close();
  }
}

interface Plan {
  what: string;
  entries: Entry[];
  factor: number;
  untilS: number;
}

async function measure(server: D1Server, { what, entries, factor, untilS }: Plan): Promise<D1Figure> {
  const { world, database } = await prepare(server, entries, factor);
  const before = { ...server.totals };
  const started = performance.now();
  const secondsSince = () => (performance.now() - started) / 1000;
  try {
    await world.pm2Beside("start", "ecosystem.cluster.config.cjs", "-i", String(INSTANCES));
    while (secondsSince() < untilS && (await count(database, "finished_at IS NULL")) > 0) await delay(200);
    const seconds = secondsSince();
    await world.pm2Beside("stop", "hidb");
    return toFigure(
      { what, instances: INSTANCES, pending: entries.length, seconds },
      {
        before,
        after: server.totals,
        completed: await count(database, "state = 'completed'"),
      },
    );
  } finally {
    world.end();
  }
}

/** After its first minute: starting and looking around is not idling. */
async function measureIdle(server: D1Server): Promise<D1Figure> {
  const { world } = await prepare(server, [], 1);
  try {
    await world.pm2Beside("start", "ecosystem.cluster.config.cjs", "-i", "1");
    await delay(20_000);
    const before = { ...server.totals };
    await delay(IDLE_S * 1000);
    const rest = { what: "idle", instances: 1, pending: 0, seconds: IDLE_S };
    return toFigure(rest, { before, after: server.totals, completed: 0 });
  } finally {
    world.end();
  }
}

async function prepare(
  server: D1Server,
  entries: Entry[],
  factor: number,
): Promise<{ world: World; database: D1Database }> {
  const { baseUrl, accountId, apiToken } = server;
  const databaseId = await server.addDatabase(`bench-${entries.length}-${performance.now()}`);
  const remote = await openD1Http({ baseUrl, accountId, apiToken, databaseId });
  await migrate(remote, { folder: join(ROOT, "data", "migrations"), withCatalogue: true });
  const rows = entries.map(({ durationS }, at) => [at + 1, durationS]);
  for (let from = 0; from < rows.length; from += 10_000) {
    const text = JSON.stringify(rows.slice(from, from + 10_000));
    await remote.batch([
      remote
        .prepare(
          "INSERT INTO videos (id, source, duration_s) SELECT value ->> 0, value ->> 0, value ->> 1 FROM json_each(?)",
        )
        .bind(text),
      remote.prepare("INSERT INTO hidb_videos (video_id) SELECT value ->> 0 FROM json_each(?)").bind(text),
    ]);
  }
  await remote.close();
  server.resetLimits();
  const world = await World.create([], {
    HIDB_DATABASE: "d1",
    HIDB_D1_BASE_URL: baseUrl,
    HIDB_D1_DATABASE: databaseId,
    CLOUDFLARE_ACCOUNT_ID: accountId,
    CLOUDFLARE_API_TOKEN: apiToken,
    HIDB_REHEARSE_FACTOR: factor.toFixed(12),
  });
  return { world, database: (await server.binding(databaseId)) as D1Database };
}

async function count(database: D1Database, where: string): Promise<number> {
  return (await database.prepare(`SELECT count(*) AS n FROM hidb_videos WHERE ${where}`).first<number>("n")) ?? 0;
}

interface Measured {
  before: D1Server["totals"];
  after: D1Server["totals"];
  completed: number;
}

function toFigure(
  rest: Pick<D1Figure, "what" | "instances" | "pending" | "seconds">,
  { before, after, completed }: Measured,
): D1Figure {
  const requests = after.requests - before.requests;
  console.error(
    `bench: ${rest.what}, ${rest.pending} pending: ${completed} completed in ${Math.round(rest.seconds)} s, ${requests} requests`,
  );
  const each = (total: number) => (completed === 0 ? 0 : Number((total / completed).toFixed(3)));
  return {
    ...rest,
    seconds: Math.round(rest.seconds),
    completed,
    "requests/video": each(requests),
    "rows read/video": each(after.rowsRead - before.rowsRead),
    "rows written/video": each(after.rowsWritten - before.rowsWritten),
    "requests/min": Number(((60 * requests) / rest.seconds).toFixed(2)),
  };
}

if (import.meta.main) console.table(await benchD1(process.argv[2]));
