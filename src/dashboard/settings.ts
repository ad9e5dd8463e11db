// The settings as in force, for people to see: of secrets only what tells one from another.
import { type Config, type Origin, SETTINGS, type SettingKey } from "../config/settings.js";
import { shownUrl } from "../shown.js";

export interface ShownSetting {
  name: string;
  /** As a person would type it; "***" in the place of what may be secret. */
  value: string;
  origin: Origin;
  fallback: string;
  help: string;
}

const MASK = "***";

export function listSettings(config: Config): ShownSetting[] {
  return (Object.keys(SETTINGS) as SettingKey[]).map((key) => {
    const { name, fallback, help } = SETTINGS[key];
    return { name, value: showSetting(config, key), origin: config.origins[key], fallback, help };
  });
}

/** As a person would type it, less what may be secret. */
export function showSetting(config: Config, key: SettingKey): string {
  const value = config[key];
  const typed = typeof value === "boolean" ? (value ? "1" : "0") : String(value);
  if (SETTINGS[key].kind !== "secret" || typed === "" || config.origins[key] === "default") return typed;
  switch (key) {
    case "command":
      // `NAME=value program`, which is refused at the start, is shown by nobody.
      return /^\s*[^\s='"]+(\s|$)/.test(typed) ? typed.replace(/(?<=^\s*\S+)\s.*$/s, ` ${MASK}`) : MASK;
    case "httpUrl":
      // The placeholders are a person's own, and no browser ever sees them.
      return shownUrl(typed).replaceAll("%7B", "{").replaceAll("%7D", "}");
    case "workerRequest":
      return typed.replace(/\?.*$/s, `?${MASK}`);
    default:
      return MASK;
  }
}
