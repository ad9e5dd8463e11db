// Completed videos that were claimed together, which one statement settles.
import type { Claim, Millis, Outcome, Settlement } from "../video.js";

/** A settlement that is not written yet. */
export interface Waiting {
  claim: Claim;
  outcome: Outcome;
  resolve: (settlement: Settlement) => void;
  reject: (error: unknown) => void;
}

export interface ClaimGroup {
  attempt: number;
  claimedAt: Millis;
  entries: Waiting[];
  /** `"video":output` as JSON text, one for each entry; all together well below what D1 takes as one value (2 MB). */
  outputs: string[];
  size: number;
}

const PORTION_CHARACTERS = 500_000;

export function groupAlone(entry: Waiting): ClaimGroup {
  const { attempt, claimedAt } = entry.claim;
  return { attempt, claimedAt, entries: [entry], outputs: [], size: 0 };
}

export function groupByClaim(completed: Waiting[]): ClaimGroup[] {
  const groups: ClaimGroup[] = [];
  const open = new Map<string, ClaimGroup>();
  for (const entry of completed) {
    const { video, attempt, claimedAt } = entry.claim;
    const output = `"${video.id}":${JSON.stringify(entry.outcome.kind === "completed" ? entry.outcome.output : null)}`;
    const key = `${attempt} ${claimedAt}`;
    let group = open.get(key);
    if (group === undefined || group.size + output.length > PORTION_CHARACTERS) {
      group = { attempt, claimedAt, entries: [], outputs: [], size: 0 };
      groups.push(group);
      open.set(key, group);
    }
    group.entries.push(entry);
    group.outputs.push(output);
    group.size += output.length;
  }
  return groups;
}
