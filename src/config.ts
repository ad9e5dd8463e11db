// The one place that reads the environment: every setting with its default, its check and the sentence the README prints.
import { existsSync, readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";
import { availableParallelism, homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";
import leven from "leven";
import * as v from "valibot";
import { findBase, isInstalled } from "./base.js";
import { HidbError } from "./errors.js";

/** The folder of this package: it holds package.json, data/migrations/ and ecosystem.cluster.config.cjs. */
export const PROJECT_ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");

interface Setting<T> {
  name: string;
  /** As a person would type it; "" stands for "not set". */
  fallback: string;
  help: string;
  /** `expected ...` of the error message. */
  expected: string;
  schema: v.GenericSchema<string, T>;
  kind: "plain" | "path" | "secret";
  /** The default on D1, where every look is a request: as `fallback`. */
  remoteFallback?: string;
}

function setting<T>(
  name: string,
  fallback: string,
  expected: string,
  schema: v.GenericSchema<string, T>,
  help: string,
  kind: Setting<T>["kind"] = "plain",
): Setting<T> {
  return { name, fallback, help, expected, schema, kind };
}

/** The same setting with another default on D1. */
function onD1<S extends Setting<unknown>>(base: S, remoteFallback: string): S {
  return { ...base, remoteFallback };
}

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)$/;

function number(name: string, fallback: string, { min, max }: { min: number; max: number }, help: string) {
  const schema = v.pipe(v.string(), v.regex(decimal), v.transform(Number), v.minValue(min), v.maxValue(max));
  return setting(name, fallback, `a number from ${min} to ${max}`, schema, help);
}

function whole(name: string, fallback: string, { min, max }: { min: number; max: number }, help: string) {
  const schema = v.pipe(v.string(), v.regex(/^[+-]?\d+$/), v.transform(Number), v.minValue(min), v.maxValue(max));
  return setting(name, fallback, `a whole number from ${min} to ${max}`, schema, help);
}

function text(name: string, fallback: string, help: string, kind: "plain" | "secret" = "plain") {
  return setting(name, fallback, "text", v.string(), help, kind);
}

function url(name: string, fallback: string, help: string) {
  return setting(name, fallback, "an http or https URL", v.pipe(v.string(), v.regex(/^https?:/), v.url()), help);
}

function path(name: string, fallback: string, help: string) {
  return setting(name, fallback, "a path", v.string(), help, "path");
}

function oneOf<const T extends string>(name: string, fallback: T, options: readonly T[], help: string) {
  return setting<T>(name, fallback, options.join(", "), v.picklist(options) as v.GenericSchema<string, T>, help);
}

function flag(name: string, help: string) {
  const schema = v.pipe(
    v.picklist(["0", "1", "true", "false"]),
    v.transform((value) => value === "1" || value === "true"),
  );
  return setting<boolean>(name, "0", "0 or 1", schema as v.GenericSchema<string, boolean>, help);
}

/** A table or column name, so that it can stand in a statement. */
function identifier(name: string, fallback: string, help: string) {
  const schema = v.pipe(v.string(), v.regex(/^([A-Za-z_][A-Za-z0-9_]*)?$/));
  return setting(name, fallback, "a name of letters, digits and _ that does not begin with a digit", schema, help);
}

function exitCodes(name: string, help: string) {
  const schema = v.pipe(
    v.string(),
    v.regex(/^(\d{1,3}(,\d{1,3})*)?$/),
    v.transform((value) => (value === "" ? [] : value.split(",").map(Number))),
  );
  return setting<number[]>(name, "", "exit codes separated by commas", schema, help);
}

function hostNames(name: string, help: string) {
  const schema = v.pipe(
    v.string(),
    v.regex(/^([\w.:[\]-]+(\s*,\s*[\w.:[\]-]+)*)?$/),
    v.transform((value) => (value === "" ? [] : value.toLowerCase().split(/\s*,\s*/))),
  );
  return setting<string[]>(name, "", "host names separated by commas", schema, help);
}

/** Names, addresses and ranges of addresses; 1 for all, as "*". */
function sourcePlaces(name: string, help: string) {
  const isPlace = (word: string) => {
    const [address = "", bits, ...rest] = word.split("/");
    const version = isIP(address);
    if (bits === undefined) return version !== 0 || /^[\w.-]+$/.test(word) || word === "*";
    return version !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
  };
  const schema = v.pipe(
    v.string(),
    v.transform((value) => value.toLowerCase().split(/\s*,\s*/)),
    v.transform((words) => (words.length > 1 ? words : words[0] === "1" ? ["*"] : words[0] === "0" ? [] : words)),
    v.transform((words) => (words.length === 1 && words[0] === "" ? [] : words)),
    v.check((words) => words.every(isPlace)),
  );
  return setting<string[]>(name, "", "1, or names, addresses and ranges separated by commas", schema, help);
}

const DAY_MS = 86_400_000;
/** Characters of what somebody has typed. */
const LONGEST_SHOWN = 500;
const MAX_INSTANCES = 64;
/** PM2 takes a number for the id of a process, and `all` for every app. */
const APP_NAME = /^(?!all$)[A-Za-z][A-Za-z0-9_-]{0,63}$/;

export const SETTINGS = {
  database: oneOf("HIDB_DATABASE", "sqlite", ["sqlite", "d1"], "A SQLite file, or Cloudflare D1 over HTTP."),
  sqliteFile: {
    ...path("HIDB_SQLITE_FILE", "data/hidb.sqlite", "The database file."),
    // All instances open it, and SQLite is not asked to take a URI.
    schema: v.pipe(v.string(), v.regex(/^(?!:memory:|file:)/i)),
  },
  strict: flag("HIDB_STRICT", "1 enforces all of D1's limits and refusals on the SQLite file, too."),
  synchronous: oneOf(
    "HIDB_SYNCHRONOUS",
    "normal",
    ["normal", "full"],
    "What a power cut may undo: `normal` what was settled in the last second, `full` nothing settled.",
  ),
  appName: setting(
    "HIDB_APP_NAME",
    "hidb",
    "a name of letters, digits, - and _ that begins with a letter and is not `all`",
    v.pipe(v.string(), v.regex(APP_NAME)),
    "What PM2 calls the pool; a second pool on one PM2 daemon needs another name, and another HIDB_PORT.",
  ),
  instances: setting(
    "HIDB_INSTANCES",
    "auto",
    `auto, max or a whole number from 1 to ${MAX_INSTANCES}`,
    v.pipe(
      v.string(),
      v.regex(/^(auto|max|\d+)$/),
      v.transform((value) =>
        value === "auto" ? value : value === "max" ? Math.min(availableParallelism(), MAX_INSTANCES) : Number(value),
      ),
      v.check((value) => value === "auto" || (value >= 1 && value <= MAX_INSTANCES)),
    ) as v.GenericSchema<string, "auto" | number>,
    "How many instances to start; `auto`: three, or one a core if there are more, as far as memory allows; `max`: one a core.",
  ),
  concurrency: whole(
    "HIDB_CONCURRENCY",
    "1",
    { min: 1, max: 1000 },
    "Videos that one instance processes side by side.",
  ),
  processor: oneOf(
    "HIDB_PROCESSOR",
    "probe",
    ["probe", "command", "http", "worker", "rehearse"],
    "What is done with a video.",
  ),
  sharding: oneOf(
    "HIDB_SHARDING",
    "modulo",
    ["modulo", "strict", "ranges", "none"],
    "Whose a video is: `video_id % N`, the same without stealing, ranges of ids, or anyone's.",
  ),
  order: oneOf("HIDB_ORDER", "id", ["id", "longest"], "Which videos come first: by id, or the longest known duration."),
  maxAttempts: whole("HIDB_MAX_ATTEMPTS", "3", { min: 1, max: 1000 }, "Attempts a video is given."),
  backoffMs: whole(
    "HIDB_BACKOFF_MS",
    "1000",
    { min: 0, max: DAY_MS },
    "Backoff before the second attempt at most; doubles with each further one, with full jitter.",
  ),
  backoffMaxMs: whole("HIDB_BACKOFF_MAX_MS", "300000", { min: 0, max: DAY_MS }, "The cap of the backoff."),
  timeoutMs: whole(
    "HIDB_TIMEOUT_MS",
    "3600000",
    { min: 0, max: 30 * DAY_MS },
    "Time an attempt may take; 0 for no limit.",
  ),
  drainMs: whole(
    "HIDB_DRAIN_MS",
    "25000",
    { min: 0, max: DAY_MS },
    "Time a drain lets running attempts finish before it gives them back.",
  ),
  heartbeatMs: onD1(
    whole(
      "HIDB_HEARTBEAT_MS",
      "500",
      { min: 50, max: 60_000 },
      "How often an instance renews its lease, looks for dead ones and, when idle, for new videos.",
    ),
    "30000",
  ),
  leaseMs: onD1(
    whole(
      "HIDB_LEASE_MS",
      "30000",
      { min: 500, max: DAY_MS },
      "Silence after which another host takes an instance's videos.",
    ),
    "600000",
  ),
  claimCount: whole("HIDB_CLAIM_COUNT", "50", { min: 1, max: 1000 }, "Short videos claimed in one go at most."),
  groupCount: whole(
    "HIDB_GROUP_COUNT",
    "50",
    { min: 1, max: 1000 },
    "Settlements of short videos in one transaction at most.",
  ),
  groupMs: onD1(
    whole(
      "HIDB_GROUP_MS",
      "50",
      { min: 0, max: 60_000 },
      "Time a settlement waits for company at most; an attempt longer than this settles at once.",
    ),
    "10000",
  ),
  halt: setting(
    "HIDB_HALT",
    "",
    "a share such as 10%, a number of videos from 1, or nothing",
    v.pipe(
      v.string(),
      v.regex(/^(\d{1,12}|\d{1,3}(\.\d+)?%)?$/),
      v.check(
        (value) =>
          value === "" || (Number.parseFloat(value) > 0 && !(value.endsWith("%") && Number.parseFloat(value) > 100)),
      ),
    ),
    "Pauses the pool when so many videos of a run have failed: a number, or a share such as `10%` of those that have ended.",
  ),
  notify: setting(
    "HIDB_NOTIFY",
    "",
    "an http or https URL, or a program with its arguments",
    v.pipe(
      v.string(),
      v.check((value) => (/^https?:/i.test(value) ? URL.canParse(value) : !/^[a-z][a-z0-9+.-]*:\/\//i.test(value))),
    ),
    "Told when a run ends or is halted: a URL that gets a POST, or a program with its arguments.",
    "secret",
  ),
  memoryMb: whole(
    "HIDB_MEMORY_MB",
    "0",
    { min: 0, max: 16_777_216 },
    "Memory for the whole pool; 0: what the machine or its cgroup has.",
  ),
  instanceMemoryMb: whole(
    "HIDB_INSTANCE_MEMORY_MB",
    "250",
    { min: 100, max: 1_048_576 },
    "Memory above which an instance drains and is started anew.",
  ),
  staggerMs: whole(
    "HIDB_STAGGER_MS",
    "500",
    { min: 0, max: 3_600_000 },
    "Time between two instances that begin to claim, where memory does not hold all of them at their limits.",
  ),
  force: flag("HIDB_FORCE", "1 starts more instances than the memory holds."),
  accountId: text(
    "CLOUDFLARE_ACCOUNT_ID",
    "",
    "The account that the D1 database belongs to; else from the wrangler config.",
  ),
  apiToken: text("CLOUDFLARE_API_TOKEN", "", "A token with the permission D1 Edit.", "secret"),
  d1Database: text(
    "HIDB_D1_DATABASE",
    "",
    "The D1 database: its id, its name or its binding; else the only one of the wrangler config.",
  ),
  wranglerConfig: path(
    "HIDB_WRANGLER_CONFIG",
    "",
    "wrangler.jsonc, .json or .toml; else the one found from here upwards.",
  ),
  d1BaseUrl: url("HIDB_D1_BASE_URL", "https://api.cloudflare.com/client/v4", "Where Cloudflare's API answers."),
  d1Requests: whole(
    "HIDB_D1_REQUESTS_PER_5MIN",
    "1000",
    { min: 100, max: 1_000_000 },
    "Requests that the whole pool makes in 5 minutes at most; Cloudflare blocks an account above 1,200.",
  ),
  spoolDir: path("HIDB_SPOOL_DIR", "data/spool", "Finished work that D1 has not taken yet is kept here."),
  logDir: path("HIDB_LOG_DIR", "data/logs", "One log file an instance goes here."),
  logLevel: oneOf("HIDB_LOG_LEVEL", "info", ["debug", "info", "warn", "error", "silent"], "What the log files hold."),
  logMaxMb: whole("HIDB_LOG_MAX_MB", "200", { min: 2, max: 1_048_576 }, "Disk for all log files; the oldest go first."),
  logFileMb: whole(
    "HIDB_LOG_FILE_MB",
    "10",
    { min: 1, max: 1024 },
    "Size at which a log file is set aside for a new one.",
  ),
  logFileHours: whole(
    "HIDB_LOG_FILE_HOURS",
    "24",
    { min: 1, max: 8760 },
    "Age at which a log file is set aside for a new one.",
  ),
  port: whole(
    "HIDB_PORT",
    "3000",
    { min: 0, max: 65_535 },
    "The page and its API, shared by all instances; each also has this + 1 + its process id to itself; 0 for none.",
  ),
  host: setting(
    "HIDB_HOST",
    "127.0.0.1",
    "an address of this machine",
    v.pipe(v.string(), v.regex(/^[\w.:-]+$/)),
    "The address they are on; anything but 127.0.0.1 lets others in, who can read without the token.",
  ),
  token: setting(
    "HIDB_TOKEN",
    "",
    "16 to 256 characters without blanks",
    v.pipe(v.string(), v.regex(/^([!-~]{16,256})?$/)),
    "What changes through the page or the API need; without it one is made and kept in `token` beside the database.",
    "secret",
  ),
  allowedHosts: hostNames(
    "HIDB_ALLOWED_HOSTS",
    "Further names under which the page may be asked for, besides localhost and HIDB_HOST.",
  ),
  journal: path(
    "HIDB_JOURNAL",
    "",
    "Appends every life, claim, renewal, settlement, release and reclaim to this file as a JSON line.",
  ),
  catalogueTable: identifier(
    "HIDB_CATALOGUE_TABLE",
    "videos",
    "The table of the catalogue; one that hidb did not make is never altered.",
  ),
  catalogueId: identifier("HIDB_CATALOGUE_ID", "id", "Its column of whole numbers that name the videos."),
  catalogueSource: identifier("HIDB_CATALOGUE_SOURCE", "source", "Its column of paths or URLs."),
  catalogueTitle: identifier("HIDB_CATALOGUE_TITLE", "title", "Its column of titles; need not exist."),
  catalogueDuration: identifier("HIDB_CATALOGUE_DURATION", "duration_s", "Its column of seconds; need not exist."),
  workerdLimits: oneOf(
    "HIDB_WORKERD_LIMITS",
    "report",
    ["off", "report", "enforce"],
    "What comes of a video that uses more than Workers allow: nothing, a report, or the failure it would be there.",
  ),
  workerdPlan: oneOf("HIDB_WORKERD_PLAN", "paid", ["free", "paid"], "The Workers plan whose limits these are."),
  workerdCpuMs: whole("HIDB_WORKERD_CPU_MS", "0", { min: 0, max: 900_000 }, "CPU of an invocation; 0: of the plan."),
  workerdMemoryMb: whole(
    "HIDB_WORKERD_MEMORY_MB",
    "0",
    { min: 0, max: 65_536 },
    "Memory of the Worker; 0: of the plan.",
  ),
  workerdSubrequests: whole(
    "HIDB_WORKERD_SUBREQUESTS",
    "0",
    { min: 0, max: 10_000_000 },
    "Requests of an invocation to the outside; 0: of the plan.",
  ),
  workerdD1Queries: whole(
    "HIDB_WORKERD_D1_QUERIES",
    "0",
    { min: 0, max: 10_000_000 },
    "D1 queries of an invocation; 0: of the plan.",
  ),
  workerdConnections: whole(
    "HIDB_WORKERD_CONNECTIONS",
    "0",
    { min: 0, max: 1000 },
    "Requests of an invocation that wait for an answer at the same time; 0: of the plan.",
  ),
  workerdRequestMb: whole(
    "HIDB_WORKERD_REQUEST_MB",
    "0",
    { min: 0, max: 5000 },
    "The largest body sent to the Worker; 0: of the plan.",
  ),
  workerdLogKb: whole(
    "HIDB_WORKERD_LOG_KB",
    "0",
    { min: 0, max: 1_000_000 },
    "What an invocation may log; 0: of the plan.",
  ),
  workerdWaitUntilMs: whole(
    "HIDB_WORKERD_WAIT_UNTIL_MS",
    "0",
    { min: 0, max: DAY_MS },
    "Time for `waitUntil` after the answer; 0: of the plan.",
  ),
  probe: oneOf(
    "HIDB_PROBE",
    "index",
    ["index", "full"],
    "`full` counts every packet of a media file; `index` estimates what would take too much reading.",
  ),
  probeHash: oneOf(
    "HIDB_PROBE_HASH",
    "local",
    ["local", "always"],
    "Which media files get a SHA-256, which takes all of their bytes: those on disks, or those behind http(s) as well.",
  ),
  probeTimeoutMs: whole(
    "HIDB_PROBE_TIMEOUT_MS",
    "60000",
    { min: 100, max: DAY_MS },
    "CPU time without progress, and time without a byte, that the parser of a media file may take.",
  ),
  probeMemoryMb: whole(
    "HIDB_PROBE_MEMORY_MB",
    "64",
    { min: 16, max: 16_384 },
    "Memory the parser of a media file may take; garbage does not count.",
  ),
  allowPrivateSources: sourcePlaces(
    "HIDB_ALLOW_PRIVATE_SOURCES",
    "What sources may be read from though it is a private address: names, addresses, ranges such as `10.0.0.0/8`; 1 for all.",
  ),
  command: text(
    "HIDB_COMMAND",
    "",
    "The program and its arguments; {source} {id} {title} {rank} {count} {out} are filled in, no shell is involved.",
    "secret",
  ),
  commandOut: path(
    "HIDB_COMMAND_OUT",
    "",
    "Where {out} ends up, e.g. `data/out/{id}.mp4`; written aside and renamed on success.",
  ),
  commandPermanent: exitCodes(
    "HIDB_COMMAND_PERMANENT",
    "Exit codes of the program that mean: do not try this video again.",
  ),
  httpUrl: text(
    "HIDB_HTTP_URL",
    "",
    "The URL called once a video; {id} {source} {title} {rank} {count} are filled in, worker_id and worker_count added.",
    "secret",
  ),
  httpMethod: oneOf("HIDB_HTTP_METHOD", "POST", ["POST", "GET", "PUT", "PATCH"], "The method of that call."),
  httpHeaders: text("HIDB_HTTP_HEADERS", "", "Its headers as a JSON object.", "secret"),
  httpBody: text("HIDB_HTTP_BODY", "", "Its body, with the same placeholders; without it the video as JSON.", "secret"),
  httpMaxMb: number("HIDB_HTTP_MAX_MB", "1", { min: 0.001, max: 100 }, "The largest answer that is taken."),
  worker: path(
    "HIDB_WORKER",
    "",
    "The Worker: a wrangler config, a built module, a Pages output; without it the wrangler config here.",
  ),
  workerCall: oneOf(
    "HIDB_WORKER_CALL",
    "fetch",
    ["fetch", "queue", "scheduled"],
    "Which of its handlers gets a video: a request, a message of a batch, or a cron event.",
  ),
  workerRequest: text(
    "HIDB_WORKER_REQUEST",
    "POST /api/videos/{id}/process?worker_id={rank}&worker_count={count}",
    "Method and path of that request, with the placeholders of HIDB_HTTP_URL.",
    "secret",
  ),
  workerHeaders: text("HIDB_WORKER_HEADERS", "", "Its headers as a JSON object.", "secret"),
  workerBody: text(
    "HIDB_WORKER_BODY",
    "",
    "Its body, with the same placeholders; without it the video as JSON.",
    "secret",
  ),
  workerQueue: text(
    "HIDB_WORKER_QUEUE",
    "",
    "The queue of those batches; without it the first that the Worker consumes.",
  ),
  workerBatch: whole("HIDB_WORKER_BATCH", "1", { min: 1, max: 100 }, "Videos in one batch at most."),
  workerCron: text("HIDB_WORKER_CRON", "", "The cron of that event; without it the Worker's first."),
  workerPort: whole(
    "HIDB_WORKER_PORT",
    "0",
    { min: 0, max: 65_535 },
    "Serves the whole Worker on this port of 127.0.0.1, shared by all instances; 0 for not at all.",
  ),
  workerNode: oneOf(
    "HIDB_WORKER_NODE",
    "auto",
    ["auto", "off", "compat", "full"],
    "What the Worker sees of Node: nothing, what Workers have of it, or all; `auto` by its compatibility date and flags.",
  ),
  workerEval: flag("HIDB_WORKER_EVAL", "1 lets the Worker's handlers make code of texts, which Workers cannot."),
  workerIsolation: oneOf(
    "HIDB_WORKER_ISOLATION",
    "thread",
    ["thread", "process"],
    "Where the Worker runs: in a thread that it can do no harm outside of, or in the instance itself.",
  ),
  workerDir: path("HIDB_WORKER_DIR", "data/worker", "Its KV, R2, cache and further databases are kept here."),
  cloudflareEnv: text("CLOUDFLARE_ENV", "", "The environment (`env.<name>`) of the wrangler config."),
  rehearseFactor: number("HIDB_REHEARSE_FACTOR", "1", { min: 0, max: 1000 }, "`rehearse` waits duration_s times this."),
  rehearseSeed: whole("HIDB_REHEARSE_SEED", "1", { min: 0, max: 2 ** 31 }, "Seed of what `rehearse` lets go wrong."),
  rehearseFail: number("HIDB_REHEARSE_FAIL", "0", { min: 0, max: 1 }, "Share of attempts that fail and are retried."),
  rehearsePermanent: number("HIDB_REHEARSE_PERMANENT", "0", { min: 0, max: 1 }, "Share of videos that fail for good."),
  rehearseDie: number("HIDB_REHEARSE_DIE", "0", { min: 0, max: 1 }, "Share of attempts that kill their instance."),
  rehearseHang: number(
    "HIDB_REHEARSE_HANG",
    "0",
    { min: 0, max: 1 },
    "Share of attempts that hang and ignore their signal.",
  ),
  rehearseBlock: number(
    "HIDB_REHEARSE_BLOCK",
    "0",
    { min: 0, max: 1 },
    "Share of attempts that block the event loop for their whole time.",
  ),
  rehearseAllocMb: number(
    "HIDB_REHEARSE_ALLOC_MB",
    "0",
    { min: 0, max: 65_536 },
    "Memory that each attempt takes and keeps.",
  ),
} as const satisfies Record<string, Setting<unknown>>;

type ValueOf<S> = S extends Setting<infer T> ? T : never;
type Values = { -readonly [K in keyof typeof SETTINGS]: ValueOf<(typeof SETTINGS)[K]> };
export type SettingKey = keyof typeof SETTINGS;
export type Origin = "flag" | "environment" | ".env" | "default";

/** All settings, checked and frozen; paths are absolute, an unset path is "". */
export type Config = Readonly<Values> & { readonly origins: Readonly<Record<SettingKey, Origin>> };

export interface ConfigSources {
  /** The highest rank; keys as in SETTINGS, values as typed. */
  flags?: Partial<Record<SettingKey, string>>;
  environment?: NodeJS.ProcessEnv;
  /** Where a relative path in a setting starts from, and, in a clone, where `.env` lies. */
  cwd?: string;
}

/** Reads flag, environment, `.env` file and default, in this order; throws SETTING_UNKNOWN or SETTING_INVALID. */
export function readConfig(sources: ConfigSources = {}): Config {
  const { flags = {}, environment = process.env, cwd = process.cwd() } = sources;
  const base = findBase(PROJECT_ROOT, cwd);
  const dotenvFolder = isInstalled(PROJECT_ROOT) ? base : cwd;
  const file = readDotenv(resolve(dotenvFolder, ".env"));
  refuseUnknown(environment, "the environment");
  refuseUnknown(file, ".env");
  const values: Partial<Record<SettingKey, unknown>> = {};
  const origins = {} as Record<SettingKey, Origin>;
  for (const [key, setting] of Object.entries(SETTINGS) as [SettingKey, Setting<unknown>][]) {
    const [raw, origin] = pick(key, setting, { flags, environment, file });
    // The database comes first in the table, so that its value is known here.
    const remote = values.database === "d1" && origin === "default" && setting.remoteFallback !== undefined;
    const from = origin === "default" ? base : origin === ".env" ? dotenvFolder : cwd;
    values[key] = parse(setting, remote ? (setting.remoteFallback as string) : raw, origin, from);
    origins[key] = origin;
  }
  const config = { ...(values as Values), origins: Object.freeze(origins) };
  checkTogether(config);
  return Object.freeze(config);
}

/** The settings that somebody has set, and those in `always`, as environment variables for a child process. */
export function toEnvironment(config: Config, always: readonly SettingKey[] = []): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [key, setting] of Object.entries(SETTINGS) as [SettingKey, Setting<unknown>][]) {
    if (config.origins[key] === "default" && !always.includes(key)) continue;
    const value = config[key];
    environment[setting.name] = typeof value === "boolean" ? (value ? "1" : "0") : String(value);
  }
  return environment;
}

type Layers = { flags: Partial<Record<SettingKey, string>>; environment: NodeJS.ProcessEnv; file: NodeJS.Dict<string> };

function pick(key: SettingKey, setting: Setting<unknown>, layers: Layers): [string, Origin] {
  const flagged = layers.flags[key];
  if (flagged !== undefined) return [flagged, "flag"];
  // An empty variable counts as unset, as in `HIDB_ORDER= pm2 start ...`.
  const inherited = layers.environment[setting.name];
  if (inherited) return [inherited, "environment"];
  const filed = layers.file[setting.name];
  if (filed) return [filed, ".env"];
  return [setting.fallback, "default"];
}

function parse(setting: Setting<unknown>, raw: string, origin: Origin, from: string): unknown {
  if (setting.kind === "path") {
    if (raw.includes("\0")) throw settingInvalid({ name: setting.name, expected: "a path", got: shorten(raw), origin });
    if (!v.is(setting.schema, raw.trim()))
      throw settingInvalid({ name: setting.name, expected: setting.expected, got: shorten(raw), origin });
    if (raw === "" || isAbsolute(raw)) return raw;
    return resolve(from, raw);
  }
  const result = v.safeParse(setting.schema, raw.trim());
  if (result.success) return result.output;
  const shown = setting.kind === "secret" ? "something else" : shorten(raw);
  throw settingInvalid({ name: setting.name, expected: setting.expected, got: shown, origin });
}

function readDotenv(file: string): NodeJS.Dict<string> {
  if (!existsSync(file)) return {};
  const unreadable = (got: string, cause?: unknown) =>
    new HidbError({
      code: "SETTING_INVALID",
      message: `expected ${file} to be a file that can be read, got ${got}`,
      fix: "give this user read permission on it, rename it, or run hidb in another folder",
      cause,
    });
  let text: string;
  try {
    const stat = statSync(file);
    // A pipe would be waited for as long as nobody writes to it.
    if (!stat.isFile() && !stat.isDirectory()) throw unreadable("a device, pipe or socket");
    text = readFileSync(file, "utf8");
  } catch (cause) {
    if (cause instanceof HidbError) throw cause;
    throw unreadable(String(cause instanceof Error && "code" in cause ? cause.code : cause), cause);
  }
  // Node's parser passes over what it does not understand: a setting that is lost so would be missed much later.
  if (text.includes("\0")) throw dotenvInvalid(file, "text in UTF-8", "another encoding or binary data");
  const filed = parseEnv(text.replace(/^\ufeff/, ""));
  for (const line of text.split(/\r?\n/)) {
    const [, name, next] = /^\ufeff?[ \t]*(?:export[ \t]+)?(HIDB_\w*)[ \t]*(.?)/.exec(line) ?? [];
    if (name === undefined || next === "=" || name in filed) continue;
    throw dotenvInvalid(file, `${shorten(name)} to be followed by = and its value`, "something else");
  }
  return filed;
}

function dotenvInvalid(file: string, expected: string, got: string): HidbError {
  return new HidbError({
    code: "SETTING_INVALID",
    message: `expected ${expected} in ${file}, got ${got}`,
    fix: "write one NAME=value a line and save it as UTF-8",
  });
}

/** In quotes, and as much as a line of a message has room for. */
function shorten(text: string): string {
  return JSON.stringify(text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text);
}

function refuseUnknown(environment: NodeJS.Dict<string>, where: string): void {
  const known = Object.values(SETTINGS).map((setting) => setting.name);
  for (const name of Object.keys(environment)) {
    if (!name.startsWith("HIDB_") || known.includes(name)) continue;
    const shown = /^\w+$/.test(name) && name.length <= LONGEST_SHOWN ? name : shorten(name);
    const distance = (candidate: string) => leven(name.slice(0, LONGEST_SHOWN).toUpperCase(), candidate);
    const guess = known.reduce((best, candidate) => (distance(candidate) < distance(best) ? candidate : best));
    const near = distance(guess) <= 4;
    throw new HidbError({
      code: "SETTING_UNKNOWN",
      message: `expected only settings that hidb knows, got ${shown} in ${where}`,
      fix: near ? `did you mean ${guess}? Rename or remove ${shown}` : `remove ${shown}; the README lists the settings`,
    });
  }
}

function checkTogether(config: Config): void {
  if (config.leaseMs < 3 * config.heartbeatMs) {
    throw settingInvalid({
      name: SETTINGS.leaseMs.name,
      expected: `long enough for three heartbeats (${3 * config.heartbeatMs} or more)`,
      got: String(config.leaseMs),
      origin: config.origins.leaseMs,
    });
  }
  if (config.workerBatch > config.concurrency) {
    throw settingInvalid({
      name: SETTINGS.workerBatch.name,
      expected: `at most HIDB_CONCURRENCY (${config.concurrency}), since a batch is made of videos in hand`,
      got: String(config.workerBatch),
      origin: config.origins.workerBatch,
    });
  }
  // An empty flag; SQLite takes an empty name for a database of its own that nobody else ever sees.
  for (const key of ["sqliteFile", "catalogueTable", "catalogueId", "catalogueSource"] as const) {
    if (config[key] !== "") continue;
    throw settingInvalid({
      name: SETTINGS[key].name,
      expected: SETTINGS[key].expected,
      got: "nothing",
      origin: config.origins[key],
    });
  }
}

interface InvalidParts {
  name: string;
  expected: string;
  got: string;
  origin: Origin;
}

export function settingInvalid({ name, expected, got, origin }: InvalidParts): HidbError {
  const where =
    origin === "flag"
      ? "the flag"
      : origin === "default"
        ? "the environment"
        : origin === "environment"
          ? "the environment"
          : "the file .env";
  return new HidbError({
    code: "SETTING_INVALID",
    message: `expected ${name} to be ${expected}, got ${got}`,
    fix: `correct ${name} in ${where}, or remove it for the default`,
  });
}

/** What says where the ecosystem file has put the variables that PM2 would show and save. */
const HAND_OVER = "_HIDB_ENVIRONMENT";

/** Where the ecosystem file keeps them for the daemon of this shell. */
export function handedOverFile(appName: string, environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment.PM2_HOME || join(homedir(), ".pm2"), `${appName}-environment.json`);
}

/** The file with those variables; undefined where there is none. */
export function findHandedOver(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  return environment[HAND_OVER] || undefined;
}

/**
 * Puts the variables in their places that came in a file past PM2. One that PM2 has all the same is newer: somebody has
 * used --update-env; names of secrets among those are returned. Errors: FILE_UNREADABLE.
 */
export function takeHandedOver(environment: NodeJS.ProcessEnv = process.env): string[] {
  const file = environment[HAND_OVER];
  if (!file) return [];
  delete environment[HAND_OVER];
  const secrets = Object.values(SETTINGS).filter(({ kind }) => kind === "secret");
  const seen = secrets.filter(({ name }) => environment[name]).map(({ name }) => name);
  const appName = environment.HIDB_APP_NAME || SETTINGS.appName.fallback;
  for (const [name, value] of Object.entries(readHandedOver(file, appName))) environment[name] ||= value;
  return seen;
}

function readHandedOver(file: string, appName: string): Record<string, string> {
  try {
    return v.parse(v.record(v.string(), v.string()), JSON.parse(readFileSync(file, "utf8")));
  } catch (cause) {
    const got = cause instanceof Error && "code" in cause ? cause.code : "something else";
    throw new HidbError({
      code: "FILE_UNREADABLE",
      message: `expected the variables of the shell that has started the pool in ${file}, got ${got}`,
      fix: `\`pm2 delete ${appName}\`, then \`pm2 start ecosystem.cluster.config.cjs\` from that shell`,
    });
  }
}

/** The environment that a child process gets: ours. */
export function inheritedEnvironment(environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return { ...environment };
}

/** What a program gets that somebody else has written: ours, less the secrets that are meant for hidb. */
export function environmentForPrograms(environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const names = new Set(Object.values(SETTINGS).flatMap(({ name, kind }) => (kind === "secret" ? [name] : [])));
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !names.has(name)));
}

/** How a person calls hidb: below npm and npx it is not on the PATH of their shell. */
export function readCommandName(environment: NodeJS.ProcessEnv = process.env): string {
  const { npm_lifecycle_event, npm_command, npm_execpath } = environment;
  return npm_lifecycle_event || npm_command || npm_execpath ? "npx hidb" : "hidb";
}

/** PM2's number for this process: a label with gaps and twins; 0 outside PM2. */
export function readProcessId(environment: NodeJS.ProcessEnv = process.env): number {
  const number = Number(environment.NODE_APP_INSTANCE ?? 0);
  return Number.isSafeInteger(number) ? number : 0;
}

/** Where the `pm2` command finds the daemon that runs this process; undefined outside PM2. */
export function readPm2Home(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  return environment.pm_id === undefined ? undefined : (environment.PM2_HOME ?? undefined);
}
