import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  type ConfigSources,
  PROJECT_ROOT,
  readConfig,
  readProcessId,
  SETTINGS,
  type SettingKey,
  toEnvironment,
} from "../src/config.js";
import { HidbError } from "../src/errors.js";

const folder = mkdtempSync(join(tmpdir(), "hidb-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const KEYS = Object.keys(SETTINGS) as SettingKey[];

function read(environment: Record<string, string> = {}, sources: Omit<ConfigSources, "environment"> = {}) {
  return readConfig({ environment, cwd: folder, ...sources });
}

function refusal(environment: Record<string, string>, sources: Omit<ConfigSources, "environment"> = {}): HidbError {
  try {
    read(environment, sources);
  } catch (error) {
    if (error instanceof HidbError) return error;
    throw error;
  }
  throw new Error(`expected ${JSON.stringify(environment)} to be refused`);
}

/** A folder with a .env file. */
function withDotenv(text: string): string {
  const cwd = mkdtempSync(join(folder, "cwd-"));
  writeFileSync(join(cwd, ".env"), text);
  return cwd;
}

const DEFAULTS: Record<SettingKey, unknown> = {
  database: "sqlite",
  strict: false,
  accountId: "",
  apiToken: "",
  d1Database: "",
  wranglerConfig: "",
  d1BaseUrl: "https://api.cloudflare.com/client/v4",
  d1Requests: 1000,
  spoolDir: join(PROJECT_ROOT, "data/spool"),
  sqliteFile: join(PROJECT_ROOT, "data/hidb.sqlite"),
  synchronous: "normal",
  appName: "hidb",
  instances: "auto",
  concurrency: 1,
  processor: "probe",
  worker: "",
  workerCall: "fetch",
  workerRequest: "POST /api/videos/{id}/process?worker_id={rank}&worker_count={count}",
  workerHeaders: "",
  workerBody: "",
  workerQueue: "",
  workerBatch: 1,
  workerCron: "",
  workerPort: 0,
  workerNode: "auto",
  workerEval: false,
  workerIsolation: "thread",
  workerDir: join(PROJECT_ROOT, "data/worker"),
  cloudflareEnv: "",
  workerdLimits: "report",
  workerdPlan: "paid",
  workerdCpuMs: 0,
  workerdMemoryMb: 0,
  workerdSubrequests: 0,
  workerdD1Queries: 0,
  workerdConnections: 0,
  workerdRequestMb: 0,
  workerdLogKb: 0,
  workerdWaitUntilMs: 0,
  sharding: "modulo",
  order: "id",
  halt: "",
  notify: "",
  staggerMs: 500,
  maxAttempts: 3,
  backoffMs: 1000,
  backoffMaxMs: 300_000,
  timeoutMs: 3_600_000,
  drainMs: 25_000,
  heartbeatMs: 500,
  leaseMs: 30_000,
  claimCount: 50,
  groupCount: 50,
  groupMs: 50,
  memoryMb: 0,
  instanceMemoryMb: 250,
  force: false,
  logDir: join(PROJECT_ROOT, "data/logs"),
  logLevel: "info",
  logMaxMb: 200,
  logFileMb: 10,
  logFileHours: 24,
  port: 3000,
  host: "127.0.0.1",
  token: "",
  allowedHosts: [],
  journal: "",
  catalogueTable: "videos",
  catalogueId: "id",
  catalogueSource: "source",
  catalogueTitle: "title",
  catalogueDuration: "duration_s",
  probe: "index",
  probeHash: "local",
  probeTimeoutMs: 60_000,
  probeMemoryMb: 64,
  allowPrivateSources: [],
  command: "",
  commandOut: "",
  commandPermanent: [],
  httpUrl: "",
  httpMethod: "POST",
  httpHeaders: "",
  httpBody: "",
  httpMaxMb: 1,
  rehearseFactor: 1,
  rehearseSeed: 1,
  rehearseFail: 0,
  rehearsePermanent: 0,
  rehearseDie: 0,
  rehearseHang: 0,
  rehearseBlock: 0,
  rehearseAllocMb: 0,
};

describe("without any setting", () => {
  it.each(KEYS)("%s has its default", (key) => {
    const config = read();
    expect(config[key]).toEqual(DEFAULTS[key]);
    expect(config.origins[key]).toBe("default");
  });

  it("every setting is named HIDB_..., or as Cloudflare has it, and says what it is for", () => {
    for (const { name, help } of Object.values(SETTINGS)) {
      expect(name).toMatch(/^(HIDB_[A-Z0-9_]+|CLOUDFLARE_(ACCOUNT_ID|API_TOKEN|ENV))$/);
      expect(help).toMatch(/^.{10,}\.$/);
    }
    expect(new Set(Object.values(SETTINGS).map(({ name }) => name)).size).toBe(KEYS.length);
  });

  it("nothing can be changed afterwards", () => {
    const config = read();
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.origins)).toBe(true);
  });
});

const NOT_A_NUMBER = ["many", "1,5", "1e3", "0x10", "NaN", "Infinity", "--1", "1 2"];
const NOT_WHOLE = [...NOT_A_NUMBER, "1.5"];
const whole = (min: number, max: number) => ({
  good: [
    [String(min), min],
    [String(max), max],
    [` ${min} `, min],
  ] as [string, unknown][],
  bad: [...NOT_WHOLE, String(min - 1), String(max + 1), "9".repeat(400)],
  expected: `a whole number from ${min} to ${max}`,
});
const share = (max = 1) => ({
  good: [
    ["0", 0],
    ["0.25", 0.25],
    [".5", 0.5],
    [String(max), max],
  ] as [string, unknown][],
  bad: [...NOT_A_NUMBER, "-0.1", String(max + 0.1)],
  expected: `a number from 0 to ${max}`,
});
const choice = (...options: string[]) => ({
  good: options.map((option) => [option, option]) as [string, unknown][],
  bad: ["other", options[0]?.slice(1) ?? "", `${options[0]},${options[1]}`],
  expected: options.join(", "),
});
const name = (optional: boolean) => ({
  good: [
    ["films", "films"],
    ["_x9", "_x9"],
    ["Ab_c", "Ab_c"],
  ] as [string, unknown][],
  bad: ["9x", "a b", 'a"b', "a;b", "a.b", "ü", "a-b"],
  expected: "a name of letters, digits and _ that does not begin with a digit",
  optional,
});

const FLAG = {
  good: [
    ["0", false],
    ["1", true],
    ["false", false],
    ["true", true],
  ] as [string, unknown][],
  bad: ["yes", "on", "2", "TRUE"],
  expected: "0 or 1",
};
const DAY_MS = 86_400_000;
const RULES: Partial<Record<SettingKey, { good: [string, unknown][]; bad: string[]; expected: string }>> = {
  synchronous: choice("normal", "full"),
  appName: {
    good: [
      ["clips", "clips"],
      ["Night-2_b", "Night-2_b"],
    ],
    bad: ["all", "2", "-x", "a b", "a.b", "a/b", "é", "x".repeat(65)],
    expected: "a name of letters, digits, - and _ that begins with a letter and is not `all`",
  },
  instances: {
    good: [
      ["auto", "auto"],
      ["1", 1],
      ["64", 64],
      ["max", Math.min(availableParallelism(), 64)],
    ],
    bad: ["0", "65", "-1", "+1", "2.5", "all", "3 instances"],
    expected: "auto, max or a whole number from 1 to 64",
  },
  concurrency: whole(1, 1000),
  processor: choice("probe", "command", "http", "worker", "rehearse"),
  workerCall: choice("fetch", "queue", "scheduled"),
  workerBatch: {
    ...whole(1, 100),
    // No more than HIDB_CONCURRENCY.
    good: [["1", 1]],
  },
  workerPort: whole(0, 65_535),
  workerNode: choice("auto", "off", "compat", "full"),
  workerEval: FLAG,
  workerIsolation: choice("thread", "process"),
  workerdLimits: choice("off", "report", "enforce"),
  workerdPlan: choice("free", "paid"),
  workerdCpuMs: whole(0, 900_000),
  workerdMemoryMb: whole(0, 65_536),
  workerdSubrequests: whole(0, 10_000_000),
  workerdD1Queries: whole(0, 10_000_000),
  workerdConnections: whole(0, 1000),
  workerdRequestMb: whole(0, 5000),
  workerdLogKb: whole(0, 1_000_000),
  workerdWaitUntilMs: whole(0, DAY_MS),
  sharding: choice("modulo", "strict", "ranges", "none"),
  order: choice("id", "longest"),
  halt: {
    good: [
      ["10%", "10%"],
      ["2.5%", "2.5%"],
      ["7", "7"],
    ],
    bad: ["0", "0%", "101%", "-1", "many", "5 %"],
    expected: "a share such as 10%, a number of videos from 1, or nothing",
  },
  staggerMs: whole(0, 3_600_000),
  maxAttempts: whole(1, 1000),
  backoffMs: whole(0, DAY_MS),
  backoffMaxMs: whole(0, DAY_MS),
  timeoutMs: whole(0, 30 * DAY_MS),
  drainMs: whole(0, DAY_MS),
  heartbeatMs: {
    ...whole(50, 60_000),
    good: [
      ["50", 50],
      ["10000", 10_000],
    ],
  },
  leaseMs: {
    ...whole(500, DAY_MS),
    good: [
      ["1500", 1500],
      [String(DAY_MS), DAY_MS],
    ],
  },
  claimCount: whole(1, 1000),
  groupCount: whole(1, 1000),
  groupMs: whole(0, 60_000),
  d1Requests: whole(100, 1_000_000),
  database: choice("sqlite", "d1"),
  d1BaseUrl: {
    good: [["http://127.0.0.1:8787/client/v4", "http://127.0.0.1:8787/client/v4"]],
    bad: ["api.cloudflare.com", "ftp://x/y", "not an address"],
    expected: "an http or https URL",
  },
  memoryMb: whole(0, 16_777_216),
  instanceMemoryMb: whole(100, 1_048_576),
  force: FLAG,
  strict: FLAG,
  logLevel: choice("debug", "info", "warn", "error", "silent"),
  logMaxMb: whole(2, 1_048_576),
  logFileMb: whole(1, 1024),
  logFileHours: whole(1, 8760),
  catalogueTable: name(false),
  catalogueId: name(false),
  catalogueSource: name(false),
  catalogueTitle: name(true),
  catalogueDuration: name(true),
  probe: choice("index", "full"),
  probeHash: choice("local", "always"),
  probeTimeoutMs: whole(100, DAY_MS),
  probeMemoryMb: whole(16, 16_384),
  allowPrivateSources: {
    good: [
      ["1", ["*"]],
      ["0", []],
      ["nas.local", ["nas.local"]],
      ["NAS.local, 10.0.0.0/8,fd00::/8 , 192.168.1.7", ["nas.local", "10.0.0.0/8", "fd00::/8", "192.168.1.7"]],
    ],
    bad: ["10.0.0.0/33", "fd00::/129", "nas.local/8", "http://nas.local", "a b", "10.0.0.0/8/8", "a,,b", "10.0.0.0/"],
    expected: "1, or names, addresses and ranges separated by commas",
  },
  port: whole(0, 65_535),
  host: {
    good: [
      ["0.0.0.0", "0.0.0.0"],
      ["::1", "::1"],
      ["pool.local", "pool.local"],
    ],
    bad: ["a b", "http://x", "x/y"],
    expected: "an address of this machine",
  },
  // What is wrong with a secret is not repeated: below.
  token: { good: [["0123456789abcdef", "0123456789abcdef"]], bad: [], expected: "" },
  allowedHosts: {
    good: [
      ["Pool.Example, 10.0.0.7", ["pool.example", "10.0.0.7"]],
      ["[fe80::1]", ["[fe80::1]"]],
    ],
    bad: ["a b", "http://x", "a,,b", "*"],
    expected: "host names separated by commas",
  },
  commandPermanent: {
    good: [
      ["3", [3]],
      ["3,4,255", [3, 4, 255]],
    ],
    bad: ["3;4", "3,", "a", "1000", "-1"],
    expected: "exit codes separated by commas",
  },
  httpMethod: choice("POST", "GET", "PUT", "PATCH"),
  httpMaxMb: {
    good: [
      ["0.001", 0.001],
      ["100", 100],
    ],
    bad: [...NOT_A_NUMBER, "0", "100.5"],
    expected: "a number from 0.001 to 100",
  },
  rehearseFactor: share(1000),
  rehearseSeed: whole(0, 2 ** 31),
  rehearseFail: share(),
  rehearsePermanent: share(),
  rehearseDie: share(),
  rehearseHang: share(),
  rehearseBlock: share(),
  rehearseAllocMb: share(65_536),
};
/** Any text will do for these; their processors read them further. */
const FREE: SettingKey[] = [
  "accountId",
  "apiToken",
  "d1Database",
  "spoolDir",
  "wranglerConfig",
  "sqliteFile",
  "logDir",
  "journal",
  "command",
  "commandOut",
  "httpUrl",
  "httpHeaders",
  "httpBody",
  "notify",
  "worker",
  "workerRequest",
  "workerHeaders",
  "workerBody",
  "workerQueue",
  "workerCron",
  "workerDir",
  "cloudflareEnv",
];

describe("each setting", () => {
  it("has a rule here", () => {
    expect([...Object.keys(RULES), ...FREE].sort()).toEqual([...KEYS].sort());
  });

  const good = Object.entries(RULES).flatMap(([key, { good: values }]) =>
    values.map(([raw, value]) => ({ key, raw, value })),
  );
  it.each(good)("$key takes $raw", ({ key, raw, value }) => {
    const config = read({ [SETTINGS[key as SettingKey].name]: raw });
    expect(config[key as SettingKey]).toEqual(value);
    expect(config.origins[key as SettingKey]).toBe("environment");
  });

  const bad = Object.entries(RULES).flatMap(([key, { bad: values, expected }]) =>
    values.map((raw) => ({ key, raw, expected })),
  );
  it.each(bad)("$key refuses $raw with what was expected, what came and the mend", ({ key, raw, expected }) => {
    const setting = SETTINGS[key as SettingKey].name;
    const error = refusal({ [setting]: raw });
    expect(error.code).toBe("SETTING_INVALID");
    expect(error.exitCode).toBe(2);
    expect(error.message).toBe(`expected ${setting} to be ${expected}, got ${JSON.stringify(raw)}`);
    expect(error.fix).toBe(`correct ${setting} in the environment, or remove it for the default`);
  });

  it.each(FREE)("%s takes any text", (key) => {
    const raw = "/a b/ü'\"{id}";
    expect(read({ [SETTINGS[key].name]: raw })[key]).toBe(raw);
  });

  it.each(KEYS)("%s counts as unset when it is empty", (key) => {
    expect(read({ [SETTINGS[key].name]: "" })).toMatchObject({ [key]: DEFAULTS[key], origins: { [key]: "default" } });
  });
});

describe("settings together", () => {
  it("refuse a lease that leaves no room for three heartbeats", () => {
    expect(read({ HIDB_LEASE_MS: "3000", HIDB_HEARTBEAT_MS: "1000" })).toMatchObject({ leaseMs: 3000 });
    const error = refusal({ HIDB_LEASE_MS: "2999", HIDB_HEARTBEAT_MS: "1000" });
    expect(error.message).toBe(
      "expected HIDB_LEASE_MS to be long enough for three heartbeats (3000 or more), got 2999",
    );
    expect(refusal({ HIDB_HEARTBEAT_MS: "60000" })).toMatchObject({ code: "SETTING_INVALID" });
  });
});

describe("a misspelt name", () => {
  it.each([
    ["HIDB_INSTANCE", "HIDB_INSTANCES"],
    ["HIDB_CONCURENCY", "HIDB_CONCURRENCY"],
    ["HIDB_SQLITEFILE", "HIDB_SQLITE_FILE"],
    ["HIDB_LEASE_S", "HIDB_LEASE_MS"],
    ["HIDB_TIMOUT_MS", "HIDB_TIMEOUT_MS"],
    ["HIDB_Processor", "HIDB_PROCESSOR"],
  ])("%s gets the guess %s", (typed, meant) => {
    const error = refusal({ [typed]: "1" });
    expect(error).toMatchObject({ code: "SETTING_UNKNOWN", exitCode: 2 });
    expect(error.message).toBe(`expected only settings that hidb knows, got ${typed} in the environment`);
    expect(error.fix).toMatch(new RegExp(`^did you mean ${meant}\\?`));
  });

  it("far from everything gets none", () => {
    expect(refusal({ HIDB_COLOUR_OF_THE_PROGRESS_BAR: "red" }).fix).toMatch(/^remove HIDB_COLOUR_OF_THE_PROGRESS_BAR/);
  });

  it("in the .env file is found, too", () => {
    expect(refusal({}, { cwd: withDotenv("HIDB_ODER=id") }).message).toContain("got HIDB_ODER in .env");
  });

  it("is never shown with its value", () => {
    const { message, fix } = refusal({ HIDB_HTTP_HEADER: "Bearer s3cret" });
    expect(message + fix).not.toContain("s3cret");
  });

  it("of somebody else's variable is none of our business", () => {
    expect(() => read({ HIDBX: "1", PATH: "/bin", hidb_order: "x" })).not.toThrow();
  });
});

describe("where a setting comes from", () => {
  it("is the flag before the environment before the .env file before the default", () => {
    const cwd = withDotenv("HIDB_ORDER=longest\nHIDB_CONCURRENCY=2\nHIDB_INSTANCES=2\nHIDB_LOG_LEVEL=warn\n");
    const environment = { HIDB_CONCURRENCY: "3", HIDB_INSTANCES: "3", HIDB_LOG_LEVEL: "" };
    const config = readConfig({ cwd, environment, flags: { instances: "4" } });
    expect(config).toMatchObject({
      instances: 4,
      concurrency: 3,
      order: "longest",
      logLevel: "warn",
      sharding: "modulo",
    });
    expect(config.origins).toMatchObject({
      instances: "flag",
      concurrency: "environment",
      order: ".env",
      logLevel: ".env",
      sharding: "default",
    });
  });

  it("is named by the message", () => {
    expect(refusal({}, { flags: { instances: "0" } }).fix).toContain("in the flag");
    expect(refusal({ HIDB_INSTANCES: "0" }).fix).toContain("in the environment");
    expect(refusal({}, { cwd: withDotenv("HIDB_INSTANCES=0") }).fix).toContain("in the file .env");
  });

  it("may be a .env file with comments, quotes and other people's variables", () => {
    const cwd = withDotenv("# mine\nOTHER=1\nexport HIDB_ORDER='longest'\nHIDB_COMMAND=\"a b\" # said\n");
    expect(readConfig({ cwd, environment: {} })).toMatchObject({ order: "longest", command: "a b" });
  });

  it("may not be a .env that cannot be read: that is said, not thrown", () => {
    const cwd = mkdtempSync(join(folder, "cwd-"));
    mkdirSync(join(cwd, ".env"));
    const error = refusal({}, { cwd });
    expect(error).toMatchObject({ code: "SETTING_INVALID", exitCode: 2 });
    expect(error.message).toBe(`expected ${join(cwd, ".env")} to be a file that can be read, got EISDIR`);
  });
});

describe("a path", () => {
  it("starts where it was typed, and a default one at the project", () => {
    const cwd = withDotenv("HIDB_LOG_DIR=logs\n");
    const config = readConfig({ cwd, environment: { HIDB_SQLITE_FILE: "a/b.sqlite", HIDB_JOURNAL: "/abs/j" } });
    expect(config).toMatchObject({ sqliteFile: join(cwd, "a/b.sqlite"), logDir: join(cwd, "logs"), journal: "/abs/j" });
    expect(read().sqliteFile).toBe(join(PROJECT_ROOT, "data/hidb.sqlite"));
  });

  it("that is empty on the command line is refused: SQLite would take it for a database of nobody's", () => {
    expect(refusal({}, { flags: { sqliteFile: "" } })).toMatchObject({
      code: "SETTING_INVALID",
      message: "expected HIDB_SQLITE_FILE to be a path, got nothing",
    });
  });
});

describe("a secret", () => {
  it("is never shown, even when it is wrong", () => {
    const secrets = Object.entries(SETTINGS).filter(([, { kind }]) => kind === "secret");
    expect(secrets.map(([key]) => key)).toEqual([
      ...["notify", "apiToken", "token", "command", "httpUrl", "httpHeaders", "httpBody"],
      ...["workerRequest", "workerHeaders", "workerBody"],
    ]);
    const { message, fix } = refusal({ HIDB_TOKEN: "s3cret" });
    expect(message).toBe("expected HIDB_TOKEN to be 16 to 256 characters without blanks, got something else");
    expect(message + fix).not.toContain("s3cret");
  });
});

describe("on D1, where each look is a request", () => {
  it("an instance is heard of less often, unless somebody says otherwise", () => {
    expect(read({ HIDB_DATABASE: "d1" })).toMatchObject({ heartbeatMs: 30_000, leaseMs: 600_000, groupMs: 10_000 });
    expect(read({ HIDB_DATABASE: "d1", HIDB_HEARTBEAT_MS: "1000" })).toMatchObject({
      heartbeatMs: 1000,
      leaseMs: 600_000,
    });
  });
});

describe("the environment of a child", () => {
  it("carries what differs from the defaults, and reads back the same", () => {
    const environment = {
      HIDB_SQLITE_FILE: "x.sqlite",
      HIDB_FORCE: "true",
      HIDB_COMMAND_PERMANENT: "3,4",
      HIDB_INSTANCES: "max",
      HIDB_REHEARSE_FACTOR: ".5",
      HIDB_HTTP_HEADERS: '{"a":"b"}',
    };
    const config = read(environment, { flags: { order: "longest" } });
    const carried = toEnvironment(config);
    expect(Object.keys(carried).sort()).toEqual([...Object.keys(environment), "HIDB_ORDER"].sort());
    const { origins: _, ...values } = read(carried, { cwd: "/" });
    const { origins: __, ...before } = config;
    expect(values).toEqual(before);
  });
});

describe("the process id", () => {
  it.each([
    [undefined, 0],
    ["0", 0],
    ["7", 7],
    ["", 0],
    ["seven", 0],
    ["1.5", 0],
    ["1e400", 0],
  ])("of NODE_APP_INSTANCE=%s is %i", (value, expected) => {
    expect(readProcessId(value === undefined ? {} : { NODE_APP_INSTANCE: value })).toBe(expected);
  });
});
