// The file with the variables of the shell that PM2 would show and save: the ecosystem file writes it, each instance reads it.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import * as v from "valibot";
import { codeOf, HidbError } from "../errors.js";
import { ownEnvironment } from "./environment.js";
import { SECRET_NAMES } from "./secrets.js";
import { SETTINGS } from "./settings.js";

/** The variable with the path of that file. */
export const HAND_OVER = "_HIDB_ENVIRONMENT";

/** Where the `pm2` command of this shell finds its daemon. */
export function pm2Home(environment: NodeJS.ProcessEnv): string {
  return environment.PM2_HOME || join(homedir(), ".pm2");
}

/** Where the ecosystem file keeps the variables for the daemon of this shell. */
export function handedOverFile(appName: string, environment: NodeJS.ProcessEnv = ownEnvironment()): string {
  return join(pm2Home(environment), `${appName}-environment.json`);
}

/** The file with those variables; undefined where there is none. */
export function findHandedOver(environment: NodeJS.ProcessEnv = ownEnvironment()): string | undefined {
  return environment[HAND_OVER] || undefined;
}

/**
 * Adds the variables of that file to the environment. A variable that is set already is newer: PM2 got it by --update-env.
 * Returns the names of the secrets among those, which PM2 now shows. Errors: FILE_UNREADABLE.
 */
export function takeHandedOver(environment: NodeJS.ProcessEnv = ownEnvironment()): string[] {
  const file = environment[HAND_OVER];
  if (!file) return [];
  delete environment[HAND_OVER];
  const seen = [...SECRET_NAMES].filter((name) => environment[name]);
  const appName = environment.HIDB_APP_NAME || SETTINGS.appName.fallback;
  let variables: Record<string, string>;
  try {
    variables = readHandedOver(file);
  } catch (cause) {
    throw new HidbError({
      code: "FILE_UNREADABLE",
      message: `expected the variables of the shell that has started the pool in ${file}, got ${codeOf(cause) || "something else"}`,
      fix: `\`pm2 delete ${appName}\`, then \`pm2 start ecosystem.cluster.config.cjs\` from that shell`,
    });
  }
  for (const [name, value] of Object.entries(variables)) environment[name] ||= value;
  return seen;
}

export function readHandedOver(file: string): Record<string, string> {
  return v.parse(v.record(v.string(), v.string()), JSON.parse(readFileSync(file, "utf8")));
}

/** For this user's eyes; an instance that reads meanwhile finds the old file or the new one, both whole. */
export function writeHandedOver(file: string, variables: Record<string, string>): void {
  const draft = `${file}.${process.pid}`;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(draft, JSON.stringify(variables), { mode: 0o600, flag: "wx" });
  renameSync(draft, file);
}
