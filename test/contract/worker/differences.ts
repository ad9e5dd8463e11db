// Where the shim is known to answer otherwise than workerd, and why. The README prints this list; whatever is not in it must
// not differ, and what is in it must.

export type Isolation = "thread" | "process";

export interface Difference {
  isolations: Isolation[];
  /** One sentence that a user of the shim can act on. */
  reason: string;
  /** The recorded calls that differ, by area and Worker, named as callName() does. */
  calls: Record<string, Record<string, string[]>>;
}

export const DIFFERENCES: Difference[] = [];

/** The differences declared for a Worker: each call with the reason. */
export function differencesOf(isolation: Isolation, area: string, name: string): Map<string, string> {
  const declared = DIFFERENCES.filter(({ isolations }) => isolations.includes(isolation));
  return new Map(
    declared.flatMap(({ calls, reason }) => (calls[area]?.[name] ?? []).map((call) => [call, reason] as const)),
  );
}
