// The instances that wrote a journal: when each started, when it last wrote, and whether it left in good order.
import type { Millis } from "../video.js";
import type { JournalLine } from "./journal.js";

/** One life of an instance, as its own lines tell it. */
export interface JournalLife {
  id: string;
  /** Undefined for an outside worker, and in journals without lines about starts. */
  pid: number | undefined;
  boot: string | undefined;
  /** Its last line: its process lived at least until then. */
  lastLine: Millis;
  /** Until then it held its claims, unless another line says otherwise. */
  lastHold: Millis;
  lastSettled: Millis;
  leaseUntil: Millis;
  /** It left with nothing in hand. */
  leftInOrder: boolean;
}

/** The line of a settlement follows its commit, those of one group in any order. */
const SETTLE_SLACK_MS = 1000;
/** An instance that goes on living has said by then what it had to say; on D1 it may first have to ask again. */
const LIVE_SLACK_MS = 60_000;

export class JournalLives {
  readonly #lives = new Map<string, JournalLife>();
  /** When the last line of all was written. */
  latest: Millis = Number.NEGATIVE_INFINITY;

  note(line: JournalLine): void {
    if (line.event === "retry" || line.event === "cancel" || line.event === "remove") return;
    this.latest = Math.max(this.latest, line.time);
    const life = this.of(line.instance);
    if (line.event === "begin") {
      life.pid = line.pid;
      life.boot = line.boot;
    }
    // An instance that recovers outcomes writes their lines for the dead one.
    if (life.pid !== undefined && line.pid !== life.pid) return;
    life.lastLine = Math.max(life.lastLine, line.time);
    switch (line.event) {
      case "settle":
      case "release":
        life.lastSettled = Math.max(life.lastSettled, line.time);
        life.lastHold = Math.max(life.lastHold, line.time);
        return;
      case "renew":
        life.leaseUntil = Math.max(life.leaseUntil, line.until ?? 0);
        life.lastHold = Math.max(life.lastHold, line.time);
        return;
      case "claim":
        life.lastHold = Math.max(life.lastHold, line.time);
        return;
      case "gone":
        life.leftInOrder = line.exitCode !== 1;
        return;
      case "begin":
      case "lost":
      case "reclaim":
        return;
      default:
        line.event satisfies never;
    }
  }

  of(id: string): JournalLife {
    let life = this.#lives.get(id);
    if (life === undefined) {
      const never = Number.NEGATIVE_INFINITY;
      const times = { lastLine: never, lastHold: never, lastSettled: never, leaseUntil: never };
      life = { id, pid: undefined, boot: undefined, ...times, leftInOrder: false };
      this.#lives.set(id, life);
    }
    return life;
  }

  /** Whether the journal tells its life from the beginning. */
  knows(id: string | null): boolean {
    return id !== null && this.#lives.get(id)?.pid !== undefined;
  }
}

/** Whether they share a clock and can see each other's processes. */
export function areOnOneHost(one: JournalLife, other: JournalLife): boolean {
  return one.boot === other.boot;
}

/** An instance that did not leave may have been killed between a commit of this moment and its line. */
export function mayOweLine(life: JournalLife, committedAt: Millis): boolean {
  return (
    !life.leftInOrder &&
    life.lastSettled <= committedAt + SETTLE_SLACK_MS &&
    life.lastHold <= committedAt + LIVE_SLACK_MS
  );
}
