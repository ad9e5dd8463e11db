// What PM2 is asked to run. Evaluated inside the `pm2` command, after the daemon is up and before any instance starts: PM2
// ignores `-i` for a config file and takes options from the shell's variables, and both are corrected here.
import { basename, join, relative } from "node:path";
import { findBase } from "../base.js";
import { handedOverFile } from "../config/handed-over.js";
import { forgetLater } from "../forget.js";
import { checkHandles, handlesOfInstance } from "../handles.js";
import type { Millis } from "../video.js";
import { countInstances, readCountFlag } from "./count.js";
import { checkDaemonNode, checkNotOther, clearInherited, listRunning, noteRunning } from "./daemon.js";
import { handOver, keepToken, removePm2Options } from "./hand-over.js";
import { readShellSetting, readShellSettings } from "./shell-settings.js";

export interface Pm2Command {
  /** As `process.argv`. */
  argv: readonly string[];
  /** The variables of the `pm2` command themselves: those that PM2 must not read are removed. */
  environment: NodeJS.ProcessEnv;
  cwd: string;
  /** The folder of this package. */
  root: string;
  /** Stopping and deleting need no count, and must work whatever is wrong with the settings. */
  isStarting: boolean;
}

/** An app as PM2's config files describe it. */
export interface Pm2App {
  name: string;
  instances: number;
  kill_timeout: number;
  env: Record<string, string>;
  [option: string]: unknown;
}

/** An attempt that ignores its signal is given up after 5 s, twice; then come the last settlements. */
export const AFTER_DRAIN_MS: Millis = 15_000;

/** Errors: SETTING_INVALID, FILE_UNWRITABLE, HANDLES_TOO_FEW, MEMORY_TOO_SMALL, PM2_FAILED. */
export function describeApp({ argv, environment, cwd, root, isStarting }: Pm2Command): Pm2App {
  const base = findBase(root, cwd);
  const shell = readShellSettings({ environment, cwd, base, isStarting });
  const { texts } = shell;
  const name = readShellSetting(shell, "appName");
  const running = listRunning(argv[1], name, environment);
  checkNotOther(running, { name, base, texts, isStarting });
  // Only PM2 has no use for the shell's variables; another program may need them itself.
  const isPm2 = /^pm2(-\w+)?$/.test(basename(argv[1] ?? ""));
  const sources = isStarting ? shell : { texts: {}, environment };
  const memoryMb = readShellSetting(sources, "instanceMemoryMb");
  const drainMs = readShellSetting(sources, "drainMs");
  keepToken(shell, base, isStarting);
  let instances = 1;
  if (isStarting) {
    checkDaemonNode(environment);
    checkHandles(handlesOfInstance(readShellSetting(shell, "concurrency")));
    const flag = readCountFlag(argv);
    instances = countInstances(shell, flag);
    if (argv.includes("start") || flag !== undefined) noteRunning(running?.length, instances, name);
    // A restart keeps the settings that it was started with.
    if (running?.length === 0) clearInherited(texts, environment);
    const keepsEarlier = running === undefined ? isPm2 : running.length > 0;
    handOver(shell, { file: handedOverFile(name, environment), isPm2, keepsEarlier });
  } else if (isPm2 && /^del/.test(argv[2] ?? "")) {
    // The instances that are stopped already cannot remove the file with their variables.
    forgetLater(handedOverFile(name, environment));
  }
  removePm2Options(environment);
  const isWorker = texts.HIDB_PROCESSOR === "worker";
  // Instances run in the base folder; the Worker is meant from where the command was typed.
  if (isWorker && !texts.HIDB_WRANGLER_CONFIG) texts.HIDB_WORKER ||= cwd;
  return {
    name,
    // Relative: PM2 hands a script with a blank in its path to `bash -c`.
    script: relative(base, join(root, "dist", "entry.cjs")),
    cwd: base,
    exec_mode: "cluster",
    instances,
    // Workers know no other time zone.
    env: isWorker ? { ...texts, TZ: "UTC" } : texts,
    filter_env: ["NODE_APP_INSTANCE", "HIDB_TOKEN"],
    node_args: [`--max-old-space-size=${memoryMb}`, ...heapFlags(isWorker)],
    wait_ready: true,
    listen_timeout: 10_000,
    kill_timeout: drainMs + AFTER_DRAIN_MS,
    kill_retry_time: 500,
    treekill: false,
    pmx: false,
    // Not PM2's growing delay, which also applies to an instance that is killed at work: src/starts.ts has one for starts
    // that fail. These two are for a Node that ends before it gets there.
    restart_delay: 100,
    min_uptime: 250,
    stop_exit_codes: [42],
    // The last resort only: PM2 checks every 30 s and starts the new process beside the old one.
    max_memory_restart: `${2 * memoryMb}M`,
    merge_logs: true,
  };
}

/**
 * Bounds for young objects; without one Node adds up to 200 MB for them. A Worker brings a second heap and waits rather than
 * computes: 1 MB, one helper thread of V8 instead of four, and code for size save 15 MB an instance; measured on JSON,
 * maps, texts and loops, they cost 2 % of the speed.
 */
function heapFlags(isWorker: boolean): string[] {
  return isWorker
    ? ["--max-semi-space-size=1", "--v8-pool-size=1", "--optimize-for-size"]
    : ["--max-semi-space-size=8"];
}
