// Local changes are noted by triggers, in the transaction that makes them: one entry a row, with what the row was when
// both sides agreed about it for the last time.
import { keyOf, type MirrorTable } from "./schema.js";
import { encode, quoteName, quoteText } from "./values.js";

export const EVENTS = ["replace", "insert", "update", "delete"];

export function triggersOf(table: MirrorTable): string[] {
  const { name } = table;
  const outcome = name.toLowerCase() === "hidb_videos";
  // Claims and releases concern this pool only: what is pushed is how an attempt ended.
  const settled = outcome
    ? " WHEN NEW.state <> 'running' AND NOT (NEW.state = 'pending' AND OLD.state = 'running' AND NEW.attempt = OLD.attempt - 1)"
    : "";
  const old = outcome ? claimUndone(table) : rowOf(table, "OLD");
  // A row that an INSERT OR REPLACE takes away is deleted without any trigger. Nobody does that to a video's state.
  const replaced = outcome ? [] : [make("replace", "INSERT", "", noteReplaced(table), "BEFORE")];
  return [
    ...replaced,
    make("insert", "INSERT", "", note(table, "NEW", "NULL")),
    make("update", "UPDATE", settled, `${note(table, "OLD", old)} ${noteMove(table)}`),
    make("delete", "DELETE", "", note(table, "OLD", old)),
  ];

  function make(event: string, word: string, when: string, body: string, moment = "AFTER"): string {
    return `CREATE TRIGGER ${quoteName(`hidb_mirror_${event}_${name}`)} ${moment} ${word} ON ${quoteName(name)}${when} BEGIN ${body} END`;
  }
}

function note(table: MirrorTable, side: "OLD" | "NEW", base: string): string {
  return `INSERT INTO hidb_outbox (name, key, base) VALUES (${quoteText(table.name)}, ${keyText(table, side)}, ${base})
    ON CONFLICT (name, key) DO UPDATE SET version = version + 1;`;
}

/** What an upsert or an INSERT OR IGNORE leaves as it is is noted, too: a push finds it unchanged and forgets it. */
function noteReplaced(table: MirrorTable): string {
  const isSame = (names: string[]) => names.map((name) => `${quoteName(name)} = NEW.${quoteName(name)}`).join(" AND ");
  const isReplaced = [table.key, ...table.uniques].map((names) => `(${isSame(names)})`).join(" OR ");
  return `INSERT INTO hidb_outbox (name, key, base) SELECT ${quoteText(table.name)}, ${keyText(table)}, ${rowOf(table)}
      FROM ${quoteName(table.name)} WHERE ${isReplaced} ON CONFLICT (name, key) DO NOTHING;`;
}

/** A row that was given another key is one row less and one more. */
function noteMove(table: MirrorTable): string {
  return `INSERT INTO hidb_outbox (name, key, base) SELECT ${quoteText(table.name)}, ${keyText(table, "NEW")}, NULL
     WHERE ${keyText(table, "NEW")} <> ${keyText(table, "OLD")}
    ON CONFLICT (name, key) DO UPDATE SET version = version + 1;`;
}

export function keyText(table: MirrorTable, side?: string): string {
  return `json_array(${keyOf(table, cells(table, side)).join(", ")})`;
}

export function rowOf(table: MirrorTable, side?: string): string {
  return `json_array(${cells(table, side).join(", ")})`;
}

function cells(table: MirrorTable, side?: string): string[] {
  return table.columns.map((name) => encode(side === undefined ? quoteName(name) : `${side}.${quoteName(name)}`));
}

/** The row before it was claimed, since only that was known to both sides. */
function claimUndone(table: MirrorTable): string {
  const undone: Record<string, string> = {
    state: "'tpending'",
    attempt: "'i' || (OLD.attempt - 1)",
    instance: "'*'",
    claimed_at: "'*'",
  };
  const plain = cells(table, "OLD");
  const parts = table.columns.map((name, at) => {
    const other = undone[name.toLowerCase()];
    return other === undefined ? plain[at] : `CASE WHEN OLD.state = 'running' THEN ${other} ELSE ${plain[at]} END`;
  });
  return `json_array(${parts.join(", ")})`;
}
