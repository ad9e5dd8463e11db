// The files `_headers` and `_redirects` beside the assets: a rule a line, with `*` and `:name` in its path.
import { escapePattern } from "./escape.js";

export interface Redirect {
  from: Pattern;
  to: string;
  status: number;
}

export interface HeaderRule {
  path: Pattern;
  set: [string, string][];
  unset: string[];
}

interface Pattern {
  /** Of a path, or of an address with its host. */
  text: string;
  isDynamic: boolean;
  expression: RegExp;
}

const STATUSES = new Set([200, 301, 302, 303, 307, 308]);

export function parseRedirects(text: string): Redirect[] {
  const rules = new Map<string, Redirect>();
  for (const line of linesOf(text)) {
    const [from = "", to = "", status = "302", ...more] = line.replace(/\s+#.*$/, "").split(/\s+/);
    const isUsable = to !== "" && more.length === 0 && STATUSES.has(Number(status)) && !isLoop(from, to);
    if (isUsable && from.startsWith("/") && !rules.has(from)) {
      rules.set(from, { from: compile(from), to, status: Number(status) });
    }
  }
  // Rules without a wildcard are looked up first.
  return [...rules.values()].sort((one, other) => Number(one.from.isDynamic) - Number(other.from.isDynamic));
}

export function parseHeaders(text: string): HeaderRule[] {
  const rules: HeaderRule[] = [];
  let rule: HeaderRule | undefined;
  for (const line of linesOf(text)) {
    if (isAddress(line)) {
      rule = { path: compile(line), set: [], unset: [] };
      rules.push(rule);
    } else if (line.startsWith("! ")) {
      rule?.unset.push(line.slice(2).trim());
    } else {
      const [name = "", ...value] = line.split(":");
      if (value.length > 0) rule?.set.push([name.trim().toLowerCase(), value.join(":").trim()]);
    }
  }
  return rules;
}

export function findRedirect(rules: readonly Redirect[], url: URL): { to: string; status: number } | undefined {
  for (const { from, to, status } of rules) {
    const found = match(from, url);
    if (found === undefined) continue;
    // What is filled in may begin with a slash of its own.
    const target = fill(to, found);
    return { to: from.isDynamic && target.startsWith("/") ? target.replace(/\/+/g, "/") : target, status };
  }
  return undefined;
}

/** What the rules make of a response's headers, each rule over the one before. */
export function applyHeaders(rules: readonly HeaderRule[], url: URL, headers: Headers): void {
  const given = new Set<string>();
  for (const { path, set, unset } of rules) {
    const found = match(path, url);
    if (found === undefined) continue;
    for (const name of unset) headers.delete(name);
    for (const [name, value] of set) {
      if (given.has(name)) headers.append(name, fill(value, found));
      else headers.set(name, fill(value, found));
      given.add(name);
    }
  }
}

type Placeholders = Readonly<Record<string, string>>;

function match({ text, isDynamic, expression }: Pattern, url: URL): Placeholders | undefined {
  // A port counts where a rule is a plain address.
  const host = isDynamic ? url.hostname : url.host;
  const found = expression.exec(text.startsWith("https://") ? `https://${host}${url.pathname}` : url.pathname);
  return found === null ? undefined : { ...found.groups };
}

function fill(text: string, found: Placeholders): string {
  return Object.entries(found).reduce((filled, [name, value]) => filled.replaceAll(`:${name}`, value), text);
}

const PART = /(\*|:[A-Za-z]\w*)/;

function compile(text: string): Pattern {
  const [host, path] = /^https:\/\/[^/]+/.test(text) ? splitHost(text) : ["", text];
  const source = `${translate(host, "[^/.]+")}${translate(path, "[^/]+")}`;
  return {
    text,
    isDynamic: PART.test(path) || PART.test(host.slice("https:".length)),
    expression: new RegExp(`^${source}$`),
  };
}

function splitHost(text: string): [string, string] {
  const slash = text.indexOf("/", "https://".length);
  return slash < 0 ? [text, "/"] : [text.slice(0, slash), text.slice(slash)];
}

function translate(text: string, placeholder: string): string {
  const named = new Set<string>();
  return text
    .split(PART)
    .map((part, index) => {
      if (index % 2 === 0) return escapePattern(part);
      const name = part === "*" ? "splat" : part.slice(1);
      const isAgain = named.has(name);
      named.add(name);
      return isAgain ? `\\k<${name}>` : `(?<${name}>${part === "*" ? ".*" : placeholder})`;
    })
    .join("");
}

function isAddress(line: string): boolean {
  return /^(https:\/\/|\/)\S*$/.test(line);
}

/** Wrangler leaves out what would lead to itself for ever. */
function isLoop(from: string, to: string): boolean {
  return /\/(\*)?$/.test(from) && /^\/(.*\/)?index(\.html)?$/.test(to);
}

function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}
