// Rows that have changed here and in D1 since the last pull: reported, or settled as preferred.
import { HidbError, messageOf } from "../../errors.js";
import type { Database } from "../database.js";
import { type Change, whereKey } from "./changes.js";
import { readRows } from "./pages.js";
import { matches } from "./publish.js";
import type { PushState } from "./push-state.js";
import { columnsOf, keyOf, type MirrorTable } from "./schema.js";
import * as sql from "./statements.js";
import { longText, quoteName, type Row, readRow, Text } from "./values.js";

/** Compares with what D1 has now; conflicts are reported, or settled as preferred. */
export async function withoutConflicts(state: PushState, changes: Change[]): Promise<Change[]> {
  const { local, options, pushed } = state;
  const rest: Change[] = [];
  for (const table of new Set(changes.map((change) => change.table))) {
    const own = changes.filter((change) => change.table === table);
    pushed.requests++;
    const keys = own.map(({ entry }) => readRow(entry.key));
    const rows = await readRows(state.remote, table, keys).catch((cause: unknown) => {
      throw cause instanceof HidbError ? cause : tableChanged(table, cause);
    });
    for (const change of own) {
      const { entry, base, row } = change;
      const there =
        rows.find((one) => JSON.stringify(keyOf(table, one)) === JSON.stringify(readRow(entry.key))) ?? null;
      if (matches(base, there)) {
        rest.push(change);
        continue;
      }
      const isEqual = JSON.stringify(there) === JSON.stringify(row);
      if (!isEqual) pushed.conflicts.push({ table: table.name, key: entry.key, base, local: row, remote: there });
      if (options.dryRun) {
        if (!isEqual && options.prefer === "local") rest.push(change);
      } else if (isEqual) await local.prepare(sql.DROP_ENTRY).bind(entry.id, entry.version).run();
      else if (options.prefer === "local") {
        const long = longText(there === null ? null : JSON.stringify(there));
        await local
          .prepare(sql.newBase(long.sql))
          .bind(...long.params, entry.id)
          .run();
        rest.push({ ...change, base: there });
      } else if (options.prefer === "remote") await takeRemote(local, change, there);
    }
  }
  return rest;
}

function tableChanged({ name }: MirrorTable, cause: unknown): HidbError {
  return new HidbError({
    code: "DATABASE_FOREIGN",
    message: `expected the table ${name} of D1 to have the columns of the last pull, got ${messageOf(cause)}`,
    fix: "`hidb mirror pull --prefer remote` takes D1's tables and drops the local changes of this one",
    cause,
  });
}

/** Without any trigger: those of the table itself have run where the row comes from. */
async function takeRemote(local: Database, { table, entry }: Change, row: Row | null): Promise<void> {
  const { results } = await local
    .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?")
    .bind(table.name)
    .all<{ name: string; sql: string }>();
  const statements = [
    "PRAGMA defer_foreign_keys = on",
    ...results.map(({ name }) => `DROP TRIGGER ${quoteName(name)}`),
  ].map((text) => local.prepare(text));
  const text = new Text();
  if (row === null) text.add(`DELETE FROM ${quoteName(table.name)} WHERE ${whereKey(table, entry)}`);
  else {
    // An upsert, not a replacement: that would delete the row first, and with it what belongs to it.
    const keys = table.key.map(quoteName).join(", ");
    text.add(`INSERT INTO ${quoteName(table.name)} (${columnsOf(table)}) VALUES (`);
    text.list(row, ", ", (cell) => text.value(cell)).add(")");
    if (/^`(rowid|_rowid_|oid)`$/.test(keys)) {
      statements.push(local.prepare(`DELETE FROM ${quoteName(table.name)} WHERE ${whereKey(table, entry)}`));
    } else {
      const others = table.columns.filter((name) => !table.key.includes(name)).map(quoteName);
      text.add(` ON CONFLICT (${keys}) DO ${others.length === 0 ? "NOTHING" : "UPDATE SET "}`);
      text.list(others, ", ", (name) => text.add(`${name} = excluded.${name}`));
    }
  }
  statements.push(local.prepare(text.sql).bind(...text.params));
  statements.push(...results.map((trigger) => local.prepare(trigger.sql)));
  statements.push(local.prepare(sql.DROP_ENTRY).bind(entry.id, entry.version));
  await local.batch(statements);
}
