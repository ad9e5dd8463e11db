// Checks the folders that instances write to, before anything is made or started.
import { accessSync, constants, existsSync } from "node:fs";
import { dirname } from "node:path";
import type { Config } from "../config/settings.js";
import { codeOf, HidbError, messageOf } from "../errors.js";

export interface Unwritable {
  setting: string;
  folder: string;
  error: string;
}

export function findUnwritable(config: Config): Unwritable[] {
  const folders: [string, string][] = [["HIDB_LOG_DIR", config.logDir]];
  if (config.database === "d1") folders.push(["HIDB_SPOOL_DIR", config.spoolDir]);
  if (config.processor === "worker") folders.push(["HIDB_WORKER_DIR", config.workerDir]);
  return folders.flatMap(([setting, folder]) => {
    let there = folder;
    while (!existsSync(there)) there = dirname(there);
    try {
      accessSync(there, constants.W_OK | constants.X_OK);
      return [];
    } catch (error) {
      return [{ setting, folder, error: codeOf(error) || messageOf(error) }];
    }
  });
}

/** Errors: FILE_UNWRITABLE, as each instance would have it once videos are added and PM2 runs. */
export function refuseUnwritable(config: Config): void {
  const [first] = findUnwritable(config);
  if (first === undefined) return;
  const { setting, folder, error } = first;
  throw new HidbError({
    code: "FILE_UNWRITABLE",
    message: `expected ${setting} to be a folder that can be written, got ${folder}: ${error}`,
    fix: `give this user write permission there, or set ${setting} to another place`,
  });
}
