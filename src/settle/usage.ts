// What an attempt has used, on its way into the database: written only where it went over a limit, since D1 bills rows.
import { type Claim, LIMIT_NAMES, type Outcome, type UsageReport } from "../video.js";

/** For passing on with another outcome of the same attempt. */
export function usageOf(outcome: Outcome): { usage?: UsageReport } {
  return "usage" in outcome && outcome.usage !== undefined ? { usage: outcome.usage } : {};
}

/** The parameter of RECORD_USAGE; undefined when all have kept within their limits, and for a group without any Worker. */
export function describeUsage(group: { claim: Claim; outcome: Outcome }[]): string | undefined {
  let rows: Record<string, unknown>[] | undefined;
  for (const { claim, outcome } of group) {
    if (outcome.kind === "released" || outcome.usage === undefined) continue;
    const row = describe(claim, outcome.usage);
    if (row === undefined) continue;
    rows ??= [];
    rows.push(row);
  }
  // The last row of a video stays, and of two settlements under one claim the first counts.
  return rows === undefined ? undefined : JSON.stringify(rows.reverse());
}

/** A processor may be anybody's code: a report that is none must not cost the others of its group their settlement. */
function describe({ video, attempt, claimedAt }: Claim, usage: UsageReport): Record<string, unknown> | undefined {
  const { plan, over, limits, ...rest }: Partial<UsageReport> = usage ?? {};
  const names = Array.isArray(over) ? LIMIT_NAMES.filter((name) => over.includes(name)) : [];
  if (names.length === 0 || (plan !== "free" && plan !== "paid")) return undefined;
  const exceeded = names.map((name) => [name, limits?.[name]] as const);
  const figures = { ...numbersOf(Object.entries(rest)), limits: numbersOf(exceeded) };
  return { video: video.id, attempt, claimedAt, plan, over: JSON.stringify(names), figures: JSON.stringify(figures) };
}

function numbersOf(entries: (readonly [string, unknown])[]): Record<string, unknown> {
  return Object.fromEntries(entries.filter(([, value]) => typeof value === "number"));
}
