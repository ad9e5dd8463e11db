// Part of the processor `worker`: how a video becomes a request, a message or a cron event, by HIDB_WORKER_*.
import { settingInvalid } from "../../config/check.js";
import { type Config, SETTINGS, type SettingKey } from "../../config/settings.js";
import type { HidbError } from "../../errors.js";
import type { Millis, Video } from "../../video.js";
import type { FetchCall } from "../../workerd/host/protocol.js";
import { describeVideo, escapeJson, parseHeaders } from "../http/settings.js";
import type { AttemptContext } from "../processor.js";
import { checkPlaceholders, fillTemplate, VIDEO_PLACEHOLDERS, valuesOf } from "../template.js";

export interface RequestTemplate {
  method: string;
  /** A path, or a whole URL for a Worker that looks at its host. */
  url: string;
  headers: [string, string][];
  /** "" for the video as JSON. */
  body: string;
}

const ORIGIN = "http://localhost";
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const BODILESS = ["GET", "HEAD"];
const EXAMPLE = "POST /api/videos/{id}/process?worker_id={rank}";

/** Throws SETTING_INVALID. */
export function readRequest(config: Config): RequestTemplate {
  const [method = "", url = "", ...rest] = config.workerRequest.trim().split(/\s+/);
  const isUrl = URL.canParse(fillTemplate(url, sample()), ORIGIN) && /^(\/|https?:\/\/)/.test(url);
  if (rest.length > 0 || !METHODS.includes(method) || !isUrl) {
    const expected = `a method and a path without blanks, e.g. "${EXAMPLE}"`;
    // A query may hold a key.
    throw invalid(config, "workerRequest", expected, JSON.stringify(config.workerRequest.replace(/\?.*$/s, "?***")));
  }
  checkPlaceholders(config, "workerRequest", VIDEO_PLACEHOLDERS);
  checkPlaceholders(config, "workerBody", VIDEO_PLACEHOLDERS);
  const hasBody = !BODILESS.includes(method);
  if (!hasBody && config.workerBody !== "") throw invalid(config, "workerBody", `to be unset for ${method}`, "a body");
  const headers = config.workerHeaders === "" ? {} : parseHeaders(config.workerHeaders);
  // Names in there may be secret, and so may what cannot be read.
  if (headers === null) throw invalid(config, "workerHeaders", "a JSON object of texts", "something else");
  const given = Object.entries(headers).map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  const names = given.map(([name]) => name);
  if (hasBody && !names.includes("content-type")) given.unshift(["content-type", "application/json"]);
  return { method, url, headers: given, body: config.workerBody };
}

export function buildCall(template: RequestTemplate, video: Video, context: AttemptContext): FetchCall {
  const values = valuesOf(video, context);
  const encode = (value: string) => encodeURIComponent(value.toWellFormed());
  const { href } = new URL(fillTemplate(template.url, values, encode), ORIGIN);
  const { method, headers, body } = template;
  if (BODILESS.includes(method)) return { url: href, method, headers, body: null };
  const text = body === "" ? describeVideo(video, context) : fillTemplate(body, values, escapeJson);
  return { url: href, method, headers, body: new TextEncoder().encode(text) };
}

/** What a message about a video says: as the body of a request, as a value. */
export function videoMessage(video: Video, context: AttemptContext): unknown {
  return JSON.parse(describeVideo(video, context));
}

/** The method and path that reasons name; values of a query may be secret. */
export function shownRequest({ method }: RequestTemplate, { url }: FetchCall): string {
  return `${method} ${new URL(url).pathname}`;
}

export function eventTime(now: Millis): Millis {
  // Cron triggers are of whole seconds.
  return Math.floor(now / 1000) * 1000;
}

function sample(): Record<string, string> {
  return Object.fromEntries(VIDEO_PLACEHOLDERS.map((name) => [name, "1"]));
}

function invalid(config: Config, key: SettingKey, expected: string, got: string): HidbError {
  return settingInvalid({ name: SETTINGS[key].name, expected, got, origin: config.origins[key] });
}
