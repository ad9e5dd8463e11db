// What happened, as values. An instance reports them; the log, the journal and the counters read them.
import type { HidbError } from "../errors.js";
import type { Claim, Millis, Outcome, State } from "../video.js";

/** What keeps the pool from claiming: a person (pause or drain), HIDB_HALT, or a quota of an outside service. */
export type StopKind = "pause" | "drain" | "halt" | "hold";

/** What a notice tells. */
export type NoticeEvent = "ended" | "halted";

export type PoolEvent =
  | { type: "instance.started"; processId: number; pid: number; host: string }
  | { type: "instance.working"; rank: number; count: number }
  | { type: "instance.draining"; because: string }
  | { type: "instance.gone"; because: string; exitCode: number }
  | { type: "pool.changed"; rank: number; count: number }
  /** No instance claims; without `until`, until `hidb resume`. */
  | { type: "pool.stopped"; by: StopKind; reason: string | null; until: Millis | null }
  | { type: "pool.resumed" }
  /** The notice to HIDB_NOTIFY was sent, or failed. */
  | { type: "notice.sent"; event: NoticeEvent; to: string }
  | { type: "notice.failed"; event: NoticeEvent; to: string; why: string }
  /** `holder`: the outside worker that claimed it; undefined where the instance claims for itself. */
  | { type: "video.claimed"; claim: Claim; at: Millis; holder?: string }
  /** `heirOf`: the dead instance that had finished it, whose outcome was recovered; `holder`: the outside worker that did. */
  | {
      type: "attempt.finished";
      claim: Claim;
      outcome: Outcome;
      durMs: Millis;
      at: Millis;
      heirOf?: string;
      holder?: string;
    }
  | { type: "claim.lost"; claim: Claim; heldMs: Millis; holder?: string }
  /** `at`: just before the renewal, when the instance certainly still held its claims. */
  | { type: "lease.renewed"; at: Millis; until: Millis }
  | { type: "video.reclaimed"; videoId: number; attempt: number; state: State; at: Millis }
  | { type: "attempt.hung"; claim: Claim; afterMs: Millis }
  | { type: "memory.high"; rssBytes: number; limitBytes: number }
  /** It claims nothing: `because` as in the row of the instance; reported once for each period. */
  | { type: "memory.held"; because: string; usedBytes: number; limitBytes: number }
  | { type: "memory.eased" }
  | { type: "database.trouble"; error: HidbError }
  /** The port of the page or of this instance is taken: reported once, retried; the instance goes on working. */
  | { type: "port.taken"; port: number; why: string }
  /** A line that the hosted Worker has printed, or a warning about it. */
  | { type: "worker.said"; level: "debug" | "log" | "info" | "warn" | "error"; text: string }
  | { type: "instance.failed"; error: unknown };
