// Part of the processor `worker`: where the Worker is.
import { existsSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import type { Config } from "../../config/settings.js";
import { findWranglerConfig } from "../../database/wrangler/find.js";
import { HidbError } from "../../errors.js";

/** HIDB_WORKER, else the wrangler config that the settings name, else whatever is found from this folder upwards. */
export function whereWorker({ worker, wranglerConfig }: Pick<Config, "worker" | "wranglerConfig">): string {
  return worker || wranglerConfig || process.cwd();
}

/** Throws SETTING_INVALID when nothing names a Worker: under plain `pm2 start` "here" is hidb's own folder. */
export function checkWhere(config: Pick<Config, "worker" | "wranglerConfig">): void {
  const here = process.cwd();
  if (whereWorker(config) !== here || !isWranglerConfig(here) || findWranglerConfig(here) !== undefined) return;
  throw new HidbError({
    code: "SETTING_INVALID",
    message: `expected HIDB_WORKER, or a wrangler config in ${here} or above, got neither`,
    fix: "set HIDB_WORKER to a wrangler config, a built module or a Pages output",
  });
}

/** A config or a folder to look for one; anything else is code: a module, or a Pages output. */
export function isWranglerConfig(path: string): boolean {
  if ([".json", ".jsonc", ".toml"].includes(extname(path))) return true;
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return false;
  return !existsSync(join(path, "_worker.js")) && !path.endsWith("_worker.js");
}
