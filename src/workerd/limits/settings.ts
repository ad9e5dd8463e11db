// Which limits hold: those of the plan, what the Worker's own config says of them, and above both what a person has set.
import type { Config } from "../../config/settings.js";
import { LIMITS_OF, type Limits, type LimitsMode, type LimitsPlan } from "./tables.js";

export type LimitSettings = Pick<
  Config,
  | "workerdLimits"
  | "workerdPlan"
  | "workerdCpuMs"
  | "workerdMemoryMb"
  | "workerdSubrequests"
  | "workerdD1Queries"
  | "workerdConnections"
  | "workerdRequestMb"
  | "workerdLogKb"
  | "workerdWaitUntilMs"
>;

export interface LimitsInForce {
  mode: LimitsMode;
  plan: LimitsPlan;
  limits: Limits;
}

/** `configured`: from `limits` of the wrangler config (`cpu_ms`, `subrequests`). Cloudflare's units: 1 KB = 1000 bytes. */
export function readLimits(config: LimitSettings, configured: Partial<Limits> = {}): LimitsInForce {
  const { workerdLimits: mode, workerdPlan: plan } = config;
  const set: Partial<Limits> = {
    cpuMs: config.workerdCpuMs,
    memoryMb: config.workerdMemoryMb,
    subrequests: config.workerdSubrequests,
    d1Queries: config.workerdD1Queries,
    connections: config.workerdConnections,
    requestBytes: config.workerdRequestMb * 1_000_000,
    logBytes: config.workerdLogKb * 1000,
    waitUntilMs: config.workerdWaitUntilMs,
  };
  const limits = { ...LIMITS_OF[plan], ...configured };
  for (const [key, value] of Object.entries(set) as [keyof Limits, number][]) if (value > 0) limits[key] = value;
  return { mode, plan, limits };
}
