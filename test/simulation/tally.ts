// The sum of many runs: which have failed, how fast it went, and how often everything that can happen did happen.
import type { Result } from "./world.ts";

export interface Summary {
  seeds: number;
  failing: { seed: string; rule: string; message: string }[];
  virtualMs: number;
  steps: number;
  /** The longest part of the time allowed that anybody took to settle. */
  worst: { share: number; seed: string };
  counts: Record<string, number>;
  /** In how many runs it happened at all. */
  runs: Record<string, number>;
}

export class Tally {
  readonly summary: Summary = {
    ...{ seeds: 0, failing: [], virtualMs: 0, steps: 0, worst: { share: 0, seed: "" }, counts: {}, runs: {} },
  };

  add({ seed, failure, virtualMs, steps, settledMs, boundMs, counts }: Result): void {
    const { summary } = this;
    summary.seeds++;
    summary.virtualMs += virtualMs;
    summary.steps += steps;
    if (failure !== undefined) summary.failing.push({ seed, ...failure });
    if (settledMs / boundMs > summary.worst.share) summary.worst = { share: settledMs / boundMs, seed };
    for (const [what, count] of counts) {
      summary.counts[what] = (summary.counts[what] ?? 0) + count;
      if (count > 0) summary.runs[what] = (summary.runs[what] ?? 0) + 1;
    }
  }

  merge(other: Summary): void {
    const { summary } = this;
    summary.seeds += other.seeds;
    summary.virtualMs += other.virtualMs;
    summary.steps += other.steps;
    summary.failing.push(...other.failing);
    if (other.worst.share > summary.worst.share) summary.worst = other.worst;
    for (const [what, count] of Object.entries(other.counts)) {
      summary.counts[what] = (summary.counts[what] ?? 0) + count;
      summary.runs[what] = (summary.runs[what] ?? 0) + (other.runs[what] ?? 0);
    }
  }

  describe(seconds: number): string {
    const { seeds, failing, virtualMs, steps, worst, counts, runs } = this.summary;
    const hours = virtualMs / 3_600_000;
    const lines = [
      ...Object.keys(counts)
        .toSorted()
        .map((what) => `${String(counts[what]).padStart(10)} in ${String(runs[what] ?? 0).padStart(6)} runs  ${what}`),
      `${seeds} seeds in ${seconds.toFixed(1)} s: ${(seeds / seconds).toFixed(1)} seeds/s, ${hours.toFixed(0)} simulated hours, ` +
        `${((hours / seconds) * 60).toFixed(0)} an actual minute, ${(steps / seconds / 1000).toFixed(0)}k steps/s`,
      `the longest to settle took ${(100 * worst.share).toFixed(0)} % of the time allowed (seed ${worst.seed})`,
    ];
    for (const [rule, all] of Map.groupBy(failing, (one) => one.rule)) {
      lines.push(
        `BROKEN ${rule}: ${all.length} seeds: ${all
          .slice(0, 20)
          .map(({ seed }) => seed)
          .join(" ")}`,
      );
    }
    lines.push(
      failing.length === 0 ? "all held" : `${failing.length} failed: npm run simulate -- --seed ${failing[0]?.seed}`,
    );
    return lines.join("\n");
  }
}
