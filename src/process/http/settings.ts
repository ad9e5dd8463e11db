// Part of the processor `http`: what HIDB_HTTP_* ask for, and what can be wrong with it.
import * as v from "valibot";
import { settingInvalid } from "../../config/check.js";
import { type Config, SETTINGS } from "../../config/settings.js";
import { HidbError } from "../../errors.js";
import type { HttpRequest } from "../../http-client.js";
import type { Video } from "../../video.js";
import type { AttemptContext } from "../processor.js";
import { checkPlaceholders, fillTemplate, VIDEO_PLACEHOLDERS, valuesOf } from "../template.js";

export interface HttpSettings {
  url: string;
  method: string;
  headers: Record<string, string>;
  /** "" for the video as JSON. */
  body: string;
  maxBytes: number;
}

type HttpKey = "httpUrl" | "httpHeaders" | "httpBody";

const headersSchema = v.pipe(
  v.unknown(),
  v.check((value) => !Array.isArray(value)), // A record would take one, with its places as names.
  v.record(v.string(), v.string()),
);

/** Throws SETTING_INVALID. */
export function readHttpSettings(config: Config): HttpSettings {
  if (config.httpUrl === "") throw urlMissing();
  checkPlaceholders(config, "httpUrl", VIDEO_PLACEHOLDERS);
  checkPlaceholders(config, "httpBody", VIDEO_PLACEHOLDERS);
  if (config.httpMethod === "GET" && config.httpBody !== "") {
    throw invalid(config, "httpBody", "to be unset for HIDB_HTTP_METHOD=GET", "a body");
  }
  checkUrl(config);
  const maxBytes = Math.round(config.httpMaxMb * 1024 * 1024);
  const headers = readHeaders(config);
  return { url: config.httpUrl, method: config.httpMethod, headers, body: config.httpBody, maxBytes };
}

/** A URL with the placeholders filled in by a sample, for those who want to know where it leads. */
export function sampleUrl(template: string, sample = "1"): URL {
  return new URL(fillTemplate(template, { source: sample, id: sample, title: sample, rank: sample, count: sample }));
}

export function buildRequest(
  settings: HttpSettings,
  video: Video,
  context: AttemptContext,
): Omit<HttpRequest, "signal"> {
  const values = valuesOf(video, context);
  const url = new URL(fillTemplate(settings.url, values, (value) => encodeURIComponent(value.toWellFormed())));
  addParameter(url, "worker_id", context.rank);
  addParameter(url, "worker_count", context.count);
  const { method } = settings;
  if (method === "GET") return { url, method, headers: settings.headers };
  const body = settings.body === "" ? describeVideo(video, context) : fillTemplate(settings.body, values, escapeJson);
  return { url, method, headers: settings.headers, body };
}

/** Appended to the text of the query: a round through URLSearchParams would rewrite what a person has written. */
function addParameter(url: URL, name: string, value: number): void {
  if (url.searchParams.has(name)) return;
  url.search = `${url.search === "" ? "?" : `${url.search}&`}${name}=${value}`;
}

/** What a processor outside is told of a video, as JSON. */
export function describeVideo(
  { id, source, title, durationS }: Video,
  { attempt, rank, count }: AttemptContext,
): string {
  return JSON.stringify({
    id,
    source,
    title,
    duration_s: durationS,
    worker_id: rank,
    worker_count: count,
    attempt,
  });
}

/** As it stands between the quotes of a JSON string. */
export function escapeJson(value: string): string {
  return JSON.stringify(value).slice(1, -1);
}

function checkUrl(config: Config): void {
  const [one, other] = ["1", "2"].map((sample) => originOf(config.httpUrl, sample));
  if (one && one === other) return;
  const expected = "to be an http or https URL whose host is fixed, e.g. http://127.0.0.1:8080/videos/{id}";
  // Nothing of it is shown: where a URL cannot be read, nobody knows which part of it is the password.
  throw invalid(config, "httpUrl", expected, one && other ? "one that differs between videos" : "something else");
}

/** Null when it is not a URL that can be called. */
function originOf(template: string, sample: string): string | null {
  try {
    const { protocol, origin, username, password } = sampleUrl(template, sample);
    decodeURIComponent(`${username}:${password}`); // As Node does for each request; it throws for a stray "%".
    return protocol === "http:" || protocol === "https:" ? origin : null;
  } catch {
    return null;
  }
}

/** Says nothing of what it read: names in there may be secret, and JSON.parse quotes its input in errors. */
function readHeaders(config: Config): Record<string, string> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (config.httpMethod !== "GET") headers["content-type"] = "application/json";
  const named = config.httpHeaders === "" ? {} : parseHeaders(config.httpHeaders);
  if (named === null) throw invalid(config, "httpHeaders", "to be a JSON object of texts", "something else");
  for (const [name, value] of Object.entries(named)) headers[name.toLowerCase()] = value;
  return headers;
}

/** Null when it is not a JSON object of headers. */
export function parseHeaders(json: string): Record<string, string> | null {
  // Not imported: it takes 6 MB, and who calls a Worker in this process needs no HTTP.
  const { validateHeaderName, validateHeaderValue } = process.getBuiltinModule("node:http");
  try {
    const headers = v.parse(headersSchema, JSON.parse(json));
    for (const [name, value] of Object.entries(headers)) {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    }
    return headers;
  } catch {
    return null;
  }
}

function invalid(config: Config, key: HttpKey, expected: string, got: string): HidbError {
  return settingInvalid({ name: SETTINGS[key].name, expected, got, origin: config.origins[key] });
}

function urlMissing(): HidbError {
  return new HidbError({
    code: "SETTING_INVALID",
    message: "expected HIDB_HTTP_URL to name the URL to call, got nothing",
    fix: "set HIDB_HTTP_URL, e.g. HIDB_HTTP_URL=http://127.0.0.1:8080/videos/{id}, or choose another HIDB_PROCESSOR",
  });
}
