// The one place that reads the environment.
import { SETTINGS } from "./settings.js";

/** The variables of this process themselves, not a copy. */
export function ownEnvironment(): NodeJS.ProcessEnv {
  return process.env;
}

/** The environment that a child process gets: ours. */
export function inheritedEnvironment(environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return { ...environment };
}

/** What a program gets that somebody else has written: ours, less the secrets that are meant for hidb. */
export function environmentForPrograms(environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const names = new Set(Object.values(SETTINGS).flatMap(({ name, kind }) => (kind === "secret" ? [name] : [])));
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !names.has(name)));
}

/** How a person calls hidb: below npm and npx it is not on the PATH of their shell. */
export function readCommandName(environment: NodeJS.ProcessEnv = process.env): string {
  const { npm_lifecycle_event, npm_command, npm_execpath } = environment;
  return npm_lifecycle_event || npm_command || npm_execpath ? "npx hidb" : "hidb";
}

/** PM2's number for this process: a label with gaps and twins; 0 outside PM2. */
export function readProcessId(environment: NodeJS.ProcessEnv = process.env): number {
  const number = Number(environment.NODE_APP_INSTANCE ?? 0);
  return Number.isSafeInteger(number) ? number : 0;
}

/** Where the `pm2` command finds the daemon that runs this process; undefined outside PM2. */
export function readPm2Home(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  return environment.pm_id === undefined ? undefined : (environment.PM2_HOME ?? undefined);
}
