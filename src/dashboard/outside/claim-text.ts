// A claim on its way through somebody else's script: a text that it hands back as it is. It proves nothing; the fence of the
// settlement compares every part of it with the database.
import * as v from "valibot";
import type { Claim, Millis } from "../../video.js";

export interface OutsideClaim {
  instance: string;
  videoId: number;
  attempt: number;
  claimedAt: Millis;
}

const whole = v.pipe(v.number(), v.integer());
const parts = v.strictTuple([v.string(), whole, whole, whole]);

export function writeClaim(instance: string, { video, attempt, claimedAt }: Claim): string {
  return Buffer.from(JSON.stringify([instance, video.id, attempt, claimedAt])).toString("base64url");
}

/** Undefined for anything that no claim looks like. */
export function readClaim(text: string): OutsideClaim | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
  const result = v.safeParse(parts, value);
  if (!result.success) return undefined;
  const [instance, videoId, attempt, claimedAt] = result.output;
  return { instance, videoId, attempt, claimedAt };
}
