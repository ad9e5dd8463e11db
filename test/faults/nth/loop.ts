// n = 1, 2, 3, ... until a run ends without having been hit, several at a time.

import type { Verdict } from "./case.ts";
import type { Mode } from "./fault.ts";

export interface Figures {
  command: string;
  mode: Mode | string;
  hit: number;
  /** How the hit runs have ended: exit codes, or `killed`, with their numbers. */
  ends: Record<string, number>;
  problems: { n: number; hit: string; problems: string[] }[];
}

/** `lanes` run side by side, each with hands of its own. */
export async function loop<Lane>(
  {
    command,
    mode,
    first = 1,
    last = Number.POSITIVE_INFINITY,
  }: { command: string; mode: string; first?: number; last?: number },
  lanes: readonly Lane[],
  run: (n: number, lane: Lane) => Promise<Verdict>,
): Promise<Figures> {
  const figures: Figures = { command, mode, hit: 0, ends: {}, problems: [] };
  let next = first;
  let end = last;
  const work = async (lane: Lane) => {
    while (next <= end) {
      const n = next++;
      const { hit, code, problems } = await run(n, lane).catch((error: unknown) => {
        return { hit: "?", code: null, problems: [String(error)] };
      });
      if (hit === undefined) {
        end = Math.min(end, n);
        if (problems.length === 0) return;
      } else figures.hit++;
      const how = code === null ? "killed" : `exit ${code}`;
      if (hit !== undefined) figures.ends[how] = (figures.ends[how] ?? 0) + 1;
      if (problems.length > 0) figures.problems.push({ n, hit: hit ?? "nothing", problems });
    }
  };
  await Promise.all(lanes.map(work));
  return figures;
}
