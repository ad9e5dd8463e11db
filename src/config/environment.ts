// The one place that reads the environment.

/** The variables of this process, not a copy: what is deleted or set there is deleted or set for the process. */
export function ownEnvironment(): NodeJS.ProcessEnv {
  return process.env;
}

/** A copy of our environment, for a child process. */
export function inheritedEnvironment(environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return { ...environment };
}

/** The command a person types: in a project that npm manages, hidb is not on the PATH of their shell. */
export function readCommandName(environment: NodeJS.ProcessEnv = process.env): string {
  const { npm_lifecycle_event, npm_command, npm_execpath } = environment;
  return npm_lifecycle_event || npm_command || npm_execpath ? "npx hidb" : "hidb";
}

/** PM2's number for this process; numbers may be missing or used twice; 0 outside PM2. */
export function readProcessId(environment: NodeJS.ProcessEnv = process.env): number {
  const number = Number(environment.NODE_APP_INSTANCE ?? 0);
  return Number.isSafeInteger(number) ? number : 0;
}

/** Where the `pm2` command finds the daemon that runs this process; undefined outside PM2. */
export function readPm2Home(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  return environment.pm_id === undefined ? undefined : (environment.PM2_HOME ?? undefined);
}
