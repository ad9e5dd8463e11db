// The static files of a Worker, listed once when the first of them is asked for.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { getMimeType, mimes } from "hono/utils/mime";
import { escapePattern } from "./escape.js";

export interface AssetFile {
  bytes: Uint8Array<ArrayBuffer>;
  contentType: string | undefined;
  /** Without quotes. */
  etag: string;
}

export class AssetFiles {
  readonly #folder: string;
  readonly #paths: ReadonlySet<string>;
  readonly #etags = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
    this.#paths = new Set(list(folder));
  }

  has(path: string): boolean {
    return this.#paths.has(path);
  }

  isSame(one: string, other: string): boolean {
    return one === other || (this.has(one) && this.has(other) && this.read(one).etag === this.read(other).etag);
  }

  read(path: string): AssetFile {
    // Found anew each time: what was a file when it was listed may be a link by now.
    const file = findWithin(this.#folder, path);
    if (file === undefined)
      throw new Error(`expected ${path} to be a file within the folder of assets, got something else`);
    const bytes = new Uint8Array(readFileSync(file));
    const { mtimeMs, size } = statSync(file);
    const key = `${path} ${mtimeMs} ${size}`;
    const etag = this.#etags.get(key) ?? createHash("sha256").update(bytes).digest("hex").slice(0, 32);
    this.#etags.set(key, etag);
    return { bytes, contentType: typeOf(path), etag };
  }
}

/** What tells the platform something is no file of the site. */
const NO_ASSETS = /^\/(_worker\.js(\/.*)?|_headers|_redirects|_routes\.json|\.assetsignore|functions\/.*)$/;
/** Secrets stand in the last two: real uploads take them, but here nothing is gained by that. */
const NEVER = /(^|\/)(node_modules|\.git|\.wrangler|\.DS_Store|\.dev\.vars(\.[^/]*)?|\.env(\.[^/]*)?)(\/|$)/;

function list(folder: string): string[] {
  const ignored = readIgnored(join(folder, ".assetsignore"));
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length).split(sep).join("/"))
    .map((path) => (path.startsWith("/") ? path : `/${path}`))
    .filter((path) => !NO_ASSETS.test(path) && !NEVER.test(path) && !ignored(path))
    .filter((path) => findWithin(folder, path) !== undefined);
}

/** The file itself, behind all links; undefined for one outside of the folder, or of a kind that is never given out. */
function findWithin(folder: string, path: string): string | undefined {
  try {
    const home = realpathSync(folder);
    const file = realpathSync(join(folder, path));
    if (!file.startsWith(home.endsWith(sep) ? home : `${home}${sep}`)) return undefined;
    const isNever = NEVER.test(file.slice(home.length).split(sep).join("/"));
    return !isNever && statSync(file).isFile() ? file : undefined;
  } catch {
    // A link that leads nowhere.
    return undefined;
  }
}

/** The simple patterns of a .gitignore: names, folders, `*`, `**` and `!`; the last that fits decides. */
function readIgnored(file: string): (path: string) => boolean {
  if (!existsSync(file)) return () => false;
  const lines = readFileSync(file, "utf8").split(/\r?\n/);
  const patterns = lines.filter((line) => line.trim() !== "" && !line.startsWith("#")).map(patternOf);
  return (path) => patterns.findLast(({ pattern }) => pattern.test(path))?.ignores ?? false;
}

function patternOf(line: string): { pattern: RegExp; ignores: boolean } {
  const ignores = !line.startsWith("!");
  const glob = (ignores ? line : line.slice(1)).trim();
  const isAnchored = glob.replace(/\/$/, "").includes("/");
  const source = glob
    .replace(/^\/|\/$/g, "")
    .split(/(\*\*\/?|\*)/)
    .map((part) => (part.startsWith("**") ? ".*" : part === "*" ? "[^/]*" : escapePattern(part)))
    .join("");
  const start = isAnchored ? "^/" : "(?:^|/)";
  return { pattern: new RegExp(`${start}${source}${glob.endsWith("/") ? "/" : "(?:/|$)"}`), ignores };
}

/** Where Cloudflare's table differs from the one at hand. */
const TYPES: Record<string, string> = {
  ...mimes,
  log: "text/plain; charset=utf-8",
  md: "text/markdown; charset=utf-8",
  svg: "image/svg+xml",
  xhtml: "application/xhtml+xml",
  xml: "application/xml",
  ico: "image/vnd.microsoft.icon",
  yaml: "text/yaml; charset=utf-8",
};

function typeOf(path: string): string | undefined {
  return getMimeType(path, TYPES);
}
