// The log: all wording in one place. One file an instance, written synchronously: through PM2 lines get lost at exit.
import { type Logger, pino } from "pino";
import type { Config } from "../config/settings.js";
import { makeFolder } from "../disk.js";
import { HidbError, messageOf } from "../errors.js";
import type { Claim } from "../video.js";
import type { PoolEvent } from "./event.js";
import { type LogBounds, RotatedFile, type RotationOptions } from "./log/rotation.js";

export interface LogOptions extends Omit<RotationOptions, keyof LogBounds> {
  level: string;
  /** Without them the file grows for ever. */
  bounds?: LogBounds;
}

export type WriteLog = (event: PoolEvent, rank: number) => void;

const UNBOUNDED: LogBounds = { maxBytes: Infinity, fileBytes: Infinity, fileMs: Infinity };

/** Opens `hidb-<process id>.log` in the folder; its lines are JSON with fields in a fixed order. */
export function openLog({ level, bounds = UNBOUNDED, ...file }: LogOptions): WriteLog {
  const { processId, instance } = file;
  const logger = openFile({ ...file, ...bounds }, level);
  return (event, rank) => writeEvent(logger, event, { rank, processId, instance });
}

export function readLogBounds(config: Pick<Config, "logMaxMb" | "logFileMb" | "logFileHours">): LogBounds {
  const { logMaxMb, logFileMb, logFileHours } = config;
  return { maxBytes: logMaxMb * 1048576, fileBytes: logFileMb * 1048576, fileMs: logFileHours * 3_600_000 };
}

function openFile(file: RotationOptions, level: string): Logger {
  const { folder } = file;
  try {
    makeFolder(folder);
    const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: nameLevel } };
    return pino(options, new RotatedFile(file));
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
  const level = levelOf(event);
  if (logger.isLevelEnabled(level)) logger[level]({ msg: event.type, ...who, ...describe(event) });
}

type Level = "debug" | "info" | "warn" | "error" | "fatal";

function levelOf(event: PoolEvent): Level {
  switch (event.type) {
    case "attempt.finished":
      return event.outcome.kind === "failed" ? "error" : event.outcome.kind === "retry" ? "warn" : "info";
    case "video.claimed":
    case "lease.renewed":
      return "debug";
    case "claim.lost":
    case "video.reclaimed":
    case "memory.high":
    case "pool.stopped":
    case "notice.failed":
    case "memory.held":
    case "port.taken":
      return "warn";
    case "attempt.hung":
    case "database.trouble":
      return "error";
    case "instance.failed":
      return "fatal";
    case "worker.said":
      return event.level === "log" ? "info" : event.level;
    case "instance.started":
    case "instance.working":
    case "instance.draining":
    case "instance.gone":
    case "memory.eased":
    case "pool.changed":
    case "pool.resumed":
    case "notice.sent":
      return "info";
    default:
      return event satisfies never;
  }
}

function describe(event: PoolEvent): Record<string, unknown> {
  switch (event.type) {
    case "attempt.finished": {
      const { claim, outcome, durMs, heirOf, holder } = event;
      const whose = { ...(heirOf !== undefined && { heirOf }), ...(holder !== undefined && { holder }) };
      const reason = "reason" in outcome ? { err: outcome.reason } : {};
      return { ...nameClaim(claim), outcome: outcome.kind, durMs: Math.round(durMs), ...reason, ...whose };
    }
    case "lease.renewed":
      return { until: new Date(event.until).toISOString() };
    case "video.claimed":
      return { ...nameClaim(event.claim), ...(event.holder !== undefined && { holder: event.holder }) };
    case "claim.lost":
      return { ...nameClaim(event.claim), heldMs: Math.round(event.heldMs) };
    case "attempt.hung":
      return { ...nameClaim(event.claim), afterMs: Math.round(event.afterMs) };
    case "video.reclaimed":
      return { video: event.videoId, attempt: event.attempt, state: event.state };
    case "pool.stopped": {
      const { by, reason, until } = event;
      const end = until === null ? {} : { until: new Date(until).toISOString() };
      return { by, ...end, ...(reason === null ? {} : { reason }) };
    }
    case "memory.high":
      return { rssMb: toMb(event.rssBytes), limitMb: toMb(event.limitBytes) };
    case "memory.held":
      return { because: event.because, usedMb: toMb(event.usedBytes), limitMb: toMb(event.limitBytes) };
    case "database.trouble":
      return { err: event.error.message, fix: event.error.fix };
    case "port.taken":
      return { port: event.port, err: event.why };
    case "instance.failed":
      return { err: messageOf(event.error) };
    case "worker.said":
      return { text: event.text };
    case "instance.started":
    case "instance.working":
    case "instance.draining":
    case "instance.gone":
    case "memory.eased":
    case "pool.changed":
    case "pool.resumed":
    case "notice.sent":
    case "notice.failed": {
      const { type: _, ...facts } = event;
      return facts;
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
