// The placeholders of HIDB_COMMAND and HIDB_HTTP_URL, e.g. `{source}`.
import { settingInvalid } from "../config/check.js";
import { type Config, SETTINGS, type SettingKey } from "../config/settings.js";
import type { Video } from "../video.js";
import type { AttemptContext } from "./processor.js";

export const VIDEO_PLACEHOLDERS = ["source", "id", "title", "rank", "count"] as const;
export type VideoPlaceholder = (typeof VIDEO_PLACEHOLDERS)[number];

const placeholder = /\{([A-Za-z_]\w*)\}/g;

/** What the placeholders stand for; a video without a title has an empty one. */
export function valuesOf(
  { id, source, title }: Video,
  { rank, count }: Pick<AttemptContext, "rank" | "count">,
): Record<VideoPlaceholder, string> {
  return { source, id: String(id), title: title ?? "", rank: String(rank), count: String(count) };
}

/** Fills in all placeholders at once, so that a value which contains `{id}` stays as it is. */
export function fillTemplate(
  template: string,
  values: Readonly<Record<string, string>>,
  encode: (value: string) => string = (value) => value,
): string {
  return template.replace(placeholder, (whole, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    return value === undefined ? whole : encode(value);
  });
}

export function placeholdersIn(template: string): string[] {
  return [...template.matchAll(placeholder)].flatMap(([, name]) => name ?? []);
}

/** Throws SETTING_INVALID when the setting contains a placeholder that is not in the list. */
export function checkPlaceholders(config: Config, key: SettingKey, known: readonly string[]): void {
  const unknown = placeholdersIn(String(config[key])).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw settingInvalid({
    name: SETTINGS[key].name,
    expected: `to use no other placeholders than ${known.map((name) => `{${name}}`).join(" ")}`,
    got: `{${unknown}}`,
    origin: config.origins[key],
  });
}
