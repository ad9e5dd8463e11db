// The secrets of a Worker, and those of instances that D1 turns away: nothing that is written holds them.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { CONFIG_FILE, createPool, ROOT, type TestPool } from "../pm2/pool.js";
import { run } from "../support/process.js";
import { echo, everyPm2, expectOwnersOnly, listen } from "./planting.js";
import { makeSecret, Search } from "./secrets.js";

const CLI = join(ROOT, "dist/cli/hidb.cjs");

let pool: TestPool;
afterEach(() => pool.end());

describe("planted secrets", () => {
  it("are found nowhere after a Worker has thrown, logged and answered its own, and D1 has refused a token", async () => {
    const secrets = { devVar: makeSecret(), header: makeSecret(), apiToken: makeSecret(), shell: makeSecret() };
    const search = new Search(secrets);
    pool = await createPool({
      settings: { HIDB_PROCESSOR: "worker", HIDB_MAX_ATTEMPTS: "1", HIDB_LOG_LEVEL: "debug" },
    });
    const folder = join(pool.folder, "app");
    mkdirSync(folder);
    const config = { name: "app", main: "index.mjs", no_bundle: true, compatibility_date: "2026-01-01" };
    writeFileSync(join(folder, "wrangler.json"), JSON.stringify(config));
    writeFileSync(join(folder, ".dev.vars"), `KEY=${secrets.devVar}\n`, { mode: 0o600 });
    writeFileSync(join(folder, "index.mjs"), WORKER);
    const shell = {
      HIDB_WORKER: folder,
      HIDB_WORKER_DIR: join(pool.folder, "worker"),
      HIDB_WORKER_HEADERS: JSON.stringify({ "x-key": secrets.header }),
      SOME_DEPLOY_KEY: secrets.shell,
    };
    pool.addVideos(18);
    await pool.start(["-i", "1"], shell);
    await pool.finish();
    expect(pool.count("failed")).toBeGreaterThanOrEqual(9);
    expect(pool.count("completed")).toBeGreaterThanOrEqual(3);
    for (const args of [["list"], ["export"], ["show", "1", "--json"], ["logs"], ["doctor", "--json"]]) {
      const { stdout, stderr } = await run(process.execPath, [CLI, ...args], { ...pool.environment, ...shell });
      search.look(`hidb ${args.join(" ")}`, stdout + stderr);
    }
    await everyPm2((...args) => pool.pm2(args), search);
    search.lookAtProcesses(`PM2_HOME=${pool.home}`);
    await pool.ok("delete", "hidb");

    // Instances that D1 turns away, in words that repeat what they were sent.
    const api = await listen((request, body, response) => {
      const errors = [{ code: 10000, message: `Invalid: ${echo(request, body)}` }];
      response.writeHead(403).end(JSON.stringify({ success: false, result: null, errors }));
    });
    const d1 = {
      HIDB_DATABASE: "d1",
      HIDB_PROCESSOR: "rehearse",
      HIDB_D1_BASE_URL: `http://127.0.0.1:${api}/client/v4`,
      HIDB_D1_DATABASE: "00000000-0000-4000-8000-000000000000",
      CLOUDFLARE_ACCOUNT_ID: "abc",
      CLOUDFLARE_API_TOKEN: secrets.apiToken,
    };
    await pool.pm2(["start", CONFIG_FILE, "-i", "1"], d1);
    await pool.waitFor("the refusal", () => pool.output().includes("a token that may read and write D1"));
    expect(pool.output()).toContain("***");
    await everyPm2((...args) => pool.pm2(args), search);
    await pool.ok("kill");
    const own = [join(pool.home, "hidb-environment.json"), join(folder, ".dev.vars")];
    expectOwnersOnly(...own);
    search.lookInto(pool.folder, (path) => (own.includes(path) ? "all" : []));
    expect(search.found).toEqual([]);
  });
});

/** Tells its secrets to whoever listens. */
const WORKER = `export default {
  async fetch(request, env, ctx) {
    const { id } = await request.json();
    const given = env.KEY + " " + request.headers.get("x-key") + " " + btoa(env.KEY);
    console.log("the key is", env.KEY, { env, given });
    console.error(new Error(given));
    if (id % 6 === 0) throw new Error("no luck with " + given);
    if (id % 6 === 1) return new Response(given, { status: 500 });
    if (id % 6 === 2) return Response.json({ given, encoded: encodeURIComponent(given) }, { status: 404 });
    if (id % 6 === 3) ctx.waitUntil(Promise.reject(new Error(given)));
    if (id % 6 === 4) setTimeout(() => { throw new Error(given) }, 0);
    return Response.json({ fine: env.KEY.length });
  },
};`;
