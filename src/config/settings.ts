// The table of all settings, and the type of what is read by it.
import type { Setting } from "./setting.js";
import { DATABASE } from "./topics/database.js";
import { POOL } from "./topics/pool.js";
import { PROCESSORS } from "./topics/processors.js";
import { REPORT } from "./topics/report.js";
import { WORKER } from "./topics/worker.js";

export const SETTINGS = { ...DATABASE, ...POOL, ...REPORT, ...PROCESSORS, ...WORKER } as const satisfies Record<
  string,
  Setting<unknown>
>;

type ValueOf<S> = S extends Setting<infer T> ? T : never;
type Values = { -readonly [K in keyof typeof SETTINGS]: ValueOf<(typeof SETTINGS)[K]> };
export type SettingKey = keyof typeof SETTINGS;
export type Origin = "flag" | "environment" | ".env" | "default";

/** All settings, checked and frozen; paths are absolute, an unset path is "". */
export type Config = Readonly<Values> & { readonly origins: Readonly<Record<SettingKey, Origin>> };
