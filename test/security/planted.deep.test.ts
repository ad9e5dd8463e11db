// Secrets are planted wherever they may come from; then real things run and fail, and all that was written is searched.
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { createPool, ROOT, type TestPool } from "../pm2/pool.js";
import { freePort } from "../support/ports.js";
import { kill, run } from "../support/process.js";
import { echo, everyPm2, expectOwnersOnly, listen } from "./planting.js";
import { makeSecret, Search } from "./secrets.js";

const CLI = join(ROOT, "dist/cli/hidb.cjs");
const PM2 = join(ROOT, "node_modules/pm2/bin/pm2");

let pool: TestPool;
afterEach(() => pool.end());

/** The project as a person has it, in a folder where .env is the test's own. */
function project(pool: TestPool, dotenv: Record<string, string>): string {
  const folder = join(pool.folder, "project");
  mkdirSync(folder);
  cpSync(join(ROOT, "ecosystem.cluster.config.cjs"), join(folder, "ecosystem.cluster.config.cjs"));
  symlinkSync(join(ROOT, "dist"), join(folder, "dist"));
  writeFileSync(
    join(folder, ".env"),
    Object.entries(dotenv)
      .map(([name, value]) => `${name}='${value}'\n`)
      .join(""),
    { mode: 0o600 },
  );
  return folder;
}

describe("planted secrets", () => {
  it("are found nowhere after a pool over http has worked, failed, died, reloaded and scaled", async () => {
    const port = await freePort(4);
    const inSource = { sourcePassword: makeSecret(), sourceSignature: makeSecret(), sourceToken: makeSecret() };
    const secrets = {
      ...inSource,
      ...{
        apiToken: makeSecret(),
        pageToken: makeSecret(),
        hook: makeSecret(),
        header: makeSecret(),
        urlPassword: makeSecret(),
      },
      ...{
        urlKey: makeSecret(),
        body: makeSecret(),
        workerHeader: makeSecret(),
        aws: makeSecret(),
        command: makeSecret(),
      },
    };
    const search = new Search(secrets);
    const authorizations = new Set<string>();
    const told: string[] = [];
    const api = await listen((request, body, response) => {
      if (request.url?.startsWith("/hooks/")) {
        told.push(body);
        response.end();
        return;
      }
      // Cloudflare's API, or what stands in its way, with a good memory.
      if (request.url?.startsWith("/client/")) {
        const errors = [{ code: 10000, message: echo(request, body) }];
        response.writeHead(403).end(JSON.stringify({ success: false, result: null, errors }));
        return;
      }
      authorizations.add(
        `${request.headers.authorization} ${new URL(String(request.url), "http://h").searchParams.get("key")}`,
      );
      const id = Number(/\/videos\/(\d+)/.exec(String(request.url))?.[1]);
      if (id % 5 === 0) response.writeHead(500).end(echo(request, body));
      else if (id % 5 === 1) response.writeHead(404).end(echo(request, body));
      else if (id % 5 === 2) request.socket.destroy();
      else setTimeout(() => response.end('{"fine":true}'), 20);
    });
    pool = await createPool({
      settings: {
        HIDB_PROCESSOR: "http",
        HIDB_PORT: String(port),
        HIDB_MAX_ATTEMPTS: "2",
        HIDB_LOG_LEVEL: "debug",
        HIDB_HALT: "8",
      },
    });
    const shell: Record<string, string> = {
      CLOUDFLARE_API_TOKEN: secrets.apiToken,
      CLOUDFLARE_ACCOUNT_ID: "abc",
      HIDB_D1_DATABASE: "films",
      HIDB_D1_BASE_URL: `http://127.0.0.1:${api}/client/v4`,
      AWS_SECRET_ACCESS_KEY: secrets.aws,
      HIDB_TOKEN: secrets.pageToken,
      HIDB_NOTIFY: `http://127.0.0.1:${api}/hooks/${secrets.hook}`,
      HIDB_HTTP_HEADERS: JSON.stringify({ authorization: `Bearer ${secrets.header}`, "x-body": secrets.body }),
      HIDB_HTTP_URL: `http://eve:${secrets.urlPassword}@127.0.0.1:${api}/videos/{id}?key=${secrets.urlKey}`,
    };
    const folder = project(pool, {
      HIDB_HTTP_BODY: `{"source":"{source}","secret":"${secrets.body}"}`,
      HIDB_WORKER_HEADERS: JSON.stringify({ authorization: secrets.workerHeader }),
      HIDB_COMMAND: `curl -H "authorization: ${secrets.command}" {source}`,
    });
    const ecosystem = join(folder, "ecosystem.cluster.config.cjs");
    const type = (program: string, args: string[], more = shell) =>
      run(process.execPath, [program, ...args], { ...pool.environment, ...more }, folder);
    const pm2 = async (...args: string[]) => {
      const answer = await type(PM2, args);
      search.look(`pm2 ${args.join(" ")}`, answer.stdout + answer.stderr);
      return answer;
    };
    const insert = pool.database.prepare("INSERT INTO videos (id, source, title) VALUES (?, ?, ?)");
    const sourceOf = (id: number) =>
      `https://eve:${inSource.sourcePassword}@cdn.example/${id}.mp4?X-Signature=${inSource.sourceSignature}&t=1#access_token=${inSource.sourceToken}`;
    const add = (from: number, to: number) => {
      for (let id = from; id <= to; id++) insert.run(id, sourceOf(id), `Film ${id}`);
    };
    add(1, 30);

    expect(await pm2("start", ecosystem, "-i", "2")).toMatchObject({ code: 0 });
    await pool.waitForInstances(2);
    await pool.waitFor("the halt", () => told.length > 0);
    const [first] = pool.working();
    if (first !== undefined) kill(first.pid);
    await pool.waitForInstances(2);
    await type(CLI, ["resume"]);
    // A reload that meets an instance which PM2 has only just begun leaves two in its place (seen with 7.0.4).
    await delay(2000);
    // What PM2 keeps must be enough for each of its ways to start instances anew.
    for (const args of [["reload", "hidb"], ["scale", "hidb", "3"], ["restart", ecosystem], ["resurrect"]]) {
      if (args[0] === "resurrect") for (const before of ["save", "kill"]) await pm2(before);
      authorizations.clear();
      // At boot no shell says anything.
      const answer = args[0] === "resurrect" ? await type(PM2, args, {}) : await pm2(...args);
      expect([args, answer.code]).toEqual([args, 0]);
      await pool.waitForInstances(args[0] === "reload" ? 2 : 3);
      const last = pool.database.prepare("SELECT max(id) FROM videos").pluck().get() as number;
      add(last + 1, last + 12);
      await type(CLI, ["resume"]);
      await pool.waitFor("videos after it", () => authorizations.size > 0);
      expect([...authorizations]).toEqual([`Bearer ${secrets.header} ${secrets.urlKey}`]);
    }
    await type(CLI, ["resume"]);
    await pool.waitFor("failures of each kind", () => pool.count("failed") > 8 && pool.count("completed") > 4);
    await everyPm2(pm2, search);
    expect(search.lookAtProcesses(`PM2_HOME=${pool.home}`)).toBeGreaterThanOrEqual(4);

    // The page, the API and the rest of it.
    const paths = [
      "/",
      "/api/v1/overview",
      "/api/v1/series",
      "/api/v1/instances",
      "/api/v1/failures",
      "/api/v1/batches",
      "/api/v1/plan",
      "/api/v1/settings",
      "/api/v1/d1",
      "/api/v1/mirror",
      "/api/v1/videos",
      "/api/v1/videos?limit=100&state=failed",
      "/api/v1/videos/1",
      "/api/v1/videos/5",
      "/api/v1/videos/5/log",
      "/api/v1/openapi.json",
      "/metrics",
      "/grafana.json",
      "/healthz",
      "/readyz",
      `/api/v1/videos?search=nothing`,
      "/api/v1/videos/next",
      "/nowhere",
    ];
    for (const path of paths) {
      for (const at of [port, port + 1]) {
        const answer = await fetch(`http://127.0.0.1:${at}${path}`).catch(() => undefined);
        if (answer !== undefined)
          search.look(`GET ${path}`, JSON.stringify([...answer.headers]) + (await answer.text()));
      }
    }
    const { results = [], videos = results } = (await (
      await fetch(`http://127.0.0.1:${port}/api/v1/videos`)
    ).json()) as Record<string, { source: string }[]>;
    expect(videos[0]?.source).toMatch(
      /^https:\/\/\*\*\*@cdn.example\/\d+.mp4\?X-Signature=\*\*\*&t=1#access_token=\*\*\*$/,
    );
    for (const trace of [inSource.sourceSignature, inSource.sourcePassword.slice(0, 6)]) {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/videos?search=${trace}`);
      expect(JSON.stringify(await answer.json())).not.toContain("cdn.example");
    }
    const events = await fetch(`http://127.0.0.1:${port}/api/v1/events`);
    const reader = events.body?.getReader();
    for (let n = 0; n < 2; n++) search.look("the event stream", Buffer.from((await reader?.read())?.value ?? []));
    await reader?.cancel();

    // Every command, as it is meant and as it is not.
    const out = (name: string) => join(pool.folder, "exports", name);
    mkdirSync(join(pool.folder, "exports"));
    const list = join(pool.folder, "exports", "nothing.csv");
    writeFileSync(list, "id,source\n");
    const commands = [
      ...["status", "list", "verify", "plan", "doctor", "logs"].flatMap((name) => [[name], [name, "--json"]]),
      ...[
        ["show", "1"],
        ["show", "5", "--json"],
        ["list", "--state", "failed"],
        ["doctor", "--all"],
        ["notify", "--json"],
        ["notify", "--dry-run"],
      ],
      ...["ndjson", "csv", "json", "joblog", "html"].map((format) => [
        "export",
        "--format",
        format,
        "--out",
        out(format),
      ]),
      ...[
        ["export"],
        ["add", list, "--dry-run"],
        ["retry", "--failed", "--dry-run"],
        ["cancel", "1", "--dry-run"],
        ["migrate", "--dry-run"],
      ],
      ...[
        ["mirror", "status"],
        ["mirror", "pull"],
        ["pause", "--json"],
        ["resume"],
        ["batches", "--help"],
        ["--help"],
        ["start", "--help"],
      ],
      ...[
        ["status", "--nope"],
        ["lst"],
        ["show", "x"],
        ["export", "--format", "x"],
        ["start", "/nowhere/at/all"],
        ["logs", "--since", "x"],
      ],
    ];
    const answers = await Promise.all(commands.map((args) => type(CLI, args)));
    for (const [at, { stdout, stderr }] of answers.entries())
      search.look(`hidb ${commands[at]?.join(" ")}`, stdout + stderr);
    for (const wrong of [
      { HIDB_TOKEN: `${secrets.pageToken} x` },
      { HIDB_NOTIFY: `ftp://h/${secrets.hook}` },
      { HIDB_HTTP_URL: `http://eve:${secrets.urlPassword}@{source}/` },
      { HIDB_HTTP_HEADERS: `{"authorization": ${secrets.header}}` },
      { HIDB_WORKER_REQUEST: `GETT /x?key=${secrets.urlKey}`, HIDB_PROCESSOR: "worker" },
      { HIDB_WORKER_HEADERS: `[${secrets.workerHeader}]`, HIDB_PROCESSOR: "worker" },
      { HIDB_COMMAND: `"curl ${secrets.command}`, HIDB_PROCESSOR: "command" },
      { HIDB_COMMAND: `TOKEN=${secrets.command} curl`, HIDB_PROCESSOR: "command" },
      { CLOUDFLARE_API_TOKEN: `${secrets.apiToken} x`, HIDB_DATABASE: "d1" },
      { HIDB_DATABASE: "d1" },
    ]) {
      const tried = [
        ["start", "-i", "1"],
        ["doctor", "--json"],
      ];
      const other = { ...shell, ...wrong, PM2_HOME: join(pool.folder, "other") };
      const said = await Promise.all(tried.map((args) => type(CLI, args, other)));
      expect([wrong, said[0]?.code]).not.toEqual([wrong, 0]);
      for (const { stdout, stderr } of said) search.look(`hidb with ${Object.keys(wrong)} wrong`, stdout + stderr);
    }
    search.look("notices", told.join("\n"));
    await pm2("delete", "hidb");
    await pm2("kill");

    const handed = join(pool.home, "hidb-environment.json");
    const token = join(pool.folder, "token");
    expectOwnersOnly(handed, token, join(folder, ".env"));
    search.lookInto(pool.folder, (path) => {
      if ([handed, token, join(folder, ".env")].includes(path) || path.endsWith("hidb-environment.json")) return "all";
      // The catalogue is what sources are for.
      return /hidb\.sqlite(-wal|-shm)?$/.test(path) ? Object.keys(inSource) : [];
    });
    expect(search.found).toEqual([]);
    console.log(`searched ${search.places} places, ${Math.round(search.bytes / 1024)} KB`);
    expect(existsSync(join(pool.home, "dump.pm2"))).toBe(true);
    expect(readFileSync(handed, "utf8")).toContain(secrets.aws);
  });
});
