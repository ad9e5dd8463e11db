// Part of the processor `worker`: where the D1 databases of the Worker live. One of them is the pool's own; further ones
// are files beside it, or on D1 as well.
import { join } from "node:path";
import type { D1Database } from "@cloudflare/workers-types";
import { settingInvalid } from "../../config/check.js";
import { type Config, SETTINGS } from "../../config/settings.js";
import type { Database } from "../../database/database.js";
import type { D1Wish } from "../../workerd/config/plan.js";
import type { Binding } from "../../workerd/plan.js";

export interface PoolParts {
  /** The pool's database. */
  database: Database;
  /** Another database of the same D1 account, within the same budget of requests; on SQLite there is none. */
  openBeside?: (databaseId: string) => Promise<Database>;
}

export interface PlacedD1 {
  bindings: Binding[];
  /** Those that live in the instance, by the keys of the bindings. */
  databases: Map<string, D1Database>;
  close(): Promise<void>;
}

export async function placeD1(wishes: readonly D1Wish[], config: Config, parts: PoolParts): Promise<PlacedD1> {
  const own = chooseOwn(wishes, config);
  // Workers' limits in force are D1's, too.
  const strict = config.strict || config.workerdLimits === "enforce";
  const databases = new Map<string, D1Database>();
  const opened: Database[] = [];
  const bindings: Binding[] = [];
  for (const wish of wishes) {
    const name = wish.binding;
    if (config.database === "sqlite") {
      const file = isSame(wish, own) ? config.sqliteFile : join(config.workerDir, "d1", `${fileName(wish)}.sqlite`);
      bindings.push({ name, kind: "d1", database: { kind: "file", file, strict } });
      continue;
    }
    if (isSame(wish, own)) databases.set(name, parts.database);
    else if (parts.openBeside !== undefined && wish.databaseId !== undefined) {
      const database = await parts.openBeside(wish.databaseId);
      opened.push(database);
      databases.set(name, database);
    } else throw missingId(config, wish);
    bindings.push({ name, kind: "d1", database: { kind: "host", key: name } });
  }
  return {
    bindings,
    databases,
    close: async () => void (await Promise.all(opened.map((database) => database.close()))),
  };
}

/** The database of the pool: the only one, or the one that HIDB_D1_DATABASE names. */
export function chooseOwn(wishes: readonly D1Wish[], config: Config): D1Wish | undefined {
  const [first, ...others] = wishes;
  if (others.every((other) => isSame(other, first))) return first;
  const wanted = config.d1Database;
  const found = wishes.find(({ binding, databaseName, databaseId }) =>
    [binding, databaseName, databaseId].includes(wanted || undefined),
  );
  if (found !== undefined) return found;
  throw settingInvalid({
    name: SETTINGS.d1Database.name,
    expected: `one of the Worker's D1 databases (${wishes.map(({ binding }) => binding).join(", ")}): the one of the pool`,
    got: wanted === "" ? "nothing" : JSON.stringify(wanted),
    origin: config.origins.d1Database,
  });
}

/** Two bindings may stand for one database. */
function isSame(one: D1Wish, other: D1Wish | undefined): boolean {
  return one === other || (other?.databaseId !== undefined && one.databaseId === other.databaseId);
}

function fileName({ databaseName, databaseId, binding }: D1Wish): string {
  return (databaseName ?? databaseId ?? binding).replace(/[^\w-]/g, "_");
}

function missingId(config: Config, { binding }: D1Wish): Error {
  return settingInvalid({
    name: SETTINGS.database.name,
    expected: `d1 only where every D1 binding has a database_id`,
    got: `none for ${binding}`,
    origin: config.origins.database,
  });
}
