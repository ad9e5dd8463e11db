// The samples that come with hidb. They have a database of their own, so that a first try leaves nothing in the user's.
import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { PROJECT_ROOT } from "../base.js";
import { isOwnTable } from "../catalogue/table.js";
import type { Config } from "../config/settings.js";
import { note } from "./print.js";

export const SAMPLES = join(PROJECT_ROOT, "data", "samples");

/** Only where no database was named: a named file and D1 get nothing unasked. */
export function mayUseSamples(config: Config): boolean {
  return config.database === "sqlite" && config.origins.sqliteFile === "default" && isOwnTable(config);
}

export function withSamplesDatabase(config: Config): Config {
  return Object.freeze({ ...config, sqliteFile: samplesFile(config) });
}

/** The samples' database for commands that look at videos, as long as it is the only one there. */
export function chooseDatabase(config: Config): Config {
  if (!mayUseSamples(config) || existsSync(config.sqliteFile) || !existsSync(samplesFile(config))) return config;
  note(`hidb: these are the samples (${nameSamplesFile(config)}); there are no videos of your own yet`);
  return withSamplesDatabase(config);
}

/** As it can be typed here. */
export function nameSamplesFile(config: Config): string {
  const typed = relative(process.cwd(), samplesFile(config));
  return typed.startsWith("..") ? samplesFile(config) : typed;
}

function samplesFile({ sqliteFile }: Config): string {
  return join(dirname(sqliteFile), "samples.sqlite");
}
