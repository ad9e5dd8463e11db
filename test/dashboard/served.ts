// A dashboard over a database of its own, on real ports: the instance that serves it is this very process.
import { onTestFinished } from "vitest";
import { adoptVideos } from "../../src/catalogue/adopt.js";
import { identifyProcess } from "../../src/claim/liveness.js";
import { beginWork, register } from "../../src/claim/membership.js";
import { reclaimVideos } from "../../src/claim/reclaim.js";
import { systemClock as clock } from "../../src/clock.js";
import { readConfig } from "../../src/config/read.js";
import { Dashboard } from "../../src/dashboard/serve.js";
import type { ServedPool } from "../../src/dashboard/served-pool.js";
import { ensureToken } from "../../src/dashboard/token.js";
import type { Database } from "../../src/database/database.js";
import type { PoolEvent } from "../../src/report/event.js";
import { openJournal } from "../../src/report/journal.js";
import { LOCAL_CLAIMS, LOCAL_SETTLEMENTS } from "../../src/store/local.js";
import { REMOTE_CLAIMS, REMOTE_SETTLEMENTS } from "../../src/store/remote/remote.js";
import { makeDatabase, makeFolder, OWN_CATALOGUE } from "../catalogue/world.js";
import { freePort } from "../support/ports.js";

interface Options {
  /** How many, from id 1 on. */
  videos?: number;
  settings?: Record<string, string>;
  /** Another one over the same database. */
  beside?: Served;
  processId?: number;
  database?: Database;
}

export interface Answer {
  status: number;
  headers: Headers;
  /** As JSON; undefined for anything else. */
  // biome-ignore lint/suspicious/noExplicitAny: what an answer holds is what its test is about.
  body: any;
  text: string;
}

export interface Served {
  folder: string;
  url: string;
  ownUrl: string;
  token: string;
  database: Database;
  pool: ServedPool;
  dashboard: Dashboard;
  events: PoolEvent[];
  ask(path: string, init?: RequestInit): Promise<Answer>;
  /** With the token. */
  change(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** As the only worker outside, if not said otherwise. */
  next(query?: string): Promise<Answer>;
  rows<T = Record<string, unknown>>(sql: string, ...values: unknown[]): Promise<T[]>;
  /** As an instance does with each heartbeat. */
  reclaim(): Promise<number>;
}

export async function serve(options: Options = {}): Promise<Served> {
  const { videos = 0, settings = {}, beside, processId = 0 } = options;
  const folder = beside?.folder ?? makeFolder();
  const file = `${folder}/hidb.sqlite`;
  const port = beside?.pool.config.port ?? (await freePort(4));
  const paths = { HIDB_SQLITE_FILE: file, HIDB_LOG_DIR: `${folder}/logs`, HIDB_JOURNAL: `${folder}/journal` };
  const config = readConfig({ environment: { ...paths, HIDB_PORT: String(port), ...settings }, cwd: folder });
  const database = options.database ?? beside?.database ?? (await makeDatabase(file));
  if (videos > 0) await addVideos(database, videos);
  const { leaseMs } = config;
  const instance = await register({ identity: identifyProcess(), processId, leaseMs: 3_600_000, database, clock });
  await beginWork(instance);
  const journal = openJournal(config.journal, { instance: instance.id, boot: "here", clock });
  const events: PoolEvent[] = [];
  const report = (event: PoolEvent) => {
    events.push(event);
    journal.write(event, 0);
  };
  const store = database.pacing?.chargesRows
    ? { claimStyle: REMOTE_CLAIMS, settleStyle: REMOTE_SETTLEMENTS }
    : { claimStyle: LOCAL_CLAIMS, settleStyle: LOCAL_SETTLEMENTS };
  const pool: ServedPool = {
    config,
    database,
    catalogue: OWN_CATALOGUE,
    clock,
    store,
    instance,
    rank: () => 0,
    report,
  };
  const dashboard = new Dashboard(pool);
  onTestFinished(async () => {
    await dashboard.close();
    journal.close();
  });
  const url = `http://127.0.0.1:${port}`;
  const token = ensureToken(config).value;
  const ask = async (path: string, init?: RequestInit): Promise<Answer> => toAnswer(await fetch(url + path, init));
  const authorization = `Bearer ${token}`;
  const rows = async <T>(sql: string, ...values: unknown[]) =>
    (
      await database
        .prepare(sql)
        .bind(...values)
        .all<T>()
    ).results;
  if (config.port > 0 && beside === undefined && port + 1 + processId <= 65_535) await untilListening(dashboard);
  return {
    ...{ folder, url, ownUrl: `http://127.0.0.1:${port + 1 + processId}`, token, database, pool, dashboard, events },
    ...{ ask, rows },
    change: (path, body = {}, headers = {}) =>
      ask(path, {
        method: "POST",
        body: typeof body === "string" ? body : JSON.stringify(body),
        headers: { "content-type": "application/json", authorization, ...headers },
      }),
    next: (query = "?worker_id=0&worker_count=1") => ask(`/api/v1/videos/next${query}`, { headers: { authorization } }),
    async reclaim() {
      const taken = await reclaimVideos({ ...instance, leaseMs }, { maxAttempts: config.maxAttempts, thorough: true });
      for (const one of taken) report({ type: "video.reclaimed", ...one });
      return taken.length;
    },
  };
}

export async function addVideos(database: Database, count: number): Promise<void> {
  await database
    .prepare(
      `WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ?)
       INSERT INTO videos (id, source, title, duration_s)
       SELECT id, '/videos/' || id || '.mp4', 'Film ' || id, 1.5 FROM n`,
    )
    .bind(count)
    .run();
  await adoptVideos(database, OWN_CATALOGUE);
}

export async function toAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
}

async function untilListening(dashboard: Dashboard): Promise<void> {
  while (dashboard.ports.shared === undefined || dashboard.ports.own === undefined) await clock.turn();
}
