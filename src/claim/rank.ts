// The order of instances that makes the rank, and which of them take part in it.

/** Works and is within its lease. The parameter: now. */
export const WITHIN_LEASE = "state = 'working' AND lease_until >= ?";

/** The instances that have ranks. The parameter: now. */
export const LIVE = `gone_at IS NULL AND ${WITHIN_LEASE}`;

const ORDER = "host, process_id, started_at, id";

/** Whether a row of hidb_instances comes before the one row that matches `condition`; NULL where no row does. */
export function ranksBefore(condition: string): string {
  return `(${ORDER}) < (SELECT ${ORDER} FROM hidb_instances WHERE ${condition})`;
}
