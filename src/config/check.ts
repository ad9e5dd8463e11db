// What is refused: names that no setting has, values that do not go together; and the errors that say so.
import leven from "leven";
import { HidbError } from "../errors.js";
import { type Config, type Origin, SETTINGS } from "./settings.js";

/** Characters of a typed text that a message repeats. */
const LONGEST_SHOWN = 500;

/** In quotes, cut to the length that fits into a message. */
export function shorten(text: string): string {
  return JSON.stringify(text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text);
}

export function refuseUnknown(environment: NodeJS.Dict<string>, where: string): void {
  const known = Object.values(SETTINGS).map((setting) => setting.name);
  for (const name of Object.keys(environment)) {
    if (!name.startsWith("HIDB_") || known.includes(name)) continue;
    const shown = /^\w+$/.test(name) && name.length <= LONGEST_SHOWN ? name : shorten(name);
    const distance = (candidate: string) => leven(name.slice(0, LONGEST_SHOWN).toUpperCase(), candidate);
    const guess = known.reduce((best, candidate) => (distance(candidate) < distance(best) ? candidate : best));
    const near = distance(guess) <= 4;
    throw new HidbError({
      code: "SETTING_UNKNOWN",
      message: `expected only settings that hidb knows, got ${shown} in ${where}`,
      fix: near
        ? `did you mean ${guess}? Rename or remove ${shown}`
        : `remove ${shown}; \`hidb settings\` lists them all`,
    });
  }
}

export function checkTogether(config: Config): void {
  if (config.leaseMs < 3 * config.heartbeatMs) {
    throw settingInvalid({
      name: SETTINGS.leaseMs.name,
      expected: `long enough for three heartbeats (${3 * config.heartbeatMs} or more)`,
      got: String(config.leaseMs),
      origin: config.origins.leaseMs,
    });
  }
  if (config.workerBatch > config.concurrency) {
    throw settingInvalid({
      name: SETTINGS.workerBatch.name,
      expected: `at most HIDB_CONCURRENCY (${config.concurrency}), since a batch consists of claimed videos`,
      got: String(config.workerBatch),
      origin: config.origins.workerBatch,
    });
  }
  // An empty flag: SQLite would open a temporary database for an empty name.
  for (const key of ["sqliteFile", "catalogueTable", "catalogueId", "catalogueSource"] as const) {
    if (config[key] !== "") continue;
    throw settingInvalid({
      name: SETTINGS[key].name,
      expected: SETTINGS[key].expected,
      got: "nothing",
      origin: config.origins[key],
    });
  }
}

interface InvalidParts {
  name: string;
  expected: string;
  got: string;
  origin: Origin;
}

export function settingInvalid({ name, expected, got, origin }: InvalidParts): HidbError {
  const where =
    origin === "flag"
      ? "the flag"
      : origin === "default"
        ? "the environment"
        : origin === "environment"
          ? "the environment"
          : "the file .env";
  return new HidbError({
    code: "SETTING_INVALID",
    message: `expected ${name} to be ${expected}, got ${got}`,
    fix: `correct ${name} in ${where}, or remove it for the default`,
  });
}
