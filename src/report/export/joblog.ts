// The attempts in the form of GNU parallel's --joblog, for whatever reads those.
import { constants } from "node:os";
import type { Database } from "../../database/database.js";
import { shownSource } from "../../shown.js";
import type { CatalogueTable, Millis } from "../../video.js";
import { pageSourcedVideos, readAttemptsBetween, readLives, type SourcedVideo } from "./rows.js";
import { visible } from "./text.js";

export const JOBLOG_HEAD = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

interface Job {
  host: string;
  startedAt: Millis;
  endedAt: Millis;
  exitValue: number;
  signal: number;
  command: string;
}

/** A line an attempt, by video and attempt; `Command` is the video's source. Attempts that were given back have none. */
export async function* listJobs(database: Database, catalogue: CatalogueTable, since: Millis = 0) {
  const hosts = new Map((await readLives(database)).map(({ id, host }) => [id, host]));
  let number = 0;
  let last = Number.MIN_SAFE_INTEGER - 1;
  for await (const videos of pageSourcedVideos(database, catalogue)) {
    const upTo = videos.at(-1)?.id ?? last;
    const attempts = Map.groupBy(await readAttemptsBetween(database, last, upTo), ({ video }) => video);
    last = upTo;
    const lines: string[] = [];
    for (const video of videos) {
      const jobs = (attempts.get(video.id) ?? []).map(({ instance, claimedAt, endedAt, ...how }) => {
        return { host: hosts.get(instance) ?? instance, startedAt: claimedAt, endedAt, ...endOf(how) };
      });
      for (const job of [...jobs, ...completion(video, hosts)]) {
        if (job.endedAt >= since) lines.push(formatJob(++number, { ...job, command: nameOf(video) }));
      }
    }
    if (lines.length > 0) yield { lines: lines.join(""), jobs: lines.length };
  }
}

function completion(video: SourcedVideo, hosts: Map<string, string>): Omit<Job, "command">[] {
  const { state, instance, claimedAt, finishedAt } = video;
  if (state !== "completed" || claimedAt === null || finishedAt === null) return [];
  const host = hosts.get(instance ?? "") ?? instance ?? "";
  return [{ host, startedAt: claimedAt, endedAt: finishedAt, exitValue: 0, signal: 0 }];
}

/** A program's own exit code or signal where there was one; else 1. Nobody saw the signal that ended a dead instance: 9 stands for it. */
function endOf({ outcome, reason }: { outcome: string; reason: string }): Pick<Job, "exitValue" | "signal"> {
  if (outcome === "died") return { exitValue: -1, signal: constants.signals.SIGKILL };
  const [, code, name] = /^.*? (?:ended with exit code (\d+)|was ended by (SIG\w+))(?::|$)/s.exec(reason) ?? [];
  if (name === undefined) return { exitValue: Number(code ?? 1), signal: 0 };
  const signals: Record<string, number> = constants.signals;
  return { exitValue: 0, signal: signals[name] ?? 1 };
}

function nameOf({ id, source }: SourcedVideo): string {
  return source === null ? `video ${id}` : visible(shownSource(source));
}

function formatJob(number: number, { host, startedAt, endedAt, exitValue, signal, command }: Job): string {
  const runtime = (Math.max(0, endedAt - startedAt) / 1000).toFixed(3).padStart(10);
  const parts = [number, visible(host), (startedAt / 1000).toFixed(3), runtime, 0, 0, exitValue, signal, command];
  return `${parts.join("\t")}\n`;
}
