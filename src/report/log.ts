// The log: all wording in one place. One file an instance, written synchronously: through PM2 lines get lost at exit.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Logger, pino } from "pino";
import { HidbError, messageOf } from "../errors.js";
import type { Claim } from "../video.js";
import type { PoolEvent } from "./event.js";

export interface LogOptions {
  folder: string;
  level: string;
  processId: number;
  instance: string;
}

export type WriteLog = (event: PoolEvent, rank: number) => void;

/** Opens `hidb-<process id>.log` in the folder; its lines are JSON with fields in a fixed order. */
export function openLog({ folder, level, processId, instance }: LogOptions): WriteLog {
  const logger = openFile(join(folder, `hidb-${processId}.log`), folder, level);
  return (event, rank) => writeEvent(logger, event, { rank, processId, instance });
}

function openFile(file: string, folder: string, level: string): Logger {
  try {
    mkdirSync(folder, { recursive: true });
    const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: nameLevel } };
    return pino(options, pino.destination({ dest: file, sync: true }));
  } catch (cause) {
    throw new HidbError({
      code: "FILE_UNWRITABLE",
      message: `expected to write a log file to ${folder}, but it cannot be written`,
      fix: "give this user write permission there, or correct HIDB_LOG_DIR",
      cause,
    });
  }
}

function nameLevel(label: string): { level: string } {
  return { level: label };
}

interface Who {
  rank: number;
  processId: number;
  instance: string;
}

function writeEvent(logger: Logger, event: PoolEvent, who: Who): void {
  const { level, facts } = describe(event);
  if (logger.isLevelEnabled(level)) logger[level]({ msg: event.type, ...who, ...facts });
}

interface Line {
  level: "debug" | "info" | "warn" | "error" | "fatal";
  facts: Record<string, unknown>;
}

function describe(event: PoolEvent): Line {
  switch (event.type) {
    case "attempt.finished": {
      const { outcome, durMs } = event;
      const level = outcome.kind === "failed" ? "error" : outcome.kind === "retry" ? "warn" : "info";
      const reason = "reason" in outcome ? { err: outcome.reason } : {};
      return {
        level,
        facts: { ...nameClaim(event.claim), outcome: outcome.kind, durMs: Math.round(durMs), ...reason },
      };
    }
    case "video.claimed":
      return { level: "debug", facts: nameClaim(event.claim) };
    case "claim.lost":
      return { level: "warn", facts: { ...nameClaim(event.claim), heldMs: Math.round(event.heldMs) } };
    case "attempt.hung":
      return { level: "error", facts: { ...nameClaim(event.claim), afterMs: Math.round(event.afterMs) } };
    case "video.reclaimed":
      return { level: "warn", facts: { video: event.videoId, attempt: event.attempt, state: event.state } };
    case "memory.high":
      return { level: "warn", facts: { rssMb: toMb(event.rssBytes), limitMb: toMb(event.limitBytes) } };
    case "database.trouble":
      return { level: "error", facts: { err: event.error.message, fix: event.error.fix } };
    case "instance.failed":
      return { level: "fatal", facts: { err: messageOf(event.error) } };
    case "instance.started":
    case "instance.working":
    case "instance.draining":
    case "instance.gone":
    case "pool.changed": {
      const { type: _, ...facts } = event;
      return { level: "info", facts };
    }
    default:
      return event satisfies never;
  }
}

function nameClaim({ video, attempt }: Claim) {
  return { video: video.id, attempt };
}

function toMb(bytes: number): number {
  return Math.round(bytes / 1048576);
}
