// What PM2 must not get of the shell's variables: secrets, since it shows and saves all that it has, and its own options.
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { HAND_OVER, readHandedOver, writeHandedOver } from "../config/handed-over.js";
import { SECRET_NAMES } from "../config/secrets.js";
import { SETTINGS } from "../config/settings.js";
import { tokenFile } from "../dashboard/token.js";
import { codeOf, HidbError } from "../errors.js";
import type { ShellSettings } from "./shell-settings.js";

/** Variables of a shell that are no secrets of anybody; what Node or PM2 read when they start is among them. */
const HARMLESS = new RegExp(
  "^(PATH|HOME|USER|LOGNAME|USERNAME|SHELL|SHLVL|TERM|COLORTERM|LANG|LANGUAGE|LC_\\w+|TZ|PWD|OLDPWD|HOSTNAME|TMPDIR|TMP|TEMP|_|" +
    "XDG_\\w+_(HOME|DIR|DIRS)|NO_COLOR|FORCE_COLOR|CI|NODE_(ENV|OPTIONS|PATH|EXTRA_CA_CERTS|NO_WARNINGS|USE_ENV_PROXY)|" +
    "SSL_CERT_(FILE|DIR)|LD_LIBRARY_PATH|UV_THREADPOOL_SIZE|INIT_CWD|PM2_(?!.*(KEY|PASS|SECRET|TOKEN))\\w+)$",
);

/** Names that PM2 reads from the shell as if they were its own options, and marks of a process that PM2 manages. */
const PM2_OPTIONS = (
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

export function removePm2Options(environment: NodeJS.ProcessEnv): void {
  for (const name of PM2_OPTIONS) delete environment[name];
}

/** The token goes into the file where instances look for it. Errors: FILE_UNWRITABLE. */
export function keepToken({ texts, environment }: ShellSettings, base: string, isStarting: boolean): void {
  const token = environment.HIDB_TOKEN;
  delete texts.HIDB_TOKEN;
  delete environment.HIDB_TOKEN;
  // One from .env every instance reads there.
  if (!token || !isStarting) return;
  const file = tokenFile({ sqliteFile: texts.HIDB_SQLITE_FILE || join(base, SETTINGS.sqliteFile.fallback) });
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${token}\n`, { mode: 0o600 });
    chmodSync(file, 0o600);
  } catch (error) {
    throw unwritable("HIDB_TOKEN", file, error);
  }
}

interface HandOver {
  file: string;
  isPm2: boolean;
  /** A restart keeps the variables that the pool was started with, as PM2 does. */
  keepsEarlier: boolean;
}

/**
 * PM2 gets an empty variable in the place of each that may be secret, and the path of a file for the owner's eyes, where
 * instances find what they stand for. `.env` each instance reads itself. Errors: FILE_UNWRITABLE.
 */
export function handOver({ texts, environment }: ShellSettings, { file, isPm2, keepsEarlier }: HandOver): void {
  const variables = keepsEarlier ? readEarlier(file, texts) : {};
  for (const [name, value = ""] of Object.entries(environment)) {
    if (!SECRET_NAMES.has(name) && !(isPm2 && mayBeSecret(name, value))) continue;
    // An empty one counts as unset.
    if (value !== "") variables[name] = value;
    delete environment[name];
  }
  try {
    writeHandedOver(file, variables);
  } catch (error) {
    throw unwritable("the shell's variables", file, error);
  }
  for (const name of [...SECRET_NAMES, ...Object.keys(variables)]) texts[name] = "";
  texts[HAND_OVER] = file;
}

/** What .env says now comes before what a shell said once. */
function readEarlier(file: string, texts: Record<string, string>): Record<string, string> {
  try {
    return Object.fromEntries(
      Object.entries(readHandedOver(file)).filter(([name]) => !(SECRET_NAMES.has(name) && texts[name])),
    );
  } catch {
    return {};
  }
}

/** Variables that are neither ours nor known to hold no secret. */
function mayBeSecret(name: string, value: string): boolean {
  // Node reads these when it starts.
  const isPlainProxy = /^(https?|all|no)_proxy$/i.test(name) && !value.includes("@");
  return !name.startsWith("HIDB_") && !HARMLESS.test(name) && !PM2_OPTIONS.includes(name) && !isPlainProxy;
}

function unwritable(what: string, file: string, error: unknown): HidbError {
  return new HidbError({
    code: "FILE_UNWRITABLE",
    message: `expected to keep ${what} in ${file}, got ${codeOf(error)}`,
    fix: "give this user write permission there",
    cause: error,
  });
}
