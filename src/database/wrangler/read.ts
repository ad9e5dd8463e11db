// The user's wrangler config as wrangler itself would understand it, without wrangler.
import { readFileSync } from "node:fs";
import { basename, dirname, extname } from "node:path";
import * as v from "valibot";
import { messageOf } from "../../errors.js";
import { wranglerConfigError } from "./error.js";
import type { WranglerLocation } from "./find.js";
import { KNOWN_KEYS, NOT_INHERITED } from "./keys.js";
import { isRecord, type ParsedConfig, parseJsonc, parseToml } from "./parse.js";
import type { Path } from "./toml-line.js";

export interface WranglerConfig extends v.InferOutput<typeof KNOWN_KEYS> {
  file: string;
  projectFolder: string;
  /** Every other key, unchecked, with the rules of inheritance applied. */
  raw: Record<string, unknown>;
  /** The environment that was asked for, whether the config has a section for it or not. */
  env: string | undefined;
  /** Made by a build tool: `.wrangler/deploy/config.json` led to it. */
  redirected: boolean;
  /** Where a value stands, for messages: `env.staging.ai in /films/wrangler.jsonc:12`. */
  place(path: Path): string;
}

interface ReadOptions {
  /** The name of the environment (`env.<name>`) that is meant. */
  env?: string | undefined;
}

/** Errors: WRANGLER_CONFIG. */
export function readWranglerConfig(from: string | WranglerLocation, { env }: ReadOptions = {}): WranglerConfig {
  const location = typeof from === "string" ? { file: from, projectFolder: dirname(from), redirected: false } : from;
  const { file, projectFolder } = location;
  const parsed = parseFile(file);
  const { data } = parsed;
  if (location.redirected) checkGenerated(data, env, file);
  const section = location.redirected ? undefined : sectionOf(data, env, file);
  const merged = section === undefined ? withoutEmptyAccount(data) : inherit(data, section);
  // An environment is a Worker of its own.
  const isItsOwn = section === undefined ? !isPages(data) : section.name === undefined;
  const renamed = !location.redirected && env && isItsOwn && merged.name;
  if (renamed) merged.name = `${merged.name}-${env}`;

  const place = (path: Path) => {
    const inSection = section !== undefined && Object.hasOwn(section, String(path[0]));
    return placeOf(parsed, file, inSection ? ["env", String(env), ...path] : path);
  };
  const known = check(KNOWN_KEYS, merged, { file, place });
  const raw = Object.entries(merged).filter(([key]) => key !== "env" && !Object.hasOwn(KNOWN_KEYS.entries, key));
  const { redirected } = location;
  return { ...known, file, projectFolder, raw: Object.fromEntries(raw), env: env || undefined, redirected, place };
}

/** The values of further keys; errors: WRANGLER_CONFIG. */
export function readKeys<S extends Schema>(config: WranglerConfig, schema: S): v.InferOutput<S> {
  return check(schema, config.raw, config);
}

type Schema = v.BaseSchema<unknown, unknown, v.BaseIssue<unknown>>;

function check<S extends Schema>(schema: S, data: unknown, where: Pick<WranglerConfig, "file" | "place">) {
  const result = v.safeParse(schema, data);
  if (!result.success) throw wrongValue(where, result.issues[0]);
  return result.output;
}

function parseFile(file: string): ParsedConfig {
  switch (extname(file)) {
    case ".json":
    case ".jsonc":
      return parseJsonc(readText(file), file);
    case ".toml":
      return parseToml(readText(file), file);
    default:
      throw wranglerConfigError({
        expected: "a wrangler config named .json, .jsonc or .toml",
        got: file,
        fix: "name the config file, or the folder it lies in",
      });
  }
}

function readText(file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file));
  } catch (cause) {
    throw wranglerConfigError({
      expected: `to read ${file} as UTF-8 text`,
      got: messageOf(cause),
      fix: "correct the path or the permissions, or save the file as UTF-8",
      cause,
    });
  }
}

/** The section of the environment that is meant; undefined when the top level is. */
function sectionOf(data: Record<string, unknown>, env: string | undefined, file: string) {
  if (!env) return undefined;
  const sections = data.env ?? undefined;
  const section = isRecord(sections) && Object.hasOwn(sections, env) ? sections[env] : undefined;
  if (isRecord(section)) return section;
  // Like wrangler: a config without any environment serves each of them, and Pages has unnamed ones.
  if (sections === undefined || isPages(data)) return undefined;
  throw wranglerConfigError({
    expected: `${file} to have an environment "${env}"`,
    got: isRecord(sections) ? `only ${Object.keys(sections).join(", ") || "an empty env"}` : JSON.stringify(sections),
    fix: `name one of these, or add a section env.${env}`,
  });
}

/** A config that a build tool has generated was made for one environment, and has no sections any more. */
function checkGenerated(data: Record<string, unknown>, env: string | undefined, file: string): void {
  const { env: sections, targetEnvironment: target } = data;
  if (isRecord(sections) && Object.keys(sections).length > 0) {
    throw wranglerConfigError({
      expected: `the generated config ${file} to have no environments`,
      got: Object.keys(sections).join(", "),
      fix: "build the project again with a current version of its build tool",
    });
  }
  if (!env || !target || target === env || isPages(data)) return;
  throw wranglerConfigError({
    expected: `the generated config ${file} to be made for the environment "${env}"`,
    got: `one for "${target}"`,
    fix: `build the project again for "${env}"`,
  });
}

function isPages(data: Record<string, unknown>): boolean {
  return data.pages_build_output_dir !== undefined;
}

function inherit(data: Record<string, unknown>, section: Record<string, unknown>): Record<string, unknown> {
  const inherited = Object.entries(withoutEmptyAccount(data)).filter(([key]) => !NOT_INHERITED.has(key));
  return { ...Object.fromEntries(inherited), ...withoutEmptyAccount(section) };
}

/** An empty account id stands for none. */
function withoutEmptyAccount(section: Record<string, unknown>): Record<string, unknown> {
  const { account_id: account, ...rest } = section;
  return account === "" ? rest : { ...section };
}

function wrongValue({ file, place }: Pick<WranglerConfig, "file" | "place">, issue: v.BaseIssue<unknown>): Error {
  const path = issue.path?.map(({ key }) => key as string | number) ?? [];
  const missing = issue.received === "undefined";
  return wranglerConfigError({
    expected: missing ? place(path) : `${place(path)} to be of type ${issue.expected}`,
    got: missing ? "none" : issue.received,
    fix: `correct ${nameOf(path)} in ${basename(file)}`,
  });
}

function placeOf(parsed: ParsedConfig, file: string, path: Path): string {
  // What is missing has no line, but what it is missing in has.
  const line = parsed.lineOf(path) ?? parsed.lineOf(path.slice(0, -1));
  return `${nameOf(path)} in ${file}${line === undefined ? "" : `:${line}`}`;
}

function nameOf(path: Path): string {
  return path
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${key}`))
    .join("")
    .slice(1);
}
