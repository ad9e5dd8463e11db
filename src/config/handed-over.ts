// The file with the variables of the shell that PM2 would show and save: the ecosystem file writes it, each instance reads it.
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { HidbError } from "../errors.js";
import { ownEnvironment } from "./environment.js";
import { SETTINGS } from "./settings.js";

/** What says where the ecosystem file has put the variables that PM2 would show and save. */
const HAND_OVER = "_HIDB_ENVIRONMENT";

/** Where the ecosystem file keeps them for the daemon of this shell. */
export function handedOverFile(appName: string, environment: NodeJS.ProcessEnv = ownEnvironment()): string {
  return join(environment.PM2_HOME || join(homedir(), ".pm2"), `${appName}-environment.json`);
}

/** The file with those variables; undefined where there is none. */
export function findHandedOver(environment: NodeJS.ProcessEnv = ownEnvironment()): string | undefined {
  return environment[HAND_OVER] || undefined;
}

/**
 * Puts the variables in their places that came in a file past PM2. One that PM2 has all the same is newer: somebody has
 * used --update-env; names of secrets among those are returned. Errors: FILE_UNREADABLE.
 */
export function takeHandedOver(environment: NodeJS.ProcessEnv = ownEnvironment()): string[] {
  const file = environment[HAND_OVER];
  if (!file) return [];
  delete environment[HAND_OVER];
  const secrets = Object.values(SETTINGS).filter(({ kind }) => kind === "secret");
  const seen = secrets.filter(({ name }) => environment[name]).map(({ name }) => name);
  const appName = environment.HIDB_APP_NAME || SETTINGS.appName.fallback;
  for (const [name, value] of Object.entries(readHandedOver(file, appName))) environment[name] ||= value;
  return seen;
}

function readHandedOver(file: string, appName: string): Record<string, string> {
  try {
    return v.parse(v.record(v.string(), v.string()), JSON.parse(readFileSync(file, "utf8")));
  } catch (cause) {
    const got = cause instanceof Error && "code" in cause ? cause.code : "something else";
    throw new HidbError({
      code: "FILE_UNREADABLE",
      message: `expected the variables of the shell that has started the pool in ${file}, got ${got}`,
      fix: `\`pm2 delete ${appName}\`, then \`pm2 start ecosystem.cluster.config.cjs\` from that shell`,
    });
  }
}
