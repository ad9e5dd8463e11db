// Part of the processor `worker`: where the Worker is.
import { existsSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import type { Config } from "../../config.js";

/** HIDB_WORKER, else the wrangler config that the settings name, else whatever is found from this folder upwards. */
export function whereWorker({ worker, wranglerConfig }: Pick<Config, "worker" | "wranglerConfig">): string {
  return worker || wranglerConfig || process.cwd();
}

/** A config or a folder to look for one; anything else is code: a module, or a Pages output. */
export function isWranglerConfig(path: string): boolean {
  if ([".json", ".jsonc", ".toml"].includes(extname(path))) return true;
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return false;
  return !existsSync(join(path, "_worker.js")) && !path.endsWith("_worker.js");
}
