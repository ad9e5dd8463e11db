// A pool of a test whose processor is a Worker.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createPool, type PoolOptions, type TestPool } from "./pool.js";

export const SECRET = "geheimes-wort";

export interface Given extends PoolOptions {
  /** Stands in the wrangler config besides the usual. */
  config?: object;
}

/** A pool whose processor is this Worker; its database has a table `done` that the Worker writes to. */
export async function createWorkerPool(
  source: string,
  { config, settings, ...options }: Given = {},
): Promise<TestPool> {
  const pool = await createPool(options);
  const folder = join(pool.folder, "app");
  mkdirSync(folder);
  writeFileSync(join(folder, "index.js"), source);
  writeFileSync(join(folder, ".dev.vars"), `KEY=${SECRET}`);
  const wrangler = {
    ...{ name: "app", main: "index.js", compatibility_date: "2026-07-30", no_bundle: true },
    d1_databases: [{ binding: "DB" }],
    ...config,
  };
  writeFileSync(join(folder, "wrangler.json"), JSON.stringify(wrangler));
  Object.assign(pool.settings, {
    HIDB_PROCESSOR: "worker",
    HIDB_WORKER: join(folder, "wrangler.json"),
    HIDB_WORKER_DIR: join(pool.folder, "state"),
    ...settings,
  });
  pool.database.exec("CREATE TABLE done (video_id INTEGER, note TEXT)");
  return pool;
}

/** What the Worker does with a video, as the body of a function of `id`, `request`, `env` and `ctx`. */
export const processing = (body: string, more = "") => `export default {
  async fetch(request, env, ctx) {
    const { id, attempt } = request.method === "POST" ? await request.json() : {};
    ${body}
    return Response.json({ id });
  },
  ${more}
};`;

const WRITES = `ctx.waitUntil(scheduler.wait(MS).then(() =>
  env.DB.prepare("INSERT INTO done (video_id) VALUES (?)").bind(id).run()));`;
export const writing = (ms: number) => WRITES.replace("MS", String(ms));

/** How many videos the Worker has written a row for. */
export function doneVideos(pool: TestPool): number {
  return pool.database.prepare("SELECT count(DISTINCT video_id) FROM done").pluck().get() as number;
}
