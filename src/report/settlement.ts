// What an instance, or a worker outside, tells of a settlement.
import type { Claim, Millis, Settlement } from "../video.js";
import type { PoolEvent } from "./event.js";

interface SettlementContext {
  /** How long the attempt took. */
  durMs: Millis;
  now: Millis;
  /** The worker outside that held the claim. */
  holder?: string;
}

export function settlementEvent(
  claim: Claim,
  { held, outcome, settledAt: at }: Settlement,
  { durMs, now, ...holder }: SettlementContext,
): PoolEvent {
  if (!held) return { type: "claim.lost", claim, heldMs: now - claim.claimedAt, ...holder };
  return { type: "attempt.finished", claim, outcome, durMs, at, ...holder };
}
