// Keeps the run: counts what ends, halts the pool at HIDB_HALT, and has the end told to HIDB_NOTIFY. Each instance looks
// with its heartbeat; what is to happen once is claimed in the database.
import type { Clock } from "../clock.js";
import type { Database } from "../database/database.js";
import { messageOf } from "../errors.js";
import type { PoolEvent } from "../report/event.js";
import { beginRun, endRun, haltRun, isNewRun, judgeRun, lookAtRun, type RunLook } from "../report/runs.js";
import { isNoticeDue, tellRun } from "../report/tell-run.js";
import type { Millis } from "../video.js";

interface RunKeeperParts {
  database: Database;
  clock: Clock;
  /** HIDB_HALT and HIDB_NOTIFY. */
  config: { halt: string; notify: string };
  report: (event: PoolEvent) => void;
}

/** A drain waits so long for a notice under way; one that is cut off is taken over by somebody else. */
const LAST_WORDS_MS: Millis = 5000;
/** From the beginning of a run that was over at once to its notice it is three looks. */
const LAST_LOOKS = 3;

/** An outcome is written a moment before it is heard of here, and a look may fall between the two. */
const LATE_MS: Millis = 300;

export class RunKeeper {
  readonly #parts: RunKeeperParts;
  #completed = 0;
  #failed = 0;
  #lookedAt: Millis;
  #telling: Promise<void> | undefined;

  constructor(parts: RunKeeperParts) {
    this.#parts = parts;
    this.#lookedAt = parts.clock.now();
  }

  /** Hears of everything that the instance reports. */
  note(event: PoolEvent): void {
    if (event.type === "attempt.finished") {
      if (event.outcome.kind === "completed") this.#completed++;
      if (event.outcome.kind === "failed") this.#failed++;
    }
    // What the dead leave behind may end with them.
    if (event.type === "video.reclaimed" && event.state !== "pending") this.#failed++;
  }

  async beat(): Promise<void> {
    await this.#look();
  }

  /** Before the instance leaves: counts the last ones, and lets a notice under way be sent. */
  async close(): Promise<void> {
    for (let looks = 0; looks < LAST_LOOKS; looks++) if (!(await this.#look())) break;
    await Promise.race([this.#telling, this.#parts.clock.sleep(LAST_WORDS_MS)]);
  }

  /** True when it has changed something. */
  async #look(): Promise<boolean> {
    const { database, clock, config } = this.#parts;
    const ended = { completed: this.#completed, failed: this.#failed, since: this.#lookedAt - LATE_MS };
    const now = clock.now();
    const look = await lookAtRun(database, ended);
    this.#lookedAt = now;
    if (look.counted) {
      this.#completed -= ended.completed;
      this.#failed -= ended.failed;
    }
    const { run } = look;
    if (isNewRun(look) && (look.open || !look.counted)) {
      await beginRun(database, run, now);
      // What has ended by now belongs to the run that has just been begun.
      return true;
    }
    if (run === null) return false;
    if (run.endedAt === null && !look.open) {
      await endRun(database, run, now);
      return true;
    }
    const reason = run.haltedAt === null && run.endedAt === null ? judgeRun(config.halt, run) : null;
    if (reason !== null) {
      await haltRun(database, run, { reason, now });
      return true;
    }
    this.#tell(look, now);
    return false;
  }

  /** Beside the heartbeat, which must not wait for anybody outside. */
  #tell(look: RunLook, now: Millis): void {
    const { notify } = this.#parts.config;
    if (notify === "" || look.run === null || this.#telling !== undefined || !isNoticeDue(look, now)) return;
    this.#telling = tellRun(look.run, look.halted, { ...this.#parts, notify })
      .catch((error: unknown) => {
        const event = look.run?.endedAt === null ? "halted" : "ended";
        this.#parts.report({ type: "notice.failed", event, to: "HIDB_NOTIFY", why: messageOf(error) });
      })
      .finally(() => {
        this.#telling = undefined;
      });
  }
}
