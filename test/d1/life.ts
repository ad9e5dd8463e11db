// One instance on D1 over HTTP, in this process: everything real but the processor.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { watchCatalogue } from "../../src/catalogue/adopt.js";
import { Claimer, type ClaimerOptions } from "../../src/claim/claimer.js";
import { identifyProcess, type ProcessIdentity } from "../../src/claim/liveness.js";
import { type Instance, register } from "../../src/claim/membership.js";
import { systemClock } from "../../src/clock.js";
import { batchRequests } from "../../src/database/d1/request-batcher.js";
import { RequestBudget } from "../../src/database/d1/request-budget.js";
import { openD1Http } from "../../src/database/d1-http.js";
import type { Database } from "../../src/database/database.js";
import { migrate } from "../../src/database/migrate.js";
import { Corridor, type House } from "../../src/pool/corridor.js";
import type { AttemptContext } from "../../src/process/processor.js";
import type { PoolEvent } from "../../src/report/event.js";
import { inheritSpools } from "../../src/settle/inherit.js";
import { Settler, type SettlerOptions } from "../../src/settle/settler.js";
import { Spool } from "../../src/settle/spool.js";
import type { CatalogueTable, Outcome, Video } from "../../src/video.js";
import type { D1Server } from "./server.ts";

export const CATALOGUE: CatalogueTable = {
  table: "videos",
  id: "id",
  source: "source",
  title: "title",
  duration: "duration_s",
};
const MIGRATIONS = resolve(import.meta.dirname, "../../data/migrations");

export interface LifeOptions {
  process: (video: Video, context: AttemptContext) => Promise<Outcome>;
  processId?: number;
  identity?: Partial<ProcessIdentity>;
  leaseMs?: number;
  requests?: number;
  /** The server's own by default. */
  apiToken?: string;
  spoolDir?: string;
  config?: Partial<House["config"]>;
  settler?: Partial<SettlerOptions>;
  claimer?: Partial<ClaimerOptions>;
}

export interface Life {
  instance: Instance;
  corridor: Corridor;
  events: PoolEvent[];
  budget: RequestBudget;
  spoolDir: string;
  /** Resolves to the exit code. */
  ended: Promise<number>;
}

/** Connects as a command does, without a budget. */
export function connect(server: D1Server, databaseId = server.databaseId): Promise<Database> {
  const { accountId, apiToken, baseUrl } = server;
  return openD1Http({ accountId, apiToken, baseUrl, databaseId, patienceMs: 3000, backoffMs: 50 });
}

/** An empty database with hidb's tables and these many videos. */
export async function prepareDatabase(
  server: D1Server,
  { videos, durationS = 1 }: { videos: number; durationS?: number },
) {
  const databaseId = await server.addDatabase(`pool-${videos}-${Math.random()}`);
  const database = await connect(server, databaseId);
  await migrate(database, { folder: MIGRATIONS, withCatalogue: true });
  await database
    .prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO videos (id, source, duration_s) SELECT i, 'video-' || i, ? FROM n`,
    )
    .bind(videos, durationS)
    .run();
  return { databaseId, database };
}

export async function startLife(server: D1Server, databaseId: string, options: LifeOptions): Promise<Life> {
  const { accountId, baseUrl } = server;
  const apiToken = options.apiToken ?? server.apiToken;
  const clock = systemClock;
  const budget = new RequestBudget(clock, options.requests ?? 100_000);
  const remote = await openD1Http({
    ...{ accountId, apiToken, baseUrl, databaseId, clock, deadlineMs: 2000, patienceMs: 5000, backoffMs: 50 },
    admit: () => budget.take(),
    onRequest: (costs) => budget.note(costs),
  });
  const database = batchRequests(remote, { clock, ready: () => budget.ready() });
  const identity = { ...identifyProcess(), ...options.identity };
  const { processId = 0, leaseMs = 3000 } = options;
  const instance = await register({ identity, processId, leaseMs, database, clock, budget });
  const spoolDir = options.spoolDir ?? mkdtempSync(join(tmpdir(), "hidb-spool-"));
  const spool = new Spool(spoolDir, { database: databaseId, instance: instance.id, ...identity });
  const events: PoolEvent[] = [];
  const report = (event: PoolEvent) => events.push(event);
  const settling = {
    ...{ database, clock, maxAttempts: 3, groupCount: 50, groupMs: 300, backoffMs: 20, backoffMaxMs: 100 },
    onTrouble: () => undefined,
    ...options.settler,
  };
  const corridor = new Corridor({
    ...{ instance, report, spool },
    claimer: new Claimer(instance, { sharding: "modulo", order: "id", catalogue: CATALOGUE, ...options.claimer }),
    processor: { process: options.process, close: async () => undefined },
    settler: new Settler({ ...settling, instance: instance.id, spool }),
    findNewVideos: watchCatalogue(database, clock, CATALOGUE),
    inherit: async (dead) => {
      await inheritSpools({
        ...{ folder: spoolDir, databaseName: databaseId, settler: settling },
        isDead: (owner) => dead?.includes(owner.instance) ?? owner.boot !== identity.boot,
        onSettled: ({ claim, outcome, durMs, settledAt, instance: heirOf }) =>
          report({ type: "attempt.finished", claim, outcome, durMs, at: settledAt, heirOf }),
      });
    },
    config: {
      ...{ concurrency: 1, claimCount: 50, drainMs: 5000, heartbeatMs: 500, instanceMemoryMb: 100_000, timeoutMs: 0 },
      // No life here waits for another one to show what it takes.
      force: true,
      maxAttempts: 3,
      ...options.config,
    },
  });
  await corridor.open();
  return { instance, corridor, events, budget, spoolDir, ended: corridor.run() };
}

export function completedIn(events: PoolEvent[]): number[] {
  const ended = events.filter((event) => event.type === "attempt.finished");
  return ended.filter(({ outcome }) => outcome.kind === "completed").map(({ claim }) => claim.video.id);
}
