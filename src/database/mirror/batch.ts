// One batch of a push. It is applied as a whole or not at all: its first statement records its sequence, and each row has a
// guard that undoes everything when the row is not what it was at the last pull. So a batch whose answer was lost is asked
// about, never sent twice; and a row that somebody else has changed is never overwritten.
import type { D1PreparedStatement } from "@cloudflare/workers-types";
import { HidbError, isOutcomeUnknown } from "../../errors.js";
import type { Database } from "../database.js";
import { type Change, whereKey } from "./changes.js";
import type { PushState } from "./push-state.js";
import { columnsOf } from "./schema.js";
import * as sql from "./statements.js";
import { ANYTHING, longText, quoteName, Text } from "./values.js";

/** How often a batch is sent whose answer was lost and that was not applied. */
const MOST_TRIES = 5;

/** Undefined once it is applied; the error of the statement that D1 has refused. */
export async function sendBatch(state: PushState, changes: Change[], deferred: boolean, tries = 1): Promise<unknown> {
  const { local, remote, source } = state;
  const sequence = ++state.sequence;
  await local.batch([
    local.prepare(sql.SET).bind("sequence", String(sequence)),
    ...changes.map(({ entry, row }) => {
      const sent = longText(row === null ? null : JSON.stringify(row));
      return local.prepare(sql.markSent(sent.sql)).bind(...sent.params, entry.version, sequence, entry.id);
    }),
  ]);
  const statements = [
    ...(deferred ? [remote.prepare("PRAGMA defer_foreign_keys = on")] : []),
    remote.prepare(sql.BEGIN_SEQUENCE).bind(source, sequence),
    // All guards before the first write: its triggers and foreign keys may change other rows of this batch.
    ...changes.map((change) => guard(remote, change)),
    // Deletions first: another row may have the unique values of a deleted one now.
    ...changes.filter(({ row }) => row === null).map((change) => write(remote, change)),
    ...changes.filter(({ row }) => row !== null).map((change) => write(remote, change)),
  ];
  state.pushed.requests++;
  try {
    await remote.batch(statements);
  } catch (error) {
    if (isOutcomeUnknown(error)) {
      if (await resolve(state, sequence)) {
        state.pushed.rows += changes.length;
        return undefined;
      }
      if (deferred) return error;
      if (tries === MOST_TRIES) throw error;
      return sendBatch(state, changes, deferred, tries + 1);
    }
    if (error instanceof HidbError && error.code !== "DATABASE_REFUSED") throw error;
    await local.prepare(sql.UNMARK).run();
    return error;
  }
  await settle(state, sequence);
  state.pushed.rows += changes.length;
  return undefined;
}

/** Whether a sequence has been applied; after this it never will be any more. */
export async function resolve(state: PushState, sequence: number): Promise<boolean> {
  const { remote, source } = state;
  state.pushed.requests++;
  const [, asked] = await remote.batch<{ sequence: number; burnt: number }>([
    remote.prepare(sql.BURN_SEQUENCE).bind(source, sequence),
    remote.prepare(sql.ASK_SEQUENCE).bind(source),
  ]);
  const [record] = asked?.results ?? [];
  const applied = record?.sequence === sequence && record.burnt === 0;
  await (applied ? settle(state, sequence) : state.local.prepare(sql.UNMARK).run());
  return applied;
}

async function settle(state: PushState, sequence: number): Promise<void> {
  const { local } = state;
  const done = [sql.DONE, sql.DONE_IN_PART].map((text) => local.prepare(text).bind(sequence));
  await local.batch([...done, ...endPulls(state)]);
}

/** What a pull has gathered so far is older than what is pushed, and would undo it here. */
export function endPulls({ local }: PushState): D1PreparedStatement[] {
  return [local.prepare(sql.FORGET_PAGES), local.prepare(sql.FORGET).bind("pulling")];
}

function guard(remote: Database, { table, base, entry }: Change): D1PreparedStatement {
  const text = new Text().add("INSERT INTO hidb_mirror_applied (source, sequence, held) SELECT '', 0, 0 WHERE ");
  text.add(
    `${base === null ? "" : "NOT "}EXISTS (SELECT 1 FROM ${quoteName(table.name)} WHERE ${whereKey(table, entry)}`,
  );
  const compared = (base ?? []).flatMap((cell, at) => {
    const name = table.columns[at];
    return cell === ANYTHING || name === undefined || table.key.includes(name) ? [] : [{ name, cell }];
  });
  if (compared.length > 0) {
    // Rows, since a chain of ANDs would be an expression too deep for D1.
    text.add(` AND (${compared.map(({ name }) => `${quoteName(name)} COLLATE BINARY`).join(", ")}) IS (`);
    text.list(compared, ", ", ({ cell }) => text.value(cell)).add(")");
  }
  text.add(")");
  return remote.prepare(text.sql).bind(...text.params);
}

function write(remote: Database, { table, base, row, entry }: Change): D1PreparedStatement {
  const text = new Text();
  const name = quoteName(table.name);
  if (row === null) text.add(`DELETE FROM ${name} WHERE ${whereKey(table, entry)}`);
  else if (base === null) {
    text.add(`INSERT INTO ${name} (${columnsOf(table)}) VALUES (`);
    text.list(row, ", ", (cell) => text.value(cell)).add(")");
  } else {
    text.add(`UPDATE ${name} SET `);
    const changed = table.columns.flatMap((column, at) => {
      const isSame = row[at] === base[at] || table.key.includes(column);
      return isSame ? [] : [{ column, cell: row[at] ?? null }];
    });
    const [firstKey = ""] = table.key;
    if (changed.length === 0) text.add(`${quoteName(firstKey)} = ${quoteName(firstKey)}`);
    text.list(changed, ", ", ({ column, cell }) => text.add(`${quoteName(column)} = `).value(cell));
    text.add(` WHERE ${whereKey(table, entry)}`);
  }
  return remote.prepare(text.sql).bind(...text.params);
}
