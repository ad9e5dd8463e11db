// The settings as in force, for people to see: secrets show only that they are set.
import { type Config, type Origin, SETTINGS, type SettingKey } from "../config.js";

export interface ShownSetting {
  name: string;
  /** As a person would type it; "***" for a secret that is set. */
  value: string;
  origin: Origin;
  fallback: string;
  help: string;
}

export const MASK = "***";

export function listSettings(config: Config): ShownSetting[] {
  return (Object.keys(SETTINGS) as SettingKey[]).map((key) => {
    const { name, fallback, help, kind } = SETTINGS[key];
    const value = config[key];
    const typed = typeof value === "boolean" ? (value ? "1" : "0") : String(value);
    return {
      name,
      value: kind === "secret" && typed !== "" ? MASK : typed,
      origin: config.origins[key],
      fallback,
      help,
    };
  });
}
