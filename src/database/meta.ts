// What D1 tells of each statement besides its rows.
import type { D1Meta } from "@cloudflare/workers-types";

export interface Counts {
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
export function metaOf(lastRowId: number, size: number | PropertyDescriptor, counts: Counts): Meta {
  if (typeof size === "number") {
    return {
      served_by: SERVED_BY,
      duration: 0,
      changes: counts.changes,
      last_row_id: lastRowId,
      changed_db: counts.changed,
      size_after: size,
      rows_read: counts.read,
      rows_written: counts.written,
    };
  }
  const meta: Record<string, unknown> = {
    served_by: SERVED_BY,
    duration: 0,
    changes: counts.changes,
    last_row_id: lastRowId,
    changed_db: counts.changed,
  };
  // In its place among the others: to change a field that is there would take three times as long.
  Reflect.defineProperty(meta, "size_after", size);
  meta.rows_read = counts.read;
  meta.rows_written = counts.written;
  return meta as Meta;
}

/** Local D1's name: a Worker that looks at it should take the same way in both. */
const SERVED_BY = "miniflare.db";

/** A `size_after` that is measured once somebody looks at it; one for all answers, since making one takes its time. */
export function sizeOnDemand(measure: () => number): PropertyDescriptor {
  const keep = (meta: object, value: number) =>
    Reflect.defineProperty(meta, "size_after", { value, writable: true, enumerable: true, configurable: true });
  return {
    get(this: object) {
      const size = measure();
      keep(this, size);
      return size;
    },
    set(this: object, value: number) {
      keep(this, value);
    },
    enumerable: true,
    configurable: true,
  };
}

export type Meta = D1Meta & Record<string, unknown>;
