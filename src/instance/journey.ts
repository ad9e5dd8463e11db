// One video, from its attempt to its report. Each step has its own error path: none of them rejects.

import { EXIT } from "../errors.js";
import { settlementEvent } from "../report/settlement.js";
import type { Outcome, Settlement } from "../video.js";
import type { Attempt } from "./attempt.js";
import type { Ending } from "./ending.js";
import type { Figures } from "./figures.js";
import type { EndedAttempt, InHand } from "./in-hand.js";
import type { Pace } from "./pace.js";
import type { InstanceParts } from "./parts.js";
import type { PoolStops } from "./pool-stops.js";

export interface JourneyParts extends Pick<InstanceParts, "instance" | "store" | "report"> {
  inHand: InHand;
  figures: Figures;
  pace: Pace;
  stops: PoolStops;
  ending: Ending;
}

/** Runs the attempt; resolves when it is over, while its outcome is settled and reported beside the next attempt. */
export async function processVideo(attempt: Attempt, parts: JourneyParts): Promise<void> {
  const outcome = await attempt.run();
  void endAttempt(attempt, outcome, parts);
}

async function endAttempt(attempt: Attempt, outcome: Outcome, parts: JourneyParts): Promise<void> {
  const ended = { attempt, outcome, durMs: attempt.ageMs };
  parts.figures.busyMs += ended.durMs;
  if (attempt.hung) return endHung(ended, parts);
  if (outcome.kind === "retry" && outcome.quota === true) return holdPool(ended, outcome, parts);
  if (outcome.kind === "completed") parts.pace.note(ended.durMs);
  return settleAndReport(ended, parts);
}

/** Its code still runs somewhere in this process: only the end of the process makes the video free for another instance. */
function endHung(ended: EndedAttempt, { inHand, ending, report }: JourneyParts): void {
  report({ type: "attempt.hung", claim: ended.attempt.claim, afterMs: ended.durMs });
  inHand.settleLast(ended);
  inHand.remove(ended.attempt);
  ending.request("an attempt ignored its signal", EXIT.recycle);
}

/** The next attempt would meet the same quota, so what has not started goes back with this one. */
async function holdPool(
  ended: EndedAttempt,
  outcome: Extract<Outcome, { kind: "retry" }>,
  parts: JourneyParts,
): Promise<void> {
  const unstarted = parts.inHand.takeUnstarted();
  const judged = await parts.stops.hold(ended.attempt.claim, outcome).catch((error: unknown) => {
    parts.ending.noteError(error);
    return outcome;
  });
  release(unstarted, parts);
  const settling = settleAndReport({ ...ended, outcome: judged }, parts);
  void parts.store.flush();
  return settling;
}

/** Gives back what was claimed and has not started. */
export function releaseUnstarted(parts: JourneyParts): void {
  release(parts.inHand.takeUnstarted(), parts);
  void parts.store.flush();
}

function release(attempts: Attempt[], parts: JourneyParts): void {
  for (const attempt of attempts) void settleAndReport({ attempt, outcome: { kind: "released" }, durMs: 0 }, parts);
}

/** Writes the outcome under the claim, tells what became of it, and lets the video go. */
export async function settleAndReport(ended: EndedAttempt, parts: JourneyParts): Promise<void> {
  const settlement = await settle(ended, parts);
  if (settlement !== undefined) reportSettlement(ended, settlement, parts);
  parts.inHand.remove(ended.attempt);
}

/** Undefined when the outcome could not be written. */
async function settle(ended: EndedAttempt, { inHand, store, ending }: JourneyParts): Promise<Settlement | undefined> {
  inHand.beginSettling();
  try {
    const settling = store.settle(ended.attempt.claim, ended.outcome, ended.durMs);
    if (inHand.isAllSettling) void store.flush();
    return await settling;
  } catch (error) {
    // Once more before the end, for the trouble may have passed: left as it is it would count as a death of the
    // video's making.
    inHand.settleLast(ended);
    ending.noteError(error);
    return undefined;
  } finally {
    inHand.endSettling();
  }
}

/** The outcome is committed by now: whatever a listener throws, it is not settled again. */
function reportSettlement(
  { attempt: { claim }, durMs }: EndedAttempt,
  settlement: Settlement,
  parts: JourneyParts,
): void {
  const { figures, report, instance, ending } = parts;
  if (settlement.held) figures.count(settlement.outcome);
  else figures.lost++;
  try {
    report(settlementEvent(claim, settlement, { durMs, now: instance.clock.now() }));
  } catch (error) {
    ending.noteError(error);
  }
}
