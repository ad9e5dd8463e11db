// Times that lie further ahead than can have been meant: a clock has been set back since they were written.
import { retryIdempotent } from "../database/retry-idempotent.js";
import type { Millis } from "../video.js";
import type { Instance } from "./membership.js";
import * as sql from "./statements/reclaim.js";

/** Clocks of several hosts, and the way to a database behind a network, may differ by so much. */
export const TOLERANCE_MS: Millis = 10_000;

interface Lease {
  leaseUntil: Millis;
  /** Null of an instance of an earlier hidb. */
  leaseMs: Millis | null;
}

/** Whether its owner cannot have written this lease by the clock of now. */
export function isFarAhead({ leaseUntil, leaseMs }: Lease, now: Millis): boolean {
  return leaseMs !== null && leaseUntil > now + leaseMs + TOLERANCE_MS;
}

/** A lease far ahead has run out once nobody has renewed it for as long as a lease lasts. */
export function isStalled(other: Lease & { id: string }, { clock, farLeases }: Instance): boolean {
  if (!isFarAhead(other, clock.now())) {
    farLeases.delete(other.id);
    return false;
  }
  const known = farLeases.get(other.id);
  if (known?.leaseUntil === other.leaseUntil) return clock.monotonic() - known.since > (other.leaseMs ?? 0);
  farLeases.set(other.id, { leaseUntil: other.leaseUntil, since: clock.monotonic() });
  return false;
}

/** Ends the waits of videos whose last attempt ended in the future; resolves to how many. */
export async function endFarWaits({ database, clock }: Instance): Promise<number> {
  // The time is read again once the attempts are known: where the UPDATE arrives late, or its instance has stood still
  // before it, an attempt that has ended since would seem to have ended in the future.
  // On D1 either may travel with somebody's write, whose lost answer leaves both in doubt: both may be done twice.
  const known = clock.now() + TOLERANCE_MS;
  const last = await retryIdempotent(() => database.prepare(sql.LAST_FAR_ATTEMPT).bind(known).first<number>("last"));
  if (last === null) return 0;
  const now = clock.now();
  const { meta } = await retryIdempotent(() =>
    database
      .prepare(sql.END_FAR_WAITS)
      .bind(last, now + TOLERANCE_MS, now)
      .run(),
  );
  return meta.changes;
}
