// PM2's view of the pool. Evaluated inside the `pm2` command, after the daemon is up and before any instance starts.
// PM2 drops `-i` for a config file and takes option names from the shell's variables; both are mended here.
"use strict";

const { execFileSync, spawn } = require("node:child_process");
const { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { parseEnv } = require("node:util");

/** What HIDB_APP_NAME may be: PM2 takes a number for the id of a process, and `all` for every app. */
const APP_NAME = /^(?!all$)[A-Za-z][A-Za-z0-9_-]{0,63}$/;
/** The folder of hidb: here, or where a copy of this file finds the package. */
const ROOT = findRoot();
const ENTRY = path.join(ROOT, "dist", "entry.cjs");
/** The folder that `data/` and `.env` belong to; instances run in it. */
const BASE = findBase();
const HANDLES = path.join(ROOT, "dist", "handles.js");
/** The same reading of cgroups as the instances have. */
const BOX = path.join(ROOT, "dist", "report", "box", "box.js");
const MAX_INSTANCES = 64;
/** `auto` on a small machine: videos mostly wait for something else than a core of ours. */
const AUTO_INSTANCES = 3;
const DRAIN_MS = 25_000;
/** An attempt that ignores its signal is given up after 5 s, twice; then come the last settlements. */
const AFTER_DRAIN_MS = 15_000;
const INSTANCE_MEMORY_MB = 250;
const PATH_SETTINGS = [
  "HIDB_SQLITE_FILE",
  "HIDB_SPOOL_DIR",
  "HIDB_WRANGLER_CONFIG",
  "HIDB_LOG_DIR",
  "HIDB_JOURNAL",
  "HIDB_COMMAND_OUT",
  "HIDB_WORKER",
  "HIDB_WORKER_DIR",
];

/** The settings that are secret, or may have a secret in them. */
const SECRET_SETTINGS = [
  "CLOUDFLARE_API_TOKEN",
  "HIDB_COMMAND",
  "HIDB_HTTP_BODY",
  "HIDB_HTTP_HEADERS",
  "HIDB_HTTP_URL",
  "HIDB_NOTIFY",
  "HIDB_TOKEN",
  "HIDB_WORKER_BODY",
  "HIDB_WORKER_HEADERS",
  "HIDB_WORKER_REQUEST",
];
/** What says to an instance where the variables of the shell are that PM2 does not get. */
const HAND_OVER = "_HIDB_ENVIRONMENT";
/** Variables of a shell that are no secrets of anybody; what Node or PM2 read when they start is among them. */
const HARMLESS = new RegExp(
  "^(PATH|HOME|USER|LOGNAME|USERNAME|SHELL|SHLVL|TERM|COLORTERM|LANG|LANGUAGE|LC_\\w+|TZ|PWD|OLDPWD|HOSTNAME|TMPDIR|TMP|TEMP|_|" +
    "XDG_\\w+_(HOME|DIR|DIRS)|NO_COLOR|FORCE_COLOR|CI|NODE_(ENV|OPTIONS|PATH|EXTRA_CA_CERTS|NO_WARNINGS|USE_ENV_PROXY)|" +
    "SSL_CERT_(FILE|DIR)|LD_LIBRARY_PATH|UV_THREADPOOL_SIZE|INIT_CWD|PM2_(?!.*(KEY|PASS|SECRET|TOKEN))\\w+)$",
);

/** Names that PM2 reads from the shell as if they were its own options, and marks of a process that PM2 manages. */
const POISON = (
  "NODE_APP_INSTANCE script name name_prefix filter_env namespace install_url cwd args exec_interpreter node_args " +
  "interpreter interpreter_args interpreterArgs exec out output out_file error err error_file err_file log log_file out_log err_log " +
  "disable_logs log_type log_date_format time max_memory_restart pid pid_file restart_delay exp_backoff_restart_delay " +
  "source_map_support disable_source_map_support wait_ready instances kill_timeout shutdown_with_message listen_timeout " +
  "cron cron_restart merge_logs combine_logs vizion autostart autorestart stop_exit_codes watch_delay watch ignore_watch " +
  "watch_options min_uptime max_restarts execute_command exec_mode force append_env_to_name post_update trace " +
  "disable_trace v8 event_loop_inspector deep_monitoring increment_var instance_var pmx automation treekill port " +
  "username user uid gid windowsHide kill_retry_time write io status pm_id unique_id pm_exec_path pm_cwd pm_uptime " +
  "restart_time unstable_restarts exit_code created_at prev_restart_delay km_link versioning version node_version"
).split(" ");

function findRoot() {
  if (existsSync(path.join(__dirname, "dist", "entry.cjs"))) return __dirname;
  try {
    return path.dirname(require.resolve("hidb/package.json", { paths: [__dirname, process.cwd()] }));
  } catch {
    return __dirname; // Refused below with the mend.
  }
}

function findBase() {
  const rule = path.join(ROOT, "dist", "base.js");
  try {
    return require(rule).findBase(ROOT, process.cwd());
  } catch (error) {
    // What is missing is refused below; to stop and to delete needs no folder.
    if (!existsSync(rule) || !isStarting(process.argv)) return ROOT;
    return refuse(3, `expected Node 22.13 or newer, got ${process.version} (${error.code})`, "run `npx pm2 ...`");
  }
}

function refuse(code, message, fix) {
  console.error(`error: ${message}\nfix:   ${fix}`);
  process.exit(code);
}

/** The instances that are stopped already cannot see to it that their variables go. */
function forgetWhenDeleted() {
  const program = path.join(ROOT, "dist", "forget.js");
  if (!isPm2() || !/^del/.test(process.argv[2] ?? "") || !existsSync(program)) return;
  const file = handedOverFile();
  const { ino, mtimeNs } = statSync(file, { bigint: true, throwIfNoEntry: false }) ?? {};
  if (ino === undefined) return;
  const options = { cwd: "/", env: {}, detached: true, stdio: "ignore" };
  spawn(process.execPath, [program, file, `${ino}-${mtimeNs}`], options)
    .on("error", () => undefined)
    .unref();
}

/** Stopping and deleting by this file need no count, and must work whatever is wrong with it. */
function isStarting(argv) {
  return !argv.slice(2).some((word) => /^(stop|delete|del)$/.test(word));
}

/** What was typed for the count: `-i 3`, `-i3`, `-si 3`, `--instances 3`, `--instances=3`. */
function countFlag(argv) {
  for (let at = 2; at < argv.length && argv[at] !== "--"; at++) {
    const word = argv[at];
    const long = /^--instances(?:=(.*))?$/.exec(word);
    if (long) return long[1] ?? argv[at + 1] ?? "";
    const short = /^-[a-zA-Z]*i(.*)$/.exec(word);
    if (short && !word.startsWith("--")) return short[1] !== "" ? short[1] : (argv[at + 1] ?? "");
  }
  return undefined;
}

/** In quotes, and as much as a line has room for. */
function shown(value) {
  return JSON.stringify(value.length > 200 ? `${value.slice(0, 200)}…` : value);
}

/** Every instance reads it, too, and more strictly; here it must not end the `pm2` command with a stack. */
function readDotenv(file) {
  if (!existsSync(file)) return {};
  try {
    if (!statSync(file).isFile()) throw Object.assign(new Error(), { code: "a folder, pipe or device" });
    return parseEnv(readFileSync(file, "utf8").replace(/^\ufeff/, ""));
  } catch (error) {
    if (!isStarting(process.argv)) return {};
    return refuse(
      2,
      `expected ${file} to be a file that can be read, got ${error.code}`,
      "rename it, or let it be read",
    );
  }
}

function settingsOf(environment) {
  const filed = readDotenv(path.join(BASE, ".env"));
  const settings = {};
  for (const [name, value] of Object.entries({ ...filed, ...environment })) {
    // An empty variable counts as unset.
    if (name.startsWith("HIDB_")) settings[name] = value || filed[name] || value;
  }
  for (const name of PATH_SETTINGS) {
    // A path from the shell starts where the command was typed, one from .env beside that file.
    const from = environment[name] ? process.cwd() : BASE;
    if (settings[name]) settings[name] = path.resolve(from, settings[name]);
  }
  return settings;
}

function wholeOf(settings, name, fallback) {
  const value = settings[name];
  if (value === undefined || value === "" || !isStarting(process.argv)) return fallback;
  if (!/^\d+$/.test(value)) refuse(2, `expected ${name} to be a whole number, got ${shown(value)}`, `correct ${name}`);
  return Number(value);
}

/** The smallest of the setting, the limits of the cgroups around us and the machine's memory, in MB. */
function memoryBudget(settings) {
  const memoryMb = wholeOf(settings, "HIDB_MEMORY_MB", 0);
  return Math.floor(require(BOX).readBudget({ memoryMb }).bytes / 1048576);
}

function countOf(argv, settings) {
  const flag = countFlag(argv);
  const asked = flag ?? (settings.HIDB_INSTANCES || "auto");
  const cores = os.availableParallelism();
  const budget = memoryBudget(settings);
  const each = wholeOf(settings, "HIDB_INSTANCE_MEMORY_MB", INSTANCE_MEMORY_MB);
  if (asked === "auto")
    return Math.max(1, Math.min(Math.max(cores, AUTO_INSTANCES), MAX_INSTANCES, Math.floor(budget / each)));
  const count = asked === "max" ? Math.min(cores, MAX_INSTANCES) : Number(asked);
  if (!/^(max|\d+)$/.test(asked) || count < 1 || count > MAX_INSTANCES) {
    const where = flag === undefined ? "HIDB_INSTANCES" : "-i";
    refuse(
      2,
      `expected ${where} to be auto, max or a whole number from 1 to ${MAX_INSTANCES}, got ${shown(asked)}`,
      `for example: pm2 start ${path.basename(__filename)} -i 3`,
    );
  }
  if (count * each > budget && !/^(1|true)$/.test(settings.HIDB_FORCE ?? "")) {
    refuse(
      3,
      `expected ${count} instances of ${each} MB to fit into ${budget} MB of memory`,
      `start ${Math.max(1, Math.floor(budget / each))}, lower HIDB_INSTANCE_MEMORY_MB, or set HIDB_FORCE=1`,
    );
  }
  return count;
}

/** Instances look themselves, too: what they may open is what the daemon may. */
function refuseFewHandles(settings) {
  const { checkHandles, handlesOfInstance } = require(HANDLES);
  try {
    checkHandles(handlesOfInstance(wholeOf(settings, "HIDB_CONCURRENCY", 1)));
  } catch (error) {
    refuse(3, error.message, error.fix);
  }
}

function isOld(version) {
  const [major, minor] = version.replace(/^v/, "").split(".").map(Number);
  return major < 22 || (major === 22 && minor < 13);
}

/** Instances run on the daemon's Node, whatever this command runs on. */
function refuseOldNode() {
  const home = process.env.PM2_HOME || path.join(os.homedir(), ".pm2");
  let version = process.version;
  try {
    const pid = readFileSync(path.join(home, "pm2.pid"), "utf8").trim();
    version = execFileSync(`/proc/${pid}/exe`, ["--version"], { encoding: "utf8", timeout: 10_000 }).trim();
  } catch {
    // No /proc here: the daemon was most likely started by this very command.
  }
  if (isOld(version)) {
    refuse(
      3,
      `expected PM2's daemon to run on Node 22.13 or newer, got ${version}`,
      "`pm2 kill`, then start with a newer Node: `npx pm2 start ...` uses the project's own",
    );
  }
}

function nameApp(settings) {
  const name = settings.HIDB_APP_NAME || "hidb";
  if (APP_NAME.test(name)) return name;
  const expected = "a name of letters, digits, - and _ that begins with a letter and is not `all`";
  return refuse(2, `expected HIDB_APP_NAME to be ${expected}, got ${shown(name)}`, "correct HIDB_APP_NAME");
}

/** What PM2 has under our name; undefined when that cannot be told. */
function listRunning() {
  // Only the `pm2` command is asked: another program that evaluates this file would start itself here without end.
  if (path.basename(process.argv[1] ?? "") !== "pm2") return undefined;
  try {
    const list = execFileSync(process.execPath, [process.argv[1], "jlist"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 10_000,
    });
    const start = list.lastIndexOf("\n[") + 1;
    return JSON.parse(list.slice(start)).filter((one) => one.name === APP);
  } catch {
    return undefined;
  }
}

/** PM2 would restart, stop or delete the other pool: it knows apps by name alone. A new release on the same database may. */
function refuseOther(running, settings) {
  const other = (running ?? []).find(({ pm2_env: { pm_cwd: cwd, env } }) => {
    return cwd !== BASE && databaseOf(env ?? {}, cwd) !== databaseOf(settings, BASE);
  });
  if (other === undefined) return;
  const action = isStarting(process.argv) ? "give this pool HIDB_APP_NAME=<name> and another HIDB_PORT" : "go there";
  refuse(
    3,
    `expected the PM2 app ${APP} to be the pool of ${BASE}, got that of ${other.pm2_env.pm_cwd}`,
    `${action}, or \`pm2 delete ${APP}\` if that one may end`,
  );
}

function databaseOf(settings, base) {
  if (settings.HIDB_DATABASE === "d1") return settings.HIDB_D1_DATABASE || base;
  return settings.HIDB_SQLITE_FILE || path.join(base, "data", "hidb.sqlite");
}

/** PM2 would restart what runs and silently keep the old count. */
function sayWhenRunning(running, count) {
  const asked = process.argv.includes("start") || countFlag(process.argv) !== undefined;
  if (!asked || running === undefined || running === 0 || running === count) return;
  console.error(
    `hidb: running already with ${running} instances, and PM2 keeps that count; for ${count}: pm2 scale ${APP} ${count}`,
  );
}

/** Instances inherit the variables of the shell that first started the daemon, for ever: an empty one counts as unset. */
function clearInherited(settings) {
  const home = process.env.PM2_HOME || path.join(os.homedir(), ".pm2");
  try {
    const pid = readFileSync(path.join(home, "pm2.pid"), "utf8").trim();
    for (const line of readFileSync(`/proc/${pid}/environ`, "utf8").split("\0")) {
      const name = line.slice(0, line.indexOf("="));
      if (name.startsWith("HIDB_") || name.startsWith("CLOUDFLARE_")) settings[name] ??= "";
    }
  } catch {
    // No /proc here.
  }
}

/** PM2 shows and saves the variables of what it runs: the token goes into the file where instances look for it. */
function putTokenAway(settings) {
  const token = settings.HIDB_TOKEN;
  delete settings.HIDB_TOKEN;
  const typed = process.env.HIDB_TOKEN;
  delete process.env.HIDB_TOKEN;
  // One from .env every instance reads there.
  if (!typed || !isStarting(process.argv)) return;
  const file = path.join(path.dirname(settings.HIDB_SQLITE_FILE || path.join(BASE, "data", "hidb.sqlite")), "token");
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `${token}\n`, { mode: 0o600 });
    chmodSync(file, 0o600);
  } catch (error) {
    refuse(3, `expected to keep HIDB_TOKEN in ${file}, got ${error.code}`, "give this user write permission there");
  }
}

/** Of those that evaluate this file; another program may need its variables itself. */
function isPm2() {
  return /^pm2(-\w+)?$/.test(path.basename(process.argv[1] ?? ""));
}

/**
 * PM2 shows the variables of what it runs to whoever asks (`pm2 env`, `pm2 jlist`), and saves them for all to read: it gets
 * an empty one in the place of each that may be secret, and the path of a file for the owner's eyes, where instances find
 * what they stand for. `.env` each instance reads itself.
 */
function handOver(settings, running) {
  const file = handedOverFile();
  // A restart keeps the variables that it was started with, as PM2 does.
  const variables = running ? readHandedOver(file, settings) : {};
  for (const [name, value] of Object.entries(process.env)) {
    const isSecret = SECRET_SETTINGS.includes(name);
    const isOther =
      !name.startsWith("HIDB_") && !HARMLESS.test(name) && !POISON.includes(name) && !isPlainProxy(name, value);
    if (!isSecret && !(isPm2() && isOther)) continue;
    // An empty one counts as unset.
    if (value !== "") variables[name] = value;
    delete process.env[name];
  }
  const draft = `${file}.${process.pid}`;
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(draft, JSON.stringify(variables), { mode: 0o600, flag: "wx" });
    renameSync(draft, file);
  } catch (error) {
    refuse(
      3,
      `expected to keep the shell's variables in ${file}, got ${error.code}`,
      "give this user write permission there",
    );
  }
  for (const name of [...SECRET_SETTINGS, ...Object.keys(variables)]) settings[name] = "";
  settings[HAND_OVER] = file;
}

function handedOverFile() {
  return path.join(process.env.PM2_HOME || path.join(os.homedir(), ".pm2"), `${APP}-environment.json`);
}

/** What .env says now comes before what a shell said once. */
function readHandedOver(file, settings) {
  try {
    const variables = JSON.parse(readFileSync(file, "utf8"));
    for (const name of SECRET_SETTINGS) if (settings[name]) delete variables[name];
    return variables;
  } catch {
    return {};
  }
}

/** Node reads these when it starts. */
function isPlainProxy(name, value) {
  return /^(https?|all|no)_proxy$/i.test(name) && !value.includes("@");
}

const settings = settingsOf(process.env);
const APP = nameApp(settings);
const running = listRunning();
refuseOther(running, settings);
putTokenAway(settings);
let instances = 1;
if (isStarting(process.argv)) {
  if (!existsSync(ENTRY))
    refuse(3, `expected the compiled program at ${ENTRY}, found nothing`, "run `npm ci` in the folder of package.json");
  refuseOldNode();
  refuseFewHandles(settings);
  instances = countOf(process.argv, settings);
  sayWhenRunning(running?.length, instances);
  // A restart keeps the settings that it was started with.
  if (running?.length === 0) clearInherited(settings);
  handOver(settings, running === undefined ? isPm2() : running.length > 0);
} else {
  forgetWhenDeleted();
}
for (const name of POISON) delete process.env[name];
// Instances run in the folder of this file; the Worker is meant from where the command was typed.
if (settings.HIDB_PROCESSOR === "worker" && !settings.HIDB_WRANGLER_CONFIG) settings.HIDB_WORKER ||= process.cwd();

// Bounds for young objects; without one Node adds up to 200 MB for them. A Worker brings a second heap and waits rather
// than computes: 1 MB, one helper thread of V8 instead of four, and code for size save 15 MB an instance; measured on
// JSON, maps, texts and loops, they cost 2 % of the speed.
const heapFlags =
  settings.HIDB_PROCESSOR === "worker"
    ? ["--max-semi-space-size=1", "--v8-pool-size=1", "--optimize-for-size"]
    : ["--max-semi-space-size=8"];
const memoryMb = wholeOf(settings, "HIDB_INSTANCE_MEMORY_MB", INSTANCE_MEMORY_MB);

module.exports = {
  apps: [
    {
      name: APP,
      // Relative: PM2 hands a script with a blank in its path to `bash -c`.
      script: path.relative(BASE, ENTRY),
      cwd: BASE,
      exec_mode: "cluster",
      instances,
      // Workers know no other time zone.
      env: settings.HIDB_PROCESSOR === "worker" ? { ...settings, TZ: "UTC" } : settings,
      filter_env: ["NODE_APP_INSTANCE", "HIDB_TOKEN"],
      node_args: [`--max-old-space-size=${memoryMb}`, ...heapFlags],
      wait_ready: true,
      listen_timeout: 10_000,
      kill_timeout: wholeOf(settings, "HIDB_DRAIN_MS", DRAIN_MS) + AFTER_DRAIN_MS,
      kill_retry_time: 500,
      treekill: false,
      pmx: false,
      // Not PM2's growing delay, which an instance that is killed at work gets as well: src/starts.ts has one for starts
      // that fail. These two are for a Node that ends before it gets there.
      restart_delay: 100,
      min_uptime: 250,
      stop_exit_codes: [42],
      // The last resort only: PM2 looks every 30 s and starts the new process beside the old one.
      max_memory_restart: `${2 * memoryMb}M`,
      merge_logs: true,
    },
  ],
};
