// Which of a config's D1 databases is meant.
import { wranglerConfigError } from "./error.js";
import type { WranglerD1Database } from "./keys.js";
import type { WranglerConfig } from "./read.js";

const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const NO_UUID = "00000000-0000-0000-0000-000000000000";
const PLACEHOLDER = /^<|^\[|^\{|^\$|your|placeholder|todo|change[-_ ]?me|replace|^x+(-x+)*$/i;

/** For work on Cloudflare's own: the only database, or the one of that binding, name or id; errors: WRANGLER_CONFIG. */
export function chooseD1Database(
  config: WranglerConfig,
  wanted?: string,
): WranglerD1Database & { database_id: string } {
  const database = chooseLocalD1Database(config, wanted);
  const { database_id: id, binding } = database;
  if (id !== undefined && UUID.test(id) && id !== NO_UUID) return { ...database, database_id: id };
  throw wranglerConfigError({
    expected: `the database_id of the binding ${binding} in ${config.file} to be the UUID of a D1 database`,
    got: id === undefined ? "none" : `${PLACEHOLDER.test(id) || id === NO_UUID ? "the placeholder " : ""}"${id}"`,
    fix: "put in the id that `npx wrangler d1 list` shows for it",
  });
}

/** For work on a local file, where wrangler takes any id for good, also none. */
export function chooseLocalD1Database(config: WranglerConfig, wanted?: string): WranglerD1Database {
  const { d1_databases: databases, file } = config;
  if (databases.length === 0) {
    throw wranglerConfigError({
      expected: `a D1 database in ${file}`,
      got: "none (an environment does not inherit d1_databases)",
      fix: "add one to d1_databases, or choose another config or environment",
    });
  }
  const matches = wanted === undefined ? databases : findByWord(databases, wanted);
  const [first, ...others] = matches;
  // Two bindings may stand for one database.
  if (first !== undefined && others.every((other) => isSame(first, other))) return first;
  throw wranglerConfigError({
    expected: `${wanted === undefined ? "one D1 database" : `one D1 database called "${wanted}"`} in ${file}`,
    got: `${first === undefined ? "only " : ""}${(first === undefined ? databases : matches).map(describe).join("; ")}`,
    fix: "name one of these by its binding, its name or its id",
  });
}

function findByWord(databases: WranglerD1Database[], wanted: string): WranglerD1Database[] {
  const keys = ["binding", "database_name", "database_id"] as const;
  for (const key of keys) {
    const matches = databases.filter((database) => database[key]?.toLowerCase() === wanted.toLowerCase());
    const exact = matches.filter((database) => database[key] === wanted);
    if (matches.length > 0) return exact.length > 0 ? exact : matches;
  }
  return [];
}

function isSame(one: WranglerD1Database, other: WranglerD1Database): boolean {
  const { database_id: id, preview_database_id: preview } = one;
  return id !== undefined && id === other.database_id && preview === other.preview_database_id;
}

function describe({ binding, database_name: name, database_id: id }: WranglerD1Database): string {
  const facts = [name, id].filter((fact) => fact !== undefined);
  return facts.length === 0 ? binding : `${binding} (${facts.join(", ")})`;
}
