// What the static files of a Worker answer to a request: which file, which redirect, with which headers.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { FetchAnswer, FetchCall } from "../../host/protocol.js";
import { native } from "../../native.js";
import type { AssetsPlan } from "../../plan.js";
import { type AssetFile, AssetFiles } from "./files.js";
import { findFile } from "./html.js";
import { applyHeaders, findRedirect, type HeaderRule, parseHeaders, parseRedirects, type Redirect } from "./rules.js";

export type Asked = Pick<FetchCall, "url" | "method" | "headers">;
export type Answer = FetchAnswer & { body: Uint8Array<ArrayBuffer> | null };

export class AssetServer {
  readonly #plan: AssetsPlan;
  readonly #files: AssetFiles;
  readonly #redirects: Redirect[];
  readonly #headers: HeaderRule[];

  constructor(plan: AssetsPlan) {
    const read = (name: string) => {
      const file = join(plan.directory, name);
      return existsSync(file) ? readFileSync(file, "utf8") : "";
    };
    this.#plan = plan;
    this.#files = new AssetFiles(plan.directory);
    this.#redirects = parseRedirects(read("_redirects"));
    this.#headers = parseHeaders(read("_headers"));
  }

  canAnswer({ url, headers }: Asked): boolean {
    const isNavigation = headers.some(
      ([name, value]) => name.toLowerCase() === "sec-fetch-mode" && value === "navigate",
    );
    const { navigation, workerPaths, assetPaths } = this.#plan;
    const isRouted = workerPaths.length + assetPaths.length > 0;
    return this.#find(new URL(url), isRouted || (navigation && isNavigation)) !== undefined;
  }

  answer({ url, method, headers }: Asked): Answer {
    const address = new URL(url);
    const given = new native.Headers(headers);
    const found = this.#find(address, true);
    const { body, head, status } = this.#respond(found, { method: method.toUpperCase(), given });
    applyHeaders(this.#headers, address, head);
    return { status, statusText: STATUS_TEXTS[status] ?? "", headers: [...head], body };
  }

  #respond(found: Result | undefined, { method, given }: { method: string; given: Headers }): Made {
    const head = new native.Headers(this.#isPages ? PAGES_HEADERS : {});
    if (found === undefined) return { status: 404, head, body: null };
    if (found.kind === "moved") return this.#move(found.to, found.status, head);
    if (method !== "GET" && method !== "HEAD") return { status: 405, head, body: null };
    if (found.kind === "redirect") {
      head.set("location", found.to);
      return { status: this.#isPages ? 308 : 307, head, body: null };
    }
    const file = this.#files.read(found.path);
    if (this.#isPages) describeForPages(file, head, { given, isFound: found.status === 200 });
    else describe(file, head, given);
    const isKnown = [`"${file.etag}"`, `W/"${file.etag}"`].includes(given.get("if-none-match") ?? "");
    if (isKnown) return { status: 304, head, body: null };
    return { status: found.status, head, body: method === "HEAD" ? null : file.bytes };
  }

  /** By a rule of `_redirects`; Pages says so in words too. */
  #move(to: string, status: number, head: Headers): Made {
    head.set("location", to);
    if (!this.#isPages) return { status, head, body: null };
    head.set("content-type", "text/plain;charset=UTF-8");
    head.set("x-content-type-options", "nosniff");
    return { status, head, body: new TextEncoder().encode(`Redirecting to ${to}`) };
  }

  #find(url: URL, isLenient: boolean): Result | undefined {
    const rule = findRedirect(this.#redirects, url);
    if (rule !== undefined && rule.status !== 200)
      return { kind: "moved", to: locationOf(rule.to, url), status: rule.status };
    // A rule with the status 200 shows another file at this address.
    const pathname = rule === undefined ? url.pathname : new URL(rule.to, url).pathname;
    const path = decode(pathname);
    const found = findFile(path, this.#plan.htmlHandling, this.#files);
    if (found?.kind === "redirect") return { kind: "redirect", to: `${encode(found.to)}${url.search}` };
    const file: Result | undefined = found
      ? { ...found, status: 200 }
      : isLenient
        ? this.#findNothing(path)
        : undefined;
    // Each path has one spelling; Pages takes any.
    const canonical = encode(path);
    if (file === undefined || canonical === pathname || this.#isPages) return file;
    return { kind: "redirect", to: `${canonical}${url.search}` };
  }

  #findNothing(path: string): Result | undefined {
    const index: Result | undefined = this.#files.has("/index.html")
      ? { kind: "file", path: "/index.html", status: 200 }
      : undefined;
    switch (this.#plan.notFound) {
      case "none":
        return undefined;
      case "single-page-application":
        return index;
      case "404-page":
        return this.#nearest404(path);
      case "pages":
        return this.#nearest404(path) ?? index;
      default:
        return this.#plan.notFound satisfies never;
    }
  }

  #nearest404(path: string): Result | undefined {
    for (let folder = path; folder !== ""; ) {
      folder = folder.slice(0, folder.lastIndexOf("/"));
      const page = `${folder}/404.html`;
      if (this.#files.has(page)) return { kind: "file", path: page, status: 404 };
    }
    return undefined;
  }

  get #isPages(): boolean {
    return this.#plan.notFound === "pages";
  }
}

type Result =
  | { kind: "file"; path: string; status: 200 | 404 }
  | { kind: "redirect"; to: string }
  | { kind: "moved"; to: string; status: number };

interface Made {
  status: number;
  head: Headers;
  body: Uint8Array<ArrayBuffer> | null;
}

const PAGES_HEADERS = { "access-control-allow-origin": "*", "referrer-policy": "strict-origin-when-cross-origin" };

const STATUS_TEXTS: Readonly<Record<number, string>> = {
  200: "OK",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  404: "Not Found",
  405: "Method Not Allowed",
};

function describe({ etag, contentType }: AssetFile, head: Headers, given: Headers): void {
  head.set("etag", `"${etag}"`);
  if (contentType !== undefined) head.set("content-type", contentType);
  if (isForAll(given)) head.set("cache-control", FOR_ALL);
  head.set("cf-cache-status", "HIT");
}

interface PagesParts {
  given: Headers;
  isFound: boolean;
}

function describeForPages({ etag, contentType }: AssetFile, head: Headers, { given, isFound }: PagesParts): void {
  // Its table of types is an older one.
  const type = contentType?.startsWith("text/javascript") ? "application/javascript" : contentType;
  head.set("content-type", type ?? "application/octet-stream");
  head.set("x-content-type-options", "nosniff");
  if (isFound) head.set("etag", `"${etag}"`);
  if (!isFound) head.set("cache-control", "no-store");
  else if (isForAll(given)) head.set("cache-control", FOR_ALL);
}

const FOR_ALL = "public, max-age=0, must-revalidate";

/** Asked for by someone with a name, or in parts, it is not for everyone's cache. */
function isForAll(given: Headers): boolean {
  return !given.has("authorization") && !given.has("range");
}

/** The query goes along unless the rule has one of its own. */
function locationOf(to: string, from: URL): string {
  const target = new URL(to, from);
  target.search ||= from.search;
  return target.origin === from.origin ? `${target.pathname}${target.search}${target.hash}` : target.href;
}

function decode(pathname: string): string {
  return perSegment(pathname, decodeURIComponent).replace(/\/+/g, "/");
}

function encode(path: string): string {
  return perSegment(path, encodeURIComponent);
}

function perSegment(path: string, change: (segment: string) => string): string {
  return path
    .split("/")
    .map((segment) => attempt(segment, change))
    .join("/");
}

function attempt(segment: string, change: (segment: string) => string): string {
  try {
    return change(segment);
  } catch {
    return segment;
  }
}
