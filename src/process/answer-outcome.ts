// The outcome of a video by the response of a server or a Worker.

import { hideSecrets } from "../shown.js";
import type { Millis, Outcome } from "../video.js";
import { readRetryAfter } from "./retry-after.js";

/** Of an answer that says no; enough to tell why. */
const SHOWN_CHARACTERS = 500;
const TRY_AGAIN = [408, 425, 429];

interface Answer {
  status: number;
  retryAfter: string | null | undefined;
  text: string;
}

interface Circumstances {
  /** Who has answered, as a person may see it. */
  target: string;
  secrets: readonly string[];
  now: Millis;
}

export function outcomeOfAnswer(
  { status, retryAfter, text }: Answer,
  { target, secrets, now }: Circumstances,
): Outcome {
  if (status >= 200 && status < 300) return { kind: "completed", output: toJson(text) };
  const said = hideSecrets(text.trim(), secrets).slice(0, SHOWN_CHARACTERS);
  const reason = `expected ${target} to succeed, got status ${status}${said === "" ? "" : `: ${said}`}`;
  if (status < 500 && !TRY_AGAIN.includes(status)) return { kind: "failed", reason };
  const afterMs = readRetryAfter(retryAfter, now);
  if (afterMs === undefined) return { kind: "retry", reason };
  // Other statuses may concern this video alone, or a server that is just starting.
  return { kind: "retry", reason, afterMs, ...(status === 429 && { quota: true }) };
}

/** JSON stays as it was written, other text becomes a JSON string. */
function toJson(text: string): string | null {
  if (text.trim() === "") return null;
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}
