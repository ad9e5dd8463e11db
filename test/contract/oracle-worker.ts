// The Worker that runs cases and programs inside real workerd, each on the database whose binding it is told.
import type { D1Database } from "@cloudflare/workers-types";
import { AREAS } from "./cases/all.ts";
import { type Program, runProgram, START } from "./program.ts";
import { outcomeOf } from "./serialise.ts";

export type Task = { area: string; name: string; binding: string } | { program: Program; binding: string };

export default {
  async fetch(request: Request, env: Record<string, D1Database>): Promise<Response> {
    const task = (await request.json()) as Task;
    const db = env[task.binding] as D1Database;
    if ("program" in task) {
      // Nothing for an answer says: take another database.
      if (!(await emptyDatabase(db))) return Response.json(null);
      return Response.json(await runProgram(db, task.program));
    }
    return Response.json(await outcomeOf(() => AREAS[task.area]?.[task.name]?.(db)));
  },
};

/** As good as a new one, and faster; false if its tables hold on to one another too well. */
async function emptyDatabase(db: D1Database): Promise<boolean> {
  const { results } = await db
    .prepare("SELECT type, name FROM sqlite_schema WHERE type IN ('trigger', 'view', 'table')")
    .all<{ type: string; name: string }>();
  const { results: virtual } = await db.prepare("SELECT name FROM pragma_table_list WHERE type = 'shadow'").all();
  const shadows = virtual.map(({ name }) => name);
  const own = results.filter(({ name }) => !/^(sqlite|_cf)_/i.test(name) && !shadows.includes(name));
  const drops = ["TRIGGER", "VIEW", "TABLE"].flatMap((kind) =>
    own.filter(({ type }) => type.toUpperCase() === kind).map(({ name }) => `DROP ${kind} "${name}"`),
  );
  const statements = ["PRAGMA defer_foreign_keys = on", ...drops, ...START].map((sql) => db.prepare(sql));
  return db.batch(statements).then(
    () => true,
    () => false,
  );
}
