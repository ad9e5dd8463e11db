// What D1 tells of each statement besides its rows.
import type { D1Meta } from "@cloudflare/workers-types";

interface Counts {
  changes: number;
  changed: boolean;
  read: number;
  written: number;
}

/**
 * `changes`, `last_row_id` and `changed_db` are exact. `size_after` is measured once a batch, after a single write when it
 * is first looked at; after a read it is what this connection last measured. A batch's `duration` is shared out evenly. `rows_read` and `rows_written` are estimates, for no driver of SQLite counts them: read are
 * the rows that were given or changed (an index that is missing does not show), written is a row for each changed one
 * and one more for each index of the table that the statement names (a trigger's or a cascade's rows count like these).
 */
export function metaOf(lastRowId: number, size: number, { changes, changed, read, written }: Counts): Meta {
  return {
    // Local D1's name: a Worker that looks at it should take the same way in both.
    served_by: "miniflare.db",
    duration: 0,
    changes,
    last_row_id: lastRowId,
    changed_db: changed,
    size_after: size,
    rows_read: read,
    rows_written: written,
  };
}

export type Meta = D1Meta & Record<string, unknown>;
