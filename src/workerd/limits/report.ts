// What is told of an invocation: its figures, and which limits they went over.
import type { LimitName, UsageReport } from "../../video.js";
import type { Usage } from "./meter.js";
import type { Limits, LimitsPlan } from "./tables.js";

/** The limits that a figure is compared with, by the words that people use for them. */
const COMPARED = {
  cpu: "cpuMs",
  memory: "memoryMb",
  subrequests: "subrequests",
  services: "serviceCalls",
  cache: "cacheCalls",
  d1: "d1Queries",
  request: "requestBytes",
  response: "responseBytes",
  log: "logBytes",
  waitUntil: "waitUntilMs",
} as const satisfies Partial<Record<LimitName, keyof Usage & keyof Limits>>;

/** A limit of 0 is none. Figures have three decimals at most. */
export function reportUsage(usage: Usage, limits: Limits, plan: LimitsPlan): UsageReport {
  const report: UsageReport = { plan, over: [], ...round(usage), limits: {} };
  for (const [name, key] of Object.entries(COMPARED) as [keyof typeof COMPARED, keyof Usage & keyof Limits][]) {
    const limit = limits[key];
    if (limit <= 0 || usage[key] <= limit) continue;
    report.over.push(name);
    report.limits[name] = limit;
  }
  return report;
}

function round(usage: Usage): Usage {
  const rounded = { ...usage };
  for (const key of ["cpuMs", "memoryMb", "waitUntilMs"] as const) rounded[key] = Math.round(usage[key] * 1000) / 1000;
  return rounded;
}
