// The one reader of settings: flag, environment, `.env` file, default.
import { isAbsolute, resolve } from "node:path";
import * as v from "valibot";
import { findBase, isInstalled, PROJECT_ROOT } from "../base.js";
import { checkTogether, refuseUnknown, settingInvalid, shorten } from "./check.js";
import { readDotenv } from "./dotenv.js";
import { ownEnvironment } from "./environment.js";
import type { Setting } from "./setting.js";
import { type Config, type Origin, SETTINGS, type SettingKey } from "./settings.js";

export interface ConfigSources {
  /** The highest rank; keys as in SETTINGS, values as typed. */
  flags?: Partial<Record<SettingKey, string>>;
  environment?: NodeJS.ProcessEnv;
  /** Where a relative path in a setting starts from, and, in a clone, where `.env` lies. */
  cwd?: string;
}

/** Reads flag, environment, `.env` file and default, in this order; throws SETTING_UNKNOWN or SETTING_INVALID. */
export function readConfig(sources: ConfigSources = {}): Config {
  const { flags = {}, environment = ownEnvironment(), cwd = process.cwd() } = sources;
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
    values[key] = parseSetting(setting, remote ? (setting.remoteFallback as string) : raw, origin, from);
    origins[key] = origin;
  }
  const config = { ...(values as Omit<Config, "origins">), origins: Object.freeze(origins) };
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

/** `from` is where a relative path starts. Errors: SETTING_INVALID. */
export function parseSetting<T>(setting: Setting<T>, raw: string, origin: Origin, from = "/"): T {
  if (setting.kind === "path") {
    if (raw.includes("\0")) throw settingInvalid({ name: setting.name, expected: "a path", got: shorten(raw), origin });
    if (!v.is(setting.schema, raw.trim()))
      throw settingInvalid({ name: setting.name, expected: setting.expected, got: shorten(raw), origin });
    return (raw === "" || isAbsolute(raw) ? raw : resolve(from, raw)) as T;
  }
  const result = v.safeParse(setting.schema, raw.trim());
  if (result.success) return result.output;
  const shown = setting.kind === "secret" ? "something else" : shorten(raw);
  throw settingInvalid({ name: setting.name, expected: setting.expected, got: shown, origin });
}
