// A Worker's secrets for local work: the files that wrangler reads, with the libraries that it reads them with.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "dotenv";
import { expand } from "dotenv-expand";
import { wranglerConfigError } from "../../database/wrangler/error.js";
import { codeOf, messageOf } from "../../errors.js";

interface Wanted {
  /** Where the user's own config lies. */
  folder: string;
  env: string | undefined;
  /** Names of vars: with `required` given, a secret of such a name counts too. */
  vars: readonly string[];
  /** `secrets.required` of the config; undefined if it has no `secrets`. */
  required: readonly string[] | undefined;
  environment: NodeJS.ProcessEnv;
}

export interface LocalSecrets {
  values: Record<string, string>;
  /** Required ones that no file has. */
  missing: string[];
}

/** Errors: WRANGLER_CONFIG for a file that is there and cannot be read. */
export function readSecrets(wanted: Wanted): LocalSecrets {
  const { required, vars } = wanted;
  const found = readDevVars(wanted) ?? readEnvFiles(wanted) ?? {};
  if (required === undefined) return { values: found, missing: [] };
  const names = new Set([...required, ...vars]);
  return {
    values: Object.fromEntries(Object.entries(found).filter(([name]) => names.has(name))),
    missing: required.filter((name) => !Object.hasOwn(found, name)),
  };
}

/** `.dev.vars.<env>`, else `.dev.vars`; never both. */
function readDevVars({ folder, env }: Wanted): Record<string, string> | undefined {
  const names = env === undefined ? [".dev.vars"] : [`.dev.vars.${env}`, ".dev.vars"];
  const text = names.map((name) => readText(join(folder, name))).find((content) => content !== undefined);
  return text === undefined ? undefined : parse(text);
}

/** The `.env` family, each over the one before, and the process's own environment where the user asked for it. */
function readEnvFiles({ folder, env, required, environment }: Wanted): Record<string, string> | undefined {
  if (isFalse(environment.CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV)) return undefined;
  const names = [".env", ".env.local", ...(env === undefined ? [] : [`.env.${env}`, `.env.${env}.local`])];
  const parsed: Record<string, string> = {};
  for (const name of names) Object.assign(parsed, parse(readText(join(folder, name)) ?? ""));
  const isWanted = required !== undefined || isTrue(environment.CLOUDFLARE_INCLUDE_PROCESS_ENV);
  const inherited = isWanted ? definedOnly(environment) : {};
  // It writes what it reads into `processEnv`.
  return { ...inherited, ...expand({ parsed, processEnv: { ...inherited } }).parsed };
}

function definedOnly(environment: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(environment);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined;
    throw wranglerConfigError({
      expected: `to read the secrets in ${file}`,
      got: messageOf(cause),
      fix: "correct its permissions, or remove it",
      cause,
    });
  }
}

function isTrue(setting: string | undefined): boolean {
  return setting?.toLowerCase() === "true";
}

function isFalse(setting: string | undefined): boolean {
  return setting?.toLowerCase() === "false";
}
