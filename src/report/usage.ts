// What last attempts have used, where that was more than Workers allow.
import type { Database } from "../database/database.js";
import { LIMIT_NAMES, type LimitName, type UsageReport } from "../video.js";
import * as sql from "./statements.js";

/** The videos that went over a limit of one plan. */
export interface OverCount {
  plan: UsageReport["plan"];
  videos: number;
  /** One video may be in several. */
  limits: Partial<Record<LimitName, number>>;
}

/** One for each plan that was set; none when all have kept within the limits. */
export async function readOver(database: Database): Promise<OverCount[]> {
  const { results } = await database.prepare(sql.COUNT_OVER).all<Omit<UsageRow, "figures"> & { videos: number }>();
  return [...Map.groupBy(results, (row) => readPlan(row.plan))].map(([plan, rows]) => {
    const limits: OverCount["limits"] = {};
    let videos = 0;
    for (const row of rows) {
      videos += row.videos;
      for (const name of readNames(row.overLimits)) limits[name] = (limits[name] ?? 0) + row.videos;
    }
    return { plan, videos, limits };
  });
}

/** Columns of hidb_usage; null or not there for a video without. */
export interface UsageRow {
  plan: string | null | undefined;
  overLimits: string | null | undefined;
  figures: string | null | undefined;
}

const NO_FIGURES = {
  cpuMs: 0,
  memoryMb: 0,
  subrequests: 0,
  serviceCalls: 0,
  cacheCalls: 0,
  d1Queries: 0,
  requestBytes: 0,
  responseBytes: 0,
  logBytes: 0,
  waitUntilMs: 0,
};

/** As the settler has written it. */
export function readUsage({ plan, overLimits, figures }: UsageRow): UsageReport | null {
  if (plan === null || plan === undefined) return null;
  const known = JSON.parse(figures ?? "{}") as Partial<UsageReport>;
  return { plan: readPlan(plan), over: readNames(overLimits), ...NO_FIGURES, limits: {}, ...known };
}

function readPlan(plan: string | null | undefined): UsageReport["plan"] {
  return plan === "free" ? "free" : "paid";
}

function readNames(text: string | null | undefined): LimitName[] {
  const names = JSON.parse(text ?? "[]") as string[];
  return LIMIT_NAMES.filter((name) => names.includes(name));
}
