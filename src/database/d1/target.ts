// Which D1 database the settings mean: account, database and token, from the settings or the user's wrangler config.
import type { Config } from "../../config/settings.js";
import { HidbError } from "../../errors.js";
import { chooseD1Database } from "../wrangler/choose.js";
import { findWranglerConfig } from "../wrangler/find.js";
import { readWranglerConfig, type WranglerConfig } from "../wrangler/read.js";

export interface D1Target {
  accountId: string;
  /** The database's UUID, or its name. */
  databaseId: string;
  apiToken: string;
  baseUrl: string;
}

export type TargetSettings = Pick<Config, "accountId" | "apiToken" | "d1Database" | "d1BaseUrl" | "wranglerConfig">;

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** Errors: SETTING_INVALID for what is not given anywhere, WRANGLER_CONFIG. */
export function findD1Target(settings: TargetSettings, cwd: string): D1Target {
  const { apiToken, d1BaseUrl: baseUrl } = settings;
  const config = needsConfig(settings) ? readUserConfig(settings, cwd) : undefined;
  const databaseId = chooseDatabase(settings, config);
  const accountId = settings.accountId || config?.account_id;
  if (!databaseId) throw missing("HIDB_D1_DATABASE to name a D1 database", "set it to the database's id or name");
  if (!accountId) throw missing("CLOUDFLARE_ACCOUNT_ID", "set it to the id that `npx wrangler whoami` shows");
  if (!apiToken) throw missing("CLOUDFLARE_API_TOKEN", "make a token with the permission D1 Edit and set it");
  return { accountId, databaseId, apiToken, baseUrl: baseUrl.replace(/\/+$/, "") };
}

/** How the database is named to a person and in files of ours: without any secret. */
export function nameTarget({ accountId, databaseId }: D1Target): string {
  return `D1 database ${databaseId} of account ${accountId}`;
}

function needsConfig({ accountId, d1Database, wranglerConfig }: TargetSettings): boolean {
  return wranglerConfig !== "" || accountId === "" || !UUID.test(d1Database);
}

function readUserConfig({ wranglerConfig }: TargetSettings, cwd: string): WranglerConfig | undefined {
  const location = findWranglerConfig(wranglerConfig || cwd);
  return location === undefined ? undefined : readWranglerConfig(location);
}

/** A binding or a name of the config stands for its id; what the config does not know may be a name all the same. */
function chooseDatabase({ d1Database }: TargetSettings, config: WranglerConfig | undefined): string | undefined {
  if (UUID.test(d1Database)) return d1Database;
  const databases = config?.d1_databases ?? [];
  if (config === undefined || databases.length === 0) return d1Database || undefined;
  if (d1Database === "") return chooseD1Database(config).database_id;
  const known = databases.some(({ binding, database_name: name }) => [binding, name].includes(d1Database));
  return known ? chooseD1Database(config, d1Database).database_id : d1Database;
}

function missing(expected: string, fix: string): HidbError {
  return new HidbError({
    code: "SETTING_INVALID",
    message: `expected ${expected} (HIDB_DATABASE=d1), got nothing from the settings or a wrangler config`,
    fix,
  });
}
