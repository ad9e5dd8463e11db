// How limits of Workers are told to people: the wording of `show`, `list`, `status` and the summary.
import { LIMIT_NAMES, type LimitName, type UsageReport } from "../video.js";
import type { OverCount } from "./usage.js";

export function wouldHaveFailed(plan: UsageReport["plan"]): string {
  return `on Workers (${plan} plan) it would have failed:`;
}

/** `3 videos would have failed on Workers (paid plan): 2 cpu, 1 subrequests` */
export function describeOver({ plan, videos, limits }: OverCount): string {
  const parts = LIMIT_NAMES.flatMap((name) => {
    const count = limits[name];
    return count === undefined ? [] : [`${format(count)} ${name}`];
  });
  const who = `${format(videos)} video${videos === 1 ? "" : "s"}`;
  return `${who} would have failed on Workers (${plan} plan): ${parts.join(", ")}`;
}

/** One text for each limit that was exceeded: `cpu 41,200 ms of 30,000 ms`. */
export function describeLimits(usage: UsageReport): string[] {
  return usage.over.map((name) => {
    const shown = SHOWN[name];
    const limit = usage.limits[name];
    if (shown === undefined || limit === undefined) return name;
    return `${name} ${compare(usage[shown.figure], limit, shown)}`;
  });
}

interface Shown {
  figure: Exclude<keyof UsageReport, "plan" | "over" | "limits">;
  unit: string;
  /** How much of the figure makes one of the unit. */
  size: number;
}

const SHOWN: Partial<Record<LimitName, Shown>> = {
  cpu: { figure: "cpuMs", unit: " ms", size: 1 },
  memory: { figure: "memoryMb", unit: " MB", size: 1 },
  subrequests: { figure: "subrequests", unit: "", size: 1 },
  services: { figure: "serviceCalls", unit: "", size: 1 },
  cache: { figure: "cacheCalls", unit: "", size: 1 },
  d1: { figure: "d1Queries", unit: "", size: 1 },
  request: { figure: "requestBytes", unit: " MB", size: 1_000_000 },
  response: { figure: "responseBytes", unit: " MB", size: 1_000_000 },
  log: { figure: "logBytes", unit: " KB", size: 1000 },
  waitUntil: { figure: "waitUntilMs", unit: " ms", size: 1 },
};

/** With as many decimals as it takes to tell the two apart. */
function compare(value: number, limit: number, { unit, size }: Shown): string {
  let texts: string[] = [];
  for (const decimals of [0, 1, 3, 6]) {
    texts = [value, limit].map((one) => format(one / size, decimals) + unit);
    if (texts[0] !== texts[1]) break;
  }
  return texts.join(" of ");
}

function format(value: number, decimals = 0): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: decimals });
}
