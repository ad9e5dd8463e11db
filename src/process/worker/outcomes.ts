// Part of the processor `worker`: what became of an event, as the outcome of the videos that were in it.

import { hideSecrets } from "../../shown.js";
import type { Millis, Outcome, UsageReport } from "../../video.js";
import type { Ended } from "../../workerd/events/call.js";
import type { ThreadEnded } from "../../workerd/host/ended.js";
import type { QueueResult, ScheduledResult } from "../../workerd/host/protocol.js";
import type { Usage } from "../../workerd/limits/meter.js";
import { reportUsage } from "../../workerd/limits/report.js";
import type { LimitsInForce } from "../../workerd/limits/settings.js";
import { CPU_EXCEEDED, MEMORY_EXCEEDED } from "../../workerd/limits/texts.js";

export interface Judging {
  limits: LimitsInForce;
  secrets: readonly string[];
}

/** An outcome of the handler itself, and what ending it took: waitUntil work belongs to the attempt, and so do limits. */
export function judgeEnd(outcome: Outcome, ended: Ended, { limits, secrets }: Judging): Outcome {
  const usage = usageOf(ended.usage, limits);
  const over = limits.mode === "enforce" ? (usage?.over ?? []) : [];
  const [failure] = ended.failures;
  if (outcome.kind === "completed") {
    // One that has computed on and on beside others was ended before, and has run again alone.
    if (over.includes("cpu") && !ended.shared) return withUsage({ kind: "retry", reason: CPU_EXCEEDED }, usage);
    if (over.includes("memory")) return withUsage({ kind: "retry", reason: MEMORY_EXCEEDED }, usage);
    if (failure !== undefined) {
      const reason = `expected the work given to waitUntil to succeed, got ${hideSecrets(failure, secrets)}`;
      return withUsage({ kind: "retry", reason }, usage);
    }
  }
  return withUsage(outcome, usage);
}

/** What the handler has thrown is tried again. */
export function judgeException(exception: string, handler: string, secrets: readonly string[]): Outcome {
  return { kind: "retry", reason: `expected ${handler} to answer, got ${hideSecrets(exception, secrets)}` };
}

/** The thread ended under the event: that is the event's own doing, or another's. */
export function judgeThreadEnd(error: ThreadEnded, { limits, secrets }: Judging): Outcome {
  const usage = error.usage === undefined ? undefined : usageOf(error.usage, limits);
  const reason =
    error.reason === "cpu" || (error.reason === "memory" && limits.mode === "enforce")
      ? error.message
      : `expected the Worker to stay alive, but ${hideSecrets(error.message, secrets)}`;
  return withUsage({ kind: "retry", reason }, usage);
}

export function judgeScheduled(
  { outcome, noRetry }: ScheduledResult,
  exception: string | null,
  secrets: readonly string[],
): Outcome {
  if (outcome === "ok") return { kind: "completed", output: null };
  const reason = `expected scheduled() to succeed, got ${shown(exception, secrets) ?? "a failure of its waitUntil work"}`;
  return noRetry ? { kind: "failed", reason } : { kind: "retry", reason };
}

/** What Cloudflare would do with one message of a batch. */
export function judgeMessage(
  id: string,
  { result, exception, secrets }: { result: QueueResult; exception: string | null; secrets: readonly string[] },
): Outcome {
  const { outcome, ackAll, retryBatch, explicitAcks, retryMessages } = result;
  const acked: Outcome = { kind: "completed", output: null };
  if (explicitAcks.includes(id)) return acked;
  const retried = retryMessages.find(({ msgId }) => msgId === id);
  if (retried !== undefined) return retry("retry() was called for it", retried.delaySeconds);
  if (outcome !== "ok")
    return retry(`queue() has failed: ${shown(exception, secrets) ?? "its waitUntil work was rejected"}`);
  if (ackAll) return acked;
  if (retryBatch.retry) return retry("retryAll() was called", retryBatch.delaySeconds);
  return acked;
}

function shown(exception: string | null, secrets: readonly string[]): string | null {
  return exception === null ? null : hideSecrets(exception, secrets);
}

function retry(got: string, delaySeconds?: number): Outcome {
  const afterMs: Millis | undefined = delaySeconds === undefined ? undefined : delaySeconds * 1000;
  const reason = `expected queue() to acknowledge the video, but ${got}`;
  return { kind: "retry", reason, ...(afterMs !== undefined && { afterMs }) };
}

function usageOf(usage: Usage, { mode, limits, plan }: LimitsInForce): UsageReport | undefined {
  return mode === "off" ? undefined : reportUsage(usage, limits, plan);
}

function withUsage(outcome: Outcome, usage: UsageReport | undefined): Outcome {
  return usage === undefined || outcome.kind === "released" ? outcome : { ...outcome, usage };
}
