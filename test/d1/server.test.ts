// The test server itself: whether what stands in for Cloudflare behaves as Cloudflare does, down to real wrangler.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type D1Server, type D1ServerOptions, startD1Server } from "./server.js";

const WRANGLER = resolve(import.meta.dirname, "../../node_modules/wrangler/bin/wrangler.js");

let ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.reverse()) await end();
  ends = [];
});

async function setup(options: D1ServerOptions = {}): Promise<D1Server> {
  const server = await startD1Server(options);
  ends.push(() => server.close());
  return server;
}

interface Answer {
  status: number;
  headers: Headers;
  body: {
    success: boolean;
    result: { results: { columns: string[]; rows: unknown[][] } }[];
    errors: { code: number }[];
  };
}

async function post(server: D1Server, body: unknown, path = `${server.databaseId}/raw`): Promise<Answer> {
  const headers = { authorization: `Bearer ${server.apiToken}` };
  const address = `${server.baseUrl}/accounts/${server.accountId}/d1/database/${path}`;
  const response = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer["body"] };
}

describe("the test server for D1", () => {
  it("gives each statement of one text its own result, in one transaction", async () => {
    const server = await setup();
    const made = await post(server, { sql: "CREATE TABLE t (a); INSERT INTO t VALUES (1); SELECT a, a FROM t" });
    expect(made.body.result.map(({ results }) => results)).toEqual([
      { columns: [], rows: [] },
      { columns: [], rows: [] },
      { columns: ["a", "a"], rows: [[1, 1]] },
    ]);
    const failed = await post(server, { batch: [{ sql: "DELETE FROM t" }, { sql: "SELEC" }] });
    expect([failed.status, failed.body.errors[0]?.code]).toEqual([400, 7500]);
    expect((await post(server, { sql: "SELECT a FROM t" })).body.result[0]?.results.rows).toEqual([[1]]);
  });

  it("blocks the whole account for a time once its requests are spent", async () => {
    const server = await setup({ limits: { max: 3, blockMs: 60_000 } });
    for (let left = 2; left >= 0; left--) {
      const { status, headers } = await post(server, { sql: "SELECT 1" });
      expect([status, headers.get("ratelimit")]).toEqual([200, `"default";r=${left};t=300`]);
    }
    for (const path of [`${server.databaseId}/raw`, "", "any/thing"]) {
      const { status, headers, body } = await post(server, { sql: "SELECT 1" }, path);
      expect([status, body.errors[0]?.code, headers.get("retry-after")]).toEqual([429, 971, "60"]);
    }
    expect(server.totals).toMatchObject({ requests: 6, limited: 3 });
    server.resetLimits();
    expect((await post(server, { sql: "SELECT 1" })).status).toBe(200);
  });

  it("draws the same faults for the same seed", async () => {
    const faults = { error500: 0.2, error503: 0.2, limit429: 0.2 };
    const statuses = async (seed: number) => {
      const server = await setup({ seed, faults });
      const seen: number[] = [];
      for (let at = 0; at < 20; at++) {
        const path = `${server.baseUrl}/accounts/${server.accountId}/d1/database`;
        seen.push((await fetch(path, { headers: { authorization: `Bearer ${server.apiToken}` } })).status);
      }
      return seen.join();
    };
    expect(await statuses(5)).toBe(await statuses(5));
    expect(await statuses(6)).not.toBe(await statuses(5));
  });

  it("comes back after an end with what it held", async () => {
    const persist = mkdtempSync(join(tmpdir(), "hidb-d1-"));
    ends.push(() => rmSync(persist, { recursive: true, force: true }));
    const first = await startD1Server({ persist });
    await post(first, { sql: "CREATE TABLE t (a); INSERT INTO t VALUES (7)" });
    await first.close();
    const { accountId, apiToken, databaseId } = first;
    const port = Number(new URL(first.baseUrl).port);
    const second = await setup({ persist, accountId, apiToken, databaseId, port });
    expect((await post(second, { sql: "SELECT a FROM t" })).body.result[0]?.results.rows).toEqual([[7]]);
  });

  it("serves real wrangler: migrations, files, commands, exports", async () => {
    const server = await setup();
    const folder = mkdtempSync(join(tmpdir(), "hidb-wrangler-"));
    ends.push(() => rmSync(folder, { recursive: true, force: true }));
    const { databaseName, databaseId } = server;
    const config = {
      name: "x",
      d1_databases: [{ binding: "DB", database_name: databaseName, database_id: databaseId }],
    };
    writeFileSync(join(folder, "wrangler.json"), JSON.stringify(config));
    mkdirSync(join(folder, "migrations"));
    writeFileSync(join(folder, "migrations/0001_films.sql"), "CREATE TABLE films (id INTEGER PRIMARY KEY, name);");
    writeFileSync(
      join(folder, "films.sql"),
      "INSERT INTO films (name) VALUES ('a;b');\nINSERT INTO films (name) VALUES ('c');",
    );
    const wrangler = (...args: string[]) => runWrangler(server, folder, args);
    await wrangler("d1", "migrations", "apply", databaseName, "--remote");
    await wrangler("d1", "execute", databaseName, "--remote", "--yes", "--file", "films.sql");
    const shown = await wrangler(
      "d1",
      "execute",
      databaseName,
      "--remote",
      "--json",
      "--command",
      "SELECT * FROM films",
    );
    expect(JSON.parse(shown)[0].results).toEqual([
      { id: 1, name: "a;b" },
      { id: 2, name: "c" },
    ]);
    await wrangler("d1", "export", databaseName, "--remote", "--output", "dump.sql");
    expect(readFileSync(join(folder, "dump.sql"), "utf8")).toContain(
      `INSERT INTO "films" ("id","name") VALUES(1,'a;b');`,
    );
  });
});

async function runWrangler(server: D1Server, cwd: string, args: string[]): Promise<string> {
  const env = {
    ...process.env,
    CLOUDFLARE_API_BASE_URL: server.baseUrl,
    CLOUDFLARE_API_TOKEN: server.apiToken,
    CLOUDFLARE_ACCOUNT_ID: server.accountId,
    WRANGLER_SEND_METRICS: "false",
    XDG_CONFIG_HOME: cwd,
    CI: "1",
  };
  const child = spawn(process.execPath, [WRANGLER, ...args], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    err += chunk;
  });
  const [code] = await once(child, "close");
  expect(code, `wrangler ${args.join(" ")}: ${out}${err}`).toBe(0);
  return out;
}
