import { afterEach, expect, it } from "vitest";
import { describeReport } from "./figures.ts";
import { type SoakReport, soak } from "./soak.ts";

let report: SoakReport | undefined;
afterEach(() => {
  if (report !== undefined) console.info(describeReport(report));
});

it("a pool that is killed, stopped, scaled, locked out and steered loses and doubles nothing", async () => {
  const seed = Number(process.env.TEST_SEED ?? 1);
  report = await soak({
    ...{ seed, videos: 400, minutes: 0.13, pace: 5, lookEveryS: 60, say: () => undefined },
    instances: { least: 2, most: 3 },
  });
  expect(report.problems, `TEST_SEED=${seed}`).toEqual([]);
  expect(report.account.completions + report.account.owed).toBeGreaterThanOrEqual(400);
  expect(report.kills, "somebody has to die").toBeGreaterThan(0);
});
