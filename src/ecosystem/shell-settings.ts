// The settings of the shell and of `.env` as texts, the way PM2 keeps them for the instances, which check them all.
import { join, resolve } from "node:path";
import { readDotenv } from "../config/dotenv.js";
import { parseSetting } from "../config/read.js";
import type { Setting } from "../config/setting.js";
import { type Config, SETTINGS, type SettingKey } from "../config/settings.js";

export interface ShellSettings {
  /** By name, as typed; paths are absolute. */
  texts: Record<string, string>;
  environment: NodeJS.ProcessEnv;
}

interface Sources {
  environment: NodeJS.ProcessEnv;
  cwd: string;
  base: string;
  isStarting: boolean;
}

/** Errors: SETTING_INVALID for a `.env` that cannot be read, unless nothing is to start. */
export function readShellSettings({ environment, cwd, base, isStarting }: Sources): ShellSettings {
  const filed = readFiled(join(base, ".env"), isStarting);
  const texts: Record<string, string> = {};
  for (const [name, value = ""] of Object.entries({ ...filed, ...environment })) {
    // An empty variable counts as unset.
    if (name.startsWith("HIDB_")) texts[name] = value || filed[name] || value;
  }
  for (const { name, kind } of Object.values(SETTINGS)) {
    // A path from the shell starts where the command was typed, one from .env beside that file.
    if (kind === "path" && texts[name]) texts[name] = resolve(environment[name] ? cwd : base, texts[name]);
  }
  return { texts, environment };
}

function readFiled(file: string, isStarting: boolean): NodeJS.Dict<string> {
  try {
    return readDotenv(file);
  } catch (error) {
    if (isStarting) throw error;
    return {};
  }
}

/** Errors: SETTING_INVALID. */
export function readShellSetting<K extends SettingKey>({ texts, environment }: ShellSettings, key: K): Config[K] {
  const setting = SETTINGS[key] as unknown as Setting<Config[K]>;
  const origin = environment[setting.name] ? "environment" : ".env";
  return parseSetting(setting, texts[setting.name] || setting.fallback, origin);
}
