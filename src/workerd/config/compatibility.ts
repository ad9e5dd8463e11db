// What a compatibility date and its flags decide for a hosted Worker. workerd has some two hundred of them; these five
// change what a program can see here, the others are those of the newest date.
import { systemClock } from "../../clock.js";
import { wranglerConfigError } from "../../database/wrangler/error.js";
import type { Compatibility, NodeAccess } from "../plan.js";

interface Asked {
  date: string | undefined;
  flags: readonly string[];
  /** By date and flags if not said. */
  node?: NodeAccess | undefined;
  /** Where the date stands, for messages. */
  place?: string;
  /** The date of today, for a Worker without one. */
  today?: string;
}

export interface ReadCompatibility {
  compatibility: Compatibility;
  warnings: string[];
}

/** Errors: WRANGLER_CONFIG for a date that is none. */
export function readCompatibility(asked: Asked): ReadCompatibility {
  const { flags, today = todaysDate() } = asked;
  const date = asked.date ?? today;
  if (!isDate(date)) throw notADate(date, asked.place ?? "the compatibility date");
  const warnings = [...warnOfDate(asked.date, today), ...warnOfFlags(flags)];
  const on = (enable: string, disable: string, from: string) => {
    const [last] = flags.filter((flag) => flag === enable || flag === disable).slice(-1);
    return last === undefined ? date >= from : last === enable;
  };

  const hasNode =
    on("nodejs_compat", "no_nodejs_compat", NODE_BY_DATE) ||
    flags.includes("nodejs_compat_v2") ||
    flags.includes("nodejs_als");
  const node = asked.node ?? (hasNode ? "compat" : "off");
  const compatibility: Compatibility = {
    date,
    flags: [...flags],
    node,
    processEnv: node !== "off" && on(PROCESS_ENV, "nodejs_compat_do_not_populate_process_env", "2025-04-01"),
    contextExports: on("enable_ctx_exports", "disable_ctx_exports", "2025-11-17"),
    queuesJson: on("queues_json_messages", "no_queues_json_messages", "2024-03-18"),
  };
  return { compatibility, warnings };
}

/** From this date on Node's modules and globals are there without any flag. */
const NODE_BY_DATE = "2026-08-04";
const PROCESS_ENV = "nodejs_compat_populate_process_env";

const DECIDED: ReadonlySet<string> = new Set([
  "nodejs_compat",
  "nodejs_compat_v2",
  "no_nodejs_compat",
  "nodejs_als",
  PROCESS_ENV,
  "nodejs_compat_do_not_populate_process_env",
  "enable_ctx_exports",
  "disable_ctx_exports",
  "queues_json_messages",
  "no_queues_json_messages",
  "assets_navigation_prefers_asset_serving",
  "assets_navigation_has_no_effect",
]);

/** Flags that only say earlier what the newest date says anyway. */
const ALWAYS_ON: ReadonlySet<string> = new Set([
  "allow_eval_during_startup",
  "cache_option_enabled",
  "capture_async_api_throws",
  "export_commonjs_default",
  "fetch_refuses_unknown_protocols",
  "fetch_standard_url",
  "formdata_parser_supports_files",
  "global_navigator",
  "http_headers_getsetcookie",
  "rpc",
  "streams_enable_constructors",
  "transformstream_enable_standard_constructor",
  "url_standard",
  "urlpattern_standard",
  "urlsearchparams_delete_has_value_arg",
]);

function warnOfDate(date: string | undefined, today: string): string[] {
  if (date === undefined) {
    return [`no compatibility_date: taking today's, ${today}, as wrangler dev does; name one, so that it stays`];
  }
  return date > today ? [`the compatibility_date ${date} lies ahead: Cloudflare takes none after ${today}`] : [];
}

function warnOfFlags(flags: readonly string[]): string[] {
  const unknown = flags.filter((flag) => !DECIDED.has(flag) && !ALWAYS_ON.has(flag));
  return unknown.map((flag) =>
    flag === "no_nodejs_compat_v2"
      ? "the compatibility flag no_nodejs_compat_v2: process, Buffer and global are there all the same"
      : `the compatibility flag ${flag} changes nothing here`,
  );
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

function todaysDate(): string {
  return new Date(systemClock.now()).toISOString().slice(0, 10);
}

function notADate(got: string, place: string): Error {
  return wranglerConfigError({
    expected: `${place} to be a date like 2026-07-30`,
    got: `"${got}"`,
    fix: "write it as YYYY-MM-DD",
  });
}
