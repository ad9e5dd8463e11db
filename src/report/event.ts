// Room 5: what happened, as values. The corridor reports them; the log, the journal and the counters read them.
import type { HidbError } from "../errors.js";
import type { Claim, Millis, Outcome, State } from "../video.js";

/** Who keeps the pool from claiming: a person (twice), HIDB_HALT, or a quota of somebody outside. */
export type StopKind = "pause" | "drain" | "halt" | "hold";

/** What a notice tells. */
export type NoticeEvent = "ended" | "halted";

export type PoolEvent =
  | { type: "instance.started"; processId: number; pid: number; host: string }
  | { type: "instance.working"; rank: number; count: number }
  | { type: "instance.draining"; because: string }
  | { type: "instance.gone"; because: string; exitCode: number }
  | { type: "pool.changed"; rank: number; count: number }
  /** Nobody claims anything; until `hidb resume` where there is no moment. */
  | { type: "pool.stopped"; by: StopKind; reason: string | null; until: Millis | null }
  | { type: "pool.resumed" }
  /** HIDB_NOTIFY was told, or could not be. */
  | { type: "notice.sent"; event: NoticeEvent; to: string }
  | { type: "notice.failed"; event: NoticeEvent; to: string; why: string }
  /** `holder`: the worker outside that asked for it; none where the instance claims for itself. */
  | { type: "video.claimed"; claim: Claim; at: Millis; holder?: string }
  /** `heirOf`: the dead instance that had claimed it and finished it; `holder`: the worker outside that did. */
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
  /** `at`: just before, when all that it holds was its own for certain. */
  | { type: "lease.renewed"; at: Millis; until: Millis }
  | { type: "video.reclaimed"; videoId: number; attempt: number; state: State; at: Millis }
  | { type: "attempt.hung"; claim: Claim; afterMs: Millis }
  | { type: "memory.high"; rssBytes: number; limitBytes: number }
  /** It claims nothing: `because` as in the row of the instance; said once each time. */
  | { type: "memory.held"; because: string; usedBytes: number; limitBytes: number }
  | { type: "memory.eased" }
  | { type: "database.trouble"; error: HidbError }
  /** The page or this instance's own port cannot be had: said once, tried again, and no reason to stop working. */
  | { type: "port.taken"; port: number; why: string }
  /** A line that the hosted Worker has printed, or a warning about it. */
  | { type: "worker.said"; level: "debug" | "log" | "info" | "warn" | "error"; text: string }
  | { type: "instance.failed"; error: unknown };
