import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { beforeAll, describe, expect, it } from "vitest";
import type { Facts, Pm2Process } from "../../src/cli/doctor/facts.js";
import type { Finding, FindingCode } from "../../src/cli/doctor/finding.js";
import { gather } from "../../src/cli/doctor/gather.js";
import { judgeSetup } from "../../src/cli/doctor/judge.js";
import { setup } from "./world.js";

type World = ReturnType<typeof setup> & { env: NodeJS.ProcessEnv };

/** A set-up in which nothing is wrong: a database with a video, no PM2 running, no port wanted. */
async function healthy(): Promise<World> {
  const world = setup();
  const env = { HIDB_PORT: "0", PM2_HOME: join(world.folder, "pm2"), HIDB_LOG_DIR: join(world.folder, "logs") };
  await world.run(["add", "-"], { stdin: "source\nhttp://x/a.mp4\n", env });
  return { ...world, env };
}

interface Answer {
  code: number | null;
  findings: Finding[];
}

async function examine({ run, env }: World, more: NodeJS.ProcessEnv = {}): Promise<Answer> {
  const { code, stdout, stderr } = await run(["doctor", "--json"], { env: { ...env, ...more } });
  expect(stderr).toBe("");
  return { code, findings: (JSON.parse(stdout) as { findings: Finding[] }).findings };
}

/** Whoever runs the tests as root may write anywhere. */
const isRoot = process.getuid?.() === 0;

describe("hidb doctor", () => {
  it("finds nothing in a healthy set-up, and says which settings come from where", async () => {
    const world = await healthy();
    expect(await examine(world)).toEqual({ code: 0, findings: [] });
    const { stdout } = await world.run(["doctor"], { env: { ...world.env, CLOUDFLARE_API_TOKEN: "very-secret" } });
    expect(stdout).toMatch(/^settings:\n/);
    expect(stdout).toMatch(/HIDB_PORT +0 +\(environment\)/);
    expect(stdout).toMatch(/CLOUDFLARE_API_TOKEN +\*\*\* +\(environment\)/);
    expect(stdout).toMatch(/\nall well: nothing found\n$/);
    expect(stdout).not.toContain("very-secret");
  });

  it("says where hidb start runs PM2 when it cannot be beside the database, and why", async () => {
    const world = await healthy();
    const env = { ...world.env, PM2_HOME: "", HIDB_SQLITE_FILE: join(world.folder, "x".repeat(90), "hidb.sqlite") };
    const { stdout } = await world.run(["doctor"], { env });
    expect(stdout).toMatch(/^hidb start runs PM2 in \/\S+, since PM2 cannot work in \S+: its path has \d+ bytes/m);
  });

  it.each([
    ["/proc/hidb", /ENOENT/],
    ["/dev/null", /it is no folder/],
    [join("/tmp", "x".repeat(100)), /its path has \d+ bytes, and PM2's sockets allow 98/],
  ])("finds that PM2 cannot work in PM2_HOME=%s", async (home, why) => {
    const world = await healthy();
    const { code, findings } = await examine(world, { PM2_HOME: home });
    expect(code).toBe(3);
    expect(findings).toMatchObject([{ code: "PM2_HOME_UNUSABLE", got: expect.stringMatching(why) }]);
  });

  it("names all that is wrong with the settings at once, each with its mend, and ends with 3", async () => {
    const world = await healthy();
    const env = { ...world.env, HIDB_PROT: "1", HIDB_CONCURENCY: "2", HIDB_ORDER: "random" };
    const { code, stdout } = await world.run(["doctor"], { env });
    expect(code).toBe(3);
    expect(stdout).toMatch(
      /error: expected .*, got HIDB_PROT in the environment \[SETTING_UNKNOWN\]\nfix: {3}did you mean HIDB_PORT/,
    );
    expect(stdout).toContain("did you mean HIDB_CONCURRENCY?");
    expect(stdout).toMatch(/got "random" \[SETTING_INVALID\]\nfix: {3}correct HIDB_ORDER/);
    expect(stdout).toMatch(/\n3 errors, 0 warnings\n$/);
  });

  const refusing = createServer((_, answer) => {
    answer.writeHead(403, { "content-type": "application/json" });
    answer.end(
      JSON.stringify({ success: false, errors: [{ code: 10000, message: "Authentication error" }], result: null }),
    );
  });
  const D1 = { HIDB_DATABASE: "d1", CLOUDFLARE_API_TOKEN: "t", CLOUDFLARE_ACCOUNT_ID: "a".repeat(32) };

  interface Seed {
    finds: FindingCode;
    severity?: Finding["severity"];
    mend: RegExp;
    env?: NodeJS.ProcessEnv | ((world: World) => NodeJS.ProcessEnv);
    seed?: (world: World) => unknown;
  }

  const SEEDS: Record<string, Seed> = {
    "an unknown setting": { finds: "SETTING_UNKNOWN", mend: /did you mean HIDB_PORT/, env: { HIDB_PROT: "1" } },
    "a value out of its range": {
      finds: "SETTING_INVALID",
      mend: /correct HIDB_DRAIN_MS/,
      env: { HIDB_DRAIN_MS: "-1" },
    },
    "a lease too short for its heartbeat": {
      finds: "SETTING_INVALID",
      mend: /correct HIDB_LEASE_MS/,
      env: { HIDB_LEASE_MS: "1000" },
    },
    "a shell with a variable of PM2's": {
      finds: "SHELL_POISONED",
      severity: "warning",
      mend: /unset NODE_APP_INSTANCE kill_timeout/,
      env: { NODE_APP_INSTANCE: "0", kill_timeout: "100" },
    },
    "more instances than memory": {
      finds: "MEMORY_SHORT",
      mend: /start 3, or lower HIDB_INSTANCE_MEMORY_MB/,
      env: { HIDB_INSTANCES: "8", HIDB_MEMORY_MB: "987" },
    },
    "the same, forced": {
      finds: "MEMORY_FORCED",
      severity: "warning",
      mend: /start 3/,
      env: { HIDB_INSTANCES: "8", HIDB_MEMORY_MB: "987", HIDB_FORCE: "1" },
    },
    "a port that somebody has": {
      finds: "PORT_TAKEN",
      severity: "warning",
      mend: /set HIDB_PORT to another/,
      env: () => ({ HIDB_PORT: String((refusing.address() as AddressInfo).port) }),
    },
    "no database": {
      finds: "DATABASE_MISSING",
      severity: "warning",
      mend: /hidb add/,
      env: ({ folder }) => ({ HIDB_SQLITE_FILE: join(folder, "nothing.sqlite") }),
    },
    "a file that is no database": {
      finds: "DATABASE_CORRUPT",
      mend: /HIDB_SQLITE_FILE/,
      env: ({ folder }) => ({ HIDB_SQLITE_FILE: join(folder, "list.csv") }),
      seed: ({ folder }) => writeFileSync(join(folder, "list.csv"), "source,title\n".repeat(500)),
    },
    "a journal mode that blocks readers": {
      finds: "DATABASE_NOT_WAL",
      severity: "warning",
      mend: /hidb migrate/,
      seed: ({ file }) => {
        const database = new BetterSqlite3(file);
        database.pragma("journal_mode = DELETE");
        database.close();
      },
    },
    "a schema of an earlier hidb": {
      finds: "DATABASE_BEHIND",
      severity: "warning",
      mend: /hidb migrate/,
      seed: ({ file }) => {
        const database = new BetterSqlite3(file);
        database.exec("DELETE FROM d1_migrations WHERE name LIKE '0008%'");
        database.close();
      },
    },
    "a wait that began in the future": {
      finds: "CLOCK_SET_BACK",
      severity: "warning",
      mend: /see with `date` whether the clock is right/,
      seed: ({ file }) => {
        const database = new BetterSqlite3(file);
        // By the clock of SQLite itself, which is this machine's.
        const ahead = "(unixepoch() + 7200) * 1000";
        database.exec(`
          INSERT INTO hidb_attempts (video_id, attempt, instance, outcome, reason, claimed_at, ended_at)
          SELECT video_id, 1, 'a', 'retry', 'no answer', ${ahead}, ${ahead} FROM hidb_videos;
          UPDATE hidb_videos SET attempt = 1, run_after = ${ahead} + 4000`);
        database.close();
      },
    },
    "a program that is not there": {
      finds: "PROCESSOR",
      mend: /HIDB_COMMAND/,
      env: { HIDB_PROCESSOR: "command", HIDB_COMMAND: "no-such-program {source}" },
    },
    "a wrangler config that cannot be read": {
      finds: "WRANGLER_CONFIG",
      mend: /./,
      seed: ({ folder }) => writeFileSync(join(folder, "wrangler.json"), '{ "name": '),
    },
    "D1 without a token": {
      finds: "D1_UNSET",
      mend: /make a token with the permission D1 Edit/,
      env: { ...D1, CLOUDFLARE_API_TOKEN: "", HIDB_D1_DATABASE: "films" },
    },
    "a placeholder for the id of a D1 database": {
      finds: "D1_PLACEHOLDER",
      mend: /npx wrangler d1 list/,
      env: D1,
      seed: ({ folder }) =>
        writeFileSync(
          join(folder, "wrangler.json"),
          JSON.stringify({ name: "app", d1_databases: [{ binding: "DB", database_id: "<your-database-id>" }] }),
        ),
    },
    "a token that D1 refuses": {
      finds: "D1_REFUSED",
      mend: /token/i,
      env: () => ({
        ...D1,
        HIDB_D1_DATABASE: "11111111-2222-3333-4444-555555555555",
        HIDB_D1_BASE_URL: `http://127.0.0.1:${(refusing.address() as AddressInfo).port}`,
      }),
    },
  };

  beforeAll(async () => {
    await new Promise<void>((done) => refusing.listen(0, "127.0.0.1", done));
    return () => refusing.close();
  });

  it.each(Object.entries(SEEDS))("finds %s", async (_, { finds, severity = "error", mend, env = {}, seed }) => {
    const world = await healthy();
    await seed?.(world);
    const { code, findings } = await examine(world, typeof env === "function" ? env(world) : env);
    expect(findings).toMatchObject([{ code: finds, severity, fix: expect.stringMatching(mend) }]);
    expect(findings[0]?.expected).not.toBe("");
    expect(code).toBe(severity === "error" ? 3 : 0);
  });

  it.skipIf(isRoot)("finds a folder for logs that cannot be written", async () => {
    const world = await healthy();
    const folder = join(world.folder, "locked");
    mkdirSync(folder);
    chmodSync(folder, 0o500);
    const { findings } = await examine(world, { HIDB_LOG_DIR: join(folder, "logs") });
    expect(findings).toMatchObject([{ code: "FOLDER_UNWRITABLE", fix: expect.stringContaining("chmod u+w") }]);
  });
});

describe("of a machine as it may be elsewhere, the doctor", () => {
  let facts: Facts;
  beforeAll(async () => {
    // This machine's own facts, with what is peculiar to it left out.
    const gathered = await gather({ sqliteFile: "/nowhere/hidb.sqlite" });
    const database = { live: [], dead: [], fileSystem: 0xef53, freeBytes: 1e12, journalMode: "wal", pending: [] };
    facts = {
      ...gathered,
      daemons: [],
      dumps: [],
      ports: [],
      folders: [],
      environment: {},
      database,
      native: undefined,
    };
  });

  const online = (more: Partial<Pm2Process["pm2_env"]> = {}): Pm2Process => ({
    name: "hidb",
    pid: 4242,
    pm2_env: { status: "online", kill_timeout: 40_000, pm_exec_path: facts.entry.file, ...more },
  });
  const daemon = (more: Partial<Facts["daemons"][number]> = {}) => ({
    daemons: [
      {
        ...{ home: "/home/me/.pm2", answers: true, node: facts.node, pm2: facts.pm2.version, processes: [online()] },
        ...more,
      },
    ],
  });
  const instance = (more: object) => ({
    ...{ id: "x", rank: 0, processId: 0, pid: 4242, host: facts.host, state: "working" as const, inHand: 1 },
    ...{ completed: 0, retried: 0, failed: 0, rssBytes: 0, startedAt: 0, leaseUntil: 1, heldBack: null },
    ...{ boot: "b", pidStartedAt: "1" },
    ...more,
  });
  const database = (more: object) => ({ database: { ...facts.database, live: [], dead: [], ...more } });

  it("finds nothing wrong with a pool that works", () => {
    expect(judgeSetup({ ...facts, ...daemon(), ...database({ live: [instance({})] }) })).toEqual([]);
  });

  const ELSEWHERE: [what: string, finds: FindingCode, mend: RegExp, make: () => Partial<Facts>][] = [
    ["a daemon on an old Node", "NODE_DAEMON_OLD", /npx pm2 kill/, () => daemon({ node: "v20.20.2" })],
    ["a daemon on another Node", "NODE_DIFFERS", /npx pm2 update/, () => daemon({ node: "v99.0.0" })],
    ["a PM2 that loses instances", "PM2_OLD", /npm ci/, () => ({ pm2: { version: "7.0.3" } })],
    ["a daemon of another PM2", "PM2_DAEMON_DIFFERS", /npx pm2 update/, () => daemon({ pm2: "7.0.4-beta" })],
    [
      "a kill_timeout below the drain",
      "KILL_TIMEOUT_SHORT",
      /pm2 delete hidb/,
      () => daemon({ processes: [online({ env: { HIDB_DRAIN_MS: "600000" } })] }),
    ],
    [
      "instances that stopped for good",
      "INSTANCE_STOPPED",
      /npx pm2 restart hidb/,
      () => daemon({ processes: [online({ status: "waiting restart", exit_code: 42 })] }),
    ],
    [
      "instances that keep crashing",
      "INSTANCE_RESTARTING",
      /pm2 logs hidb/,
      () => daemon({ processes: [online({ status: "waiting restart", exit_code: 1 })] }),
    ],
    [
      "an instance that fails at each start",
      "INSTANCE_RESTARTING",
      /pm2 logs hidb/,
      () => daemon({ processes: [{ ...online(), failedStarts: 3 }] }),
    ],
    ["a daemon that does not answer", "PM2_DAEMON_SILENT", /pm2 kill/, () => daemon({ answers: false, processes: [] })],
    [
      "instances at work on something else",
      "SETTINGS_DIFFER",
      /HIDB_SQLITE_FILE/,
      () => daemon({ processes: [online({ env: { HIDB_SQLITE_FILE: "/other.sqlite" } })] }),
    ],
    [
      "a dump with another count",
      "PM2_DUMP_STALE",
      /npx pm2 save/,
      () => ({ ...daemon(), dumps: [dump({ processes: [1, 2].map(() => saved(facts.entry.file)) })] }),
    ],
    [
      "a dump of another folder",
      "PM2_DUMP_STALE",
      /npx pm2 save/,
      () => ({ dumps: [dump({ processes: [saved("/old/dist/entry.cjs")] })] }),
    ],
    [
      "a dump that shows a token to everybody",
      "PM2_DUMP_READABLE",
      /chmod 600/,
      () => ({ dumps: [dump({ mode: 0o100644, holdsSecret: true })] }),
    ],
    ["logs that have grown", "PM2_LOG_LARGE", /pm2-logrotate/, () => ({ pm2LogBytes: 3e8 })],
    ["a native module of another Node", "NATIVE_MODULE", /npm rebuild/, () => ({ native: "NODE_MODULE_VERSION 115" })],
    [
      "a program that was never compiled",
      "BUILD_MISSING",
      /npm ci/,
      () => ({ entry: { ...facts.entry, exists: false } }),
    ],
    ["a file on NFS", "DATABASE_ON_NETWORK", /HIDB_DATABASE=d1/, () => database({ fileSystem: 0x6969 })],
    ["a disk that is nearly full", "DISK_LOW", /free some/, () => database({ freeBytes: 1e6 })],
    ["a broken file", "DATABASE_CORRUPT", /recover/, () => database({ quickCheck: "row 3 missing from index" })],
    ["a file of somebody else's", "DATABASE_READ_ONLY", /chmod/, () => database({ writable: false })],
    [
      "another pool of this host",
      "OTHER_POOL",
      /another PM2_HOME/,
      () => ({ ...daemon(), ...database({ live: [instance({}), instance({ id: "y", pid: 77 })] }) }),
    ],
    [
      "another host on one SQLite file",
      "OTHER_POOL",
      /HIDB_DATABASE=d1/,
      () => database({ live: [instance({ host: "elsewhere" })] }),
    ],
    [
      "a lease that lies further ahead than a lease lasts",
      "CLOCK_SET_BACK",
      /take such waits and leases for over/,
      () => database({ ahead: { videos: 0, instances: 1, furthestMs: 7_200_000 } }),
    ],
    ["the dead with videos in hand", "INSTANCES_DEAD", /hidb start/, () => database({ dead: [instance({})] })],
    [
      "a clock far from D1's",
      "CLOCK_OFF",
      /timedatectl/,
      () => ({ config: { ...facts.config, database: "d1" as const }, ...database({ aheadMs: 90_000 }) }),
    ],
    [
      "a folder that cannot be written",
      "FOLDER_UNWRITABLE",
      /chmod u\+w/,
      () => ({ folders: [{ setting: "HIDB_LOG_DIR", folder: "/locked", error: "EACCES" }] }),
    ],
  ];

  const saved = (path: string) => ({ name: "hidb", pm_exec_path: path });
  const dump = (more: object) => ({
    ...{ file: "/home/me/.pm2/dump.pm2", mode: 0o100600, processes: [saved(facts.entry.file)], holdsSecret: false },
    ...more,
  });

  it.each(ELSEWHERE)("finds %s", (_, finds, mend, make) => {
    const findings = judgeSetup({ ...facts, ...make() });
    expect(findings.map(({ code }) => code)).toEqual([finds]);
    expect(findings[0]?.fix).toMatch(mend);
    expect(findings[0]?.got).not.toBe("");
  });
});
