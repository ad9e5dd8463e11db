// A D1 server for pools that PM2 starts, with the files in which its databases can be looked at from outside.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openD1Http } from "../../src/database/d1-http.js";
import { migrate } from "../../src/database/migrate.js";
import { FAULT_NAMES, type Faults } from "../d1/faults.ts";
import { type D1Server, type D1ServerOptions, startD1Server } from "../d1/server.ts";
import { createPool, type PoolOptions, ROOT, type TestPool } from "./pool.js";

export class D1Home {
  readonly server: D1Server;
  readonly #folder: string;
  readonly #pools: TestPool[] = [];

  static async start(options: D1ServerOptions = {}): Promise<D1Home> {
    const folder = mkdtempSync(join(tmpdir(), "hd-"));
    const roomy = { limits: { max: 1_000_000 }, slots: 16 };
    return new D1Home(await startD1Server({ ...roomy, ...options, persist: folder }), folder);
  }

  private constructor(server: D1Server, folder: string) {
    this.server = server;
    this.#folder = folder;
  }

  /**
   * A pool whose instances know nothing but HTTP. The test itself looks into the file behind workerd's database, so
   * that it sees what is committed whatever happens to requests.
   */
  async createPool({ settings = {}, ...options }: PoolOptions = {}): Promise<TestPool> {
    const { accountId, apiToken, baseUrl } = this.server;
    const before = this.#files();
    const databaseId = await this.server.addDatabase(`pool-${before.length}`);
    const database = await openD1Http({ accountId, apiToken, baseUrl, databaseId });
    await migrate(database, { folder: join(ROOT, "data/migrations"), withCatalogue: true });
    await database.close();
    const [file] = this.#files().filter((name) => !before.includes(name));
    if (file === undefined) throw new Error("expected a new database to have a file of its own");
    const remote = {
      HIDB_DATABASE: "d1",
      HIDB_D1_BASE_URL: baseUrl,
      HIDB_D1_DATABASE: databaseId,
      CLOUDFLARE_ACCOUNT_ID: accountId,
      CLOUDFLARE_API_TOKEN: apiToken,
      HIDB_D1_REQUESTS_PER_5MIN: "100000",
      HIDB_HEARTBEAT_MS: "1000",
      HIDB_LEASE_MS: "6000",
      HIDB_GROUP_MS: "500",
    };
    return this.#keep(await createPool({ ...options, file, settings: { ...remote, ...settings } }));
  }

  /** Another PM2 home that works on the same database. */
  async createPoolBeside(pool: TestPool, options: Pick<PoolOptions, "within"> = {}): Promise<TestPool> {
    const { HIDB_SPOOL_DIR: _, HIDB_LOG_DIR: __, ...settings } = pool.settings;
    return this.#keep(await createPool({ ...options, beside: pool, settings }));
  }

  setFaults(faults: Partial<Faults>): void {
    for (const name of FAULT_NAMES) this.server.faults[name] = 0;
    Object.assign(this.server.faults, faults);
  }

  /** Ends every pool, however its test has ended. */
  async endPools(): Promise<void> {
    this.setFaults({ outage: false, next: [] });
    for (const pool of this.#pools.splice(0)) await pool.end();
  }

  async close(): Promise<void> {
    await this.endPools();
    await this.server.close();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  #keep(pool: TestPool): TestPool {
    this.#pools.push(pool);
    return pool;
  }

  #files(): string[] {
    const names = readdirSync(this.#folder, { recursive: true, encoding: "utf8" });
    return names
      .filter((name) => name.endsWith(".sqlite") && !name.endsWith("metadata.sqlite"))
      .map((name) => join(this.#folder, name));
  }
}

/** Some of everything that the way to Cloudflare can do to a request. */
export const WEATHER = {
  dropBefore: 0.02,
  dropAfter: 0.02,
  error500: 0.02,
  error503: 0.02,
  truncate: 0.02,
  limit429: 0.01,
  connectionLost: 0.01,
  overloaded: 0.01,
} satisfies Partial<Faults>;
