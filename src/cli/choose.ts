// Which videos a change is meant for: those named, or all in some states.
import { findStates } from "../catalogue/backlog.js";
import type { Database } from "../database/database.js";
import { HidbError } from "../errors.js";
import type { State } from "../video.js";
import { plural } from "./print.js";

/** Errors: USAGE when neither ids nor states were given. */
export function refuseNothing(ids: number[], states: State[], example: string): void {
  if (ids.length > 0 || states.length > 0) return;
  throw new HidbError({
    code: "USAGE",
    message: "expected ids or states, got neither",
    fix: `for example ${example}`,
  });
}

/** Which of the named videos stay unchanged, as one sentence; errors: VIDEO_UNKNOWN before anything is changed. */
export async function describeUntouched(
  database: Database,
  ids: number[],
  states: State[],
): Promise<string | undefined> {
  if (ids.length === 0) return undefined;
  const found = await findStates(database, ids);
  const others = [...found.values()].filter((state) => !states.includes(state));
  if (others.length === 0) return undefined;
  const kinds = [...Map.groupBy(others, (state) => state)].map(([state, all]) => `${all.length} ${state}`);
  return `left as it is: ${plural(others.length, "video")} (${kinds.join(", ")})`;
}
