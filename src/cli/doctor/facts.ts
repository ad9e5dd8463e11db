// What the doctor looks at; gathered in gather*.ts, judged in judge*.ts.
import type { Config } from "../../config/settings.js";
import type { HidbError } from "../../errors.js";
import type { Budget } from "../../report/box/box.js";
import type { FarTimes } from "../../report/far-times.js";
import type { InstanceRow } from "../../report/status.js";
import type { Millis } from "../../video.js";
import type { Unwritable } from "../folders.js";
import type { ChosenHome } from "../start/home.js";

/** One line of `pm2 jlist`, or of a dump of PM2's. */
export interface Pm2Process {
  name: string;
  pid: number;
  /** Failed starts in a row, the one under way included. */
  failedStarts?: number | undefined;
  pm2_env: {
    pm_pid_path?: string | undefined;
    created_at?: number | undefined;
    status: string;
    exit_code?: number | undefined;
    restart_time?: number | undefined;
    kill_timeout?: number | undefined;
    pm_exec_path?: string | undefined;
    env?: Record<string, unknown> | undefined;
  };
}

export interface Daemon {
  home: string;
  /** Within some seconds. */
  answers: boolean;
  /** The version of its Node, `v24.1.0`; undefined when it cannot be told. */
  node: string | undefined;
  pm2: string | undefined;
  /** Those of HIDB_APP_NAME. */
  processes: Pm2Process[];
}

export interface Dump {
  file: string;
  mode: number;
  processes: { name: string; pm_exec_path: string }[];
  holdsSecret: boolean;
}

export interface DatabaseFacts {
  error?: HidbError | undefined;
  /** The type of statfs. */
  fileSystem?: number | undefined;
  freeBytes?: number | undefined;
  sizeBytes?: number | undefined;
  writable?: boolean | undefined;
  journalMode?: string | undefined;
  quickCheck?: string | undefined;
  pending?: string[] | undefined;
  live: InstanceRow[];
  dead: InstanceRow[];
  /** Times in it that lie implausibly far in the future. */
  ahead?: FarTimes | undefined;
  /** How far its clock is ahead of this machine's. */
  aheadMs?: Millis | undefined;
}

export interface Facts {
  config: Config;
  settingErrors: HidbError[];
  environment: NodeJS.ProcessEnv;
  host: string;
  pid: number;
  entry: { file: string; exists: boolean };
  node: string;
  pm2: { version: string | undefined };
  pm2Homes: {
    /** Why PM2 cannot work in PM2_HOME. */
    error?: HidbError | undefined;
    /** Where `hidb start` runs PM2, and why not beside the database. */
    startHome?: ChosenHome | undefined;
  };
  daemons: Daemon[];
  dumps: Dump[];
  pm2LogBytes: number;
  native: string | undefined;
  database: DatabaseFacts | undefined;
  folders: Unwritable[];
  ports: { setting: string; port: number; error: string }[];
  budget: Budget;
  /** How many would be started. */
  count: number;
  processor: HidbError | undefined;
  wrangler: HidbError | undefined;
}
