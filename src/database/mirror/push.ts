// Takes what has changed here back to D1, batch by batch; rows that D1 refuses, or that somebody else has changed, are told.
import { messageOf } from "../../errors.js";
import type { Database } from "../database.js";
import { endPulls, resolve, sendBatch } from "./batch.js";
import { type Change, cutAt, type Entry, readChanges } from "./changes.js";
import { withoutConflicts } from "./conflicts.js";
import { pulledTables } from "./pulled-tables.js";
import type { Pushed, PushOptions, PushState } from "./push-state.js";
import * as sql from "./statements.js";

const ROWS_IN_BATCH = 100;
const BATCH_SIZE = 500_000;
/** How often rows are sent that somebody changes in D1 between the looks at them. */
const MOST_TRIES = 5;

export async function pushMirror(remote: Database, local: Database, options: PushOptions): Promise<Pushed> {
  const tables = await pulledTables(local);
  const { dryRun = false } = options;
  const pushed: Pushed = { rows: 0, requests: 0, conflicts: [], refused: [] };
  const state: PushState = { remote, local, tables, options, pushed, source: "", sequence: 0 };
  if (!dryRun) await begin(state);
  for (let behind = 0; ; ) {
    const { results } = await local.prepare(sql.OUTBOX).bind(behind, ROWS_IN_BATCH).all<Entry>();
    if (results.length === 0) return pushed;
    const changes = cutAt(await readChanges({ local, tables, dryRun }, results), BATCH_SIZE);
    await pushChanges(state, changes);
    behind = changes.at(-1)?.entry.id ?? results.at(-1)?.id ?? behind;
    options.onProgress?.({ rows: pushed.rows, requests: pushed.requests });
  }
}

/** Settles what an earlier push has left open before anything new is sent. */
async function begin(state: PushState): Promise<void> {
  const { local, remote, options } = state;
  const read = (key: string) => local.prepare(sql.GET).bind(key).first<string>("value");
  state.source = (await read("source")) ?? options.uniqueId();
  state.sequence = Number((await read("sequence")) ?? 0);
  await local.batch([local.prepare(sql.SET).bind("source", state.source), ...endPulls(state)]);
  state.pushed.requests++;
  await remote.prepare(sql.MAKE_REMOTE).run();
  const { results } = await local.prepare(sql.IN_FLIGHT).all<Entry>();
  const [first] = results;
  if (first?.sequence != null) await resolve(state, first.sequence);
}

/** Sends them together; where that fails, finds out which ones are to blame and sends the others. */
async function pushChanges(state: PushState, given: Change[]): Promise<void> {
  let changes = given;
  let deferred = false;
  for (let tries = 1; changes.length > 0; tries++) {
    if (state.options.dryRun) {
      state.pushed.rows += (await withoutConflicts(state, changes)).length;
      return;
    }
    const error = await sendBatch(state, changes, deferred);
    if (error === undefined) return;
    const rest = await withoutConflicts(state, changes);
    if (rest.length === changes.length && changes.length > 1 && !deferred && /FOREIGN KEY/.test(messageOf(error))) {
      // In some other order they may all hold. Not so at first: D1 starts the whole database anew when they do not.
      deferred = true;
    } else if (rest.length === changes.length && (!isGuard(error) || tries >= MOST_TRIES)) {
      const [first] = changes;
      if (changes.length > 1) {
        for (const change of changes) await pushChanges(state, [change]);
      } else if (first !== undefined) {
        state.pushed.refused.push({ table: first.table.name, key: first.entry.key, reason: messageOf(error) });
      }
      return;
    }
    changes = rest;
  }
}

function isGuard(error: unknown): boolean {
  return messageOf(error).includes(sql.GUARD_NAME);
}
