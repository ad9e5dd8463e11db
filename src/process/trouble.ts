// Resources that this machine lacks: no video is charged for it, and nothing is claimed for a while.
import { codeOf } from "../errors.js";
import type { Millis, Outcome } from "../video.js";

const TROUBLE_MS: Millis = 10_000;
const CODES = ["EMFILE", "ENFILE", "EAGAIN", "ENOMEM"];

/** Undefined for every other error. */
export function troubleOutcome(error: unknown, doing: string): Outcome | undefined {
  const code = codeOf(error);
  if (!CODES.includes(code)) return undefined;
  const reason = `this machine has too few resources to ${doing}: ${code}`;
  return { kind: "retry", reason, afterMs: TROUBLE_MS, quota: true, trouble: true };
}
