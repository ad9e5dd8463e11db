// What a seed stands for: pools and their settings, videos, and everything that is going to happen to them. A plan is
// plain data, so that a failing one can be made smaller piece by piece.
import { FATES, type Fate } from "./d1.ts";
import type { Mishap, Temper } from "./processor.ts";
import { Random } from "./random.ts";
import type { Millis } from "./scheduler.ts";

export interface PoolPlan {
  name: string;
  host: string;
  count: number;
  settings: PoolSettings;
}

export interface PoolSettings {
  concurrency: number;
  claimCount: number;
  maxAttempts: number;
  heartbeatMs: Millis;
  leaseMs: Millis;
  drainMs: Millis;
  timeoutMs: Millis;
  backoffMs: Millis;
  backoffMaxMs: Millis;
  groupCount: number;
  groupMs: Millis;
  sharding: "modulo" | "strict" | "ranges" | "none";
  order: "id" | "longest";
  halt: string;
  staggerMs: Millis;
  d1Requests: number;
}

/** Each kind is one that can be left out as a whole. */
export type Event = { at: Millis } & (
  | { kind: "ambush"; victim: number; after: number; where: "before" | "after"; what: "kill" | "freeze"; ms: Millis }
  | { kind: "kill"; victim: number }
  | { kind: "freeze"; victim: number; ms: Millis }
  | { kind: "clock"; host: string; jumpMs: Millis }
  | { kind: "reboot"; host: string }
  | { kind: "scale"; pool: number; count: number }
  | { kind: "reload"; pool: number }
  | { kind: "restart"; pool: number }
  | { kind: "grow"; victim: number }
  | { kind: "pause"; ms: Millis }
  | { kind: "drain"; ms: Millis }
  | { kind: "retry"; share: number }
  | { kind: "cancel"; share: number }
  /** Cancelled, and tried again after `ms`. */
  | { kind: "again"; share: number; ms: Millis }
  | { kind: "add"; count: number }
  | { kind: "remove"; share: number }
  | { kind: "batches"; count: number }
  | { kind: "lock"; ms: Millis }
  | { kind: "full"; ms: Millis }
  | { kind: "ioerror" }
  | { kind: "weather"; badness: number; fates: Fate[]; ms: Millis }
  | { kind: "outage"; ms: Millis }
  | { kind: "quota"; ms: Millis }
);

export interface Plan {
  seed: string;
  database: "sqlite" | "d1";
  hosts: { name: string; aheadMs: Millis }[];
  pools: PoolPlan[];
  /** Ids. */
  videos: number[];
  temper: Temper;
  /** Processes get the pids of dead ones. */
  reusesPids: boolean;
  events: Event[];
  /** When all faults are over. */
  calmAt: Millis;
}

const MINUTE = 60_000;

export function drawPlan(seed: string): Plan {
  const random = new Random(`plan ${seed}`);
  const database = random.chance(0.6) ? "sqlite" : "d1";
  const isDistant = database === "d1";
  const calmAt = random.between(5, 90) * MINUTE;
  const wantsClocks = random.chance(0.3);
  const hosts = ["a", "b"].slice(0, random.chance(isDistant ? 0.5 : 0.25) ? 2 : 1).map((name) => ({
    name,
    // A file is shared by containers of one machine, which have one clock.
    aheadMs: isDistant && wantsClocks ? Math.round(random.between(-1, 1) * random.magnitude(1, 3_600_000)) : 0,
  }));
  const basic = drawSettings(random, isDistant);
  const pools: PoolPlan[] = [];
  const poolCount = hosts.length === 2 ? 2 : random.chance(0.15) ? 2 : 1;
  for (let at = 0; at < poolCount; at++) {
    const host = hosts[at % hosts.length]?.name ?? "a";
    const settings = random.chance(0.7) ? basic : { ...drawSettings(random, isDistant), halt: basic.halt };
    pools.push({ name: `pool${at}`, host, count: random.whole(1, poolCount === 2 ? 3 : 5), settings });
  }
  const lanes = pools.reduce((sum, { count, settings }) => sum + count * settings.concurrency, 0);
  // Some catalogues are of videos that are done in no time, claimed and settled by the dozen.
  const isShort = random.chance(0.15);
  const meanMs = isShort ? random.magnitude(2, 60) : random.magnitude(500, 300_000);
  const most = isShort ? 150 : Math.max(3, Math.min(30, Math.floor((lanes * calmAt) / meanMs)));
  const videos = drawIds(random, random.whole(isShort ? 40 : 3, most));
  const plan: Plan = {
    ...{ seed, database, hosts, pools, videos, calmAt },
    reusesPids: random.chance(0.3),
    temper: { seed, meanMs, rates: drawRates(random), poison: random.chance(0.3) ? random.between(0, 0.2) : 0 },
    events: [],
  };
  plan.events = drawEvents(random.fork("events"), plan, wantsClocks);
  return plan;
}

function drawIds(random: Random, count: number): number[] {
  const style = random.pick(["dense", "dense", "gaps", "negative", "huge"]);
  const first = style === "negative" ? -Math.floor(count / 2) : style === "huge" ? 2 ** 53 - 4 * count : 1;
  const ids: number[] = [];
  for (let at = 0, id = first; at < count; at++, id += style === "gaps" ? random.whole(1, 50) : 1) ids.push(id);
  return ids;
}

function drawSettings(random: Random, isDistant: boolean): PoolSettings {
  const heartbeatMs = Math.round(random.magnitude(isDistant ? 15_000 : 8000, 60_000));
  const d1Requests = random.pick([300, 1000, 10_000]);
  return {
    concurrency: random.pick([1, 1, 1, 2, 4]),
    claimCount: random.pick([1, 4, 50]),
    maxAttempts: random.pick([1, 2, 3, 3, 5]),
    heartbeatMs,
    // An instance that finds all requests of D1 shared out has one in 82 s, or in 33 s: a lease must outlast some.
    leaseMs: Math.round(
      Math.max(heartbeatMs * random.between(3, 20), isDistant ? (d1Requests < 1000 ? 300_000 : 120_000) : 0),
    ),
    drainMs: Math.round(random.magnitude(200, 60_000)),
    timeoutMs: random.pick([0, Math.round(random.magnitude(60_000, 1_200_000)), 3_600_000]),
    backoffMs: random.pick([0, 1000, 10_000]),
    backoffMaxMs: 300_000,
    groupCount: random.pick([1, 5, 50]),
    groupMs: random.pick([0, 50, 500]),
    sharding: random.pick(["modulo", "modulo", "modulo", "none", "strict", "ranges"]),
    order: random.pick(["id", "id", "longest"]),
    halt: random.pick(["", "", "", "5", "50%"]),
    staggerMs: random.pick([0, 500, 2000]),
    d1Requests,
  };
}

const RATES: Record<Exclude<Mishap, "none">, number> = {
  statements: 0.5,
  "broken statements": 0.05,
  retry: 0.3,
  throw: 0.1,
  permanent: 0.1,
  hang: 0.05,
  deaf: 0.03,
  quota: 0.1,
  block: 0.05,
  die: 0.05,
};

function drawRates(random: Random): Temper["rates"] {
  const rates: Temper["rates"] = {};
  for (const [mishap, most] of Object.entries(RATES) as [Mishap, number][]) {
    if (random.chance(0.35)) rates[mishap] = random.between(0, most);
  }
  return rates;
}

type Kind = Event["kind"];

/** How many of each a run has at most, where it has any at all. */
const MOST: Record<Kind, number> = {
  ambush: 12,
  kill: 4,
  freeze: 5,
  clock: 4,
  reboot: 1,
  scale: 5,
  reload: 3,
  restart: 1,
  grow: 2,
  pause: 2,
  drain: 1,
  retry: 3,
  cancel: 3,
  again: 4,
  add: 3,
  remove: 2,
  batches: 2,
  lock: 3,
  full: 2,
  ioerror: 2,
  weather: 4,
  outage: 2,
  quota: 1,
};

const ON_D1: Kind[] = ["weather", "outage", "quota"];
const ON_SQLITE: Kind[] = ["lock", "full", "ioerror"];

function drawEvents(random: Random, plan: Plan, wantsClocks: boolean): Event[] {
  const events: Event[] = [];
  for (const kind of Object.keys(MOST) as Kind[]) {
    if ((plan.database === "d1" ? ON_SQLITE : ON_D1).includes(kind)) continue;
    if (kind === "clock" && !wantsClocks) continue;
    const isUsual = kind === "ambush" || kind === "weather" || kind === "clock";
    // Whatever is done to videos that are through within seconds has to be done often to meet one.
    const isFrequent = isBrief(plan) && (kind === "cancel" || kind === "again");
    if (!random.chance(isUsual || isFrequent ? 0.7 : 0.3)) continue;
    const own = random.fork(kind);
    for (let left = own.whole(1, MOST[kind] * (isFrequent ? 5 : 1)); left > 0; left--) {
      // Early ones meet the pool while all is still to be done.
      const isEarly = own.chance(isBrief(plan) ? 0.7 : 0.3);
      const at = isEarly ? own.magnitude(10, isBrief(plan) ? 5000 : plan.calmAt) : own.between(0, plan.calmAt);
      events.push({ at: Math.round(at), ...drawEvent(kind, own, plan) } as Event);
    }
  }
  return events.sort((one, other) => one.at - other.at);
}

/** Such a catalogue is through within seconds. */
function isBrief({ temper }: Plan): boolean {
  return temper.meanMs < 100;
}

function drawEvent(kind: Kind, random: Random, plan: Plan): object {
  const { pools, hosts } = plan;
  const victim = random.whole(0, 20);
  const pool = random.whole(0, pools.length - 1);
  const host = random.pick(hosts).name;
  const leaseMs = Math.max(...pools.map(({ settings }) => settings.leaseMs));
  // Some beyond every lease, most within.
  const freezeMs = random.chance(0.4) ? leaseMs * random.between(1, 2.5) : random.magnitude(10, leaseMs);
  switch (kind) {
    case "ambush": {
      const what = random.chance(0.6) ? "kill" : "freeze";
      return { kind, victim, after: random.whole(0, 25), where: random.pick(["before", "after"]), what, ms: freezeMs };
    }
    case "freeze":
      return { kind, victim, ms: freezeMs };
    case "clock":
      return { kind, host, jumpMs: Math.round((random.chance(0.5) ? 1 : -1) * random.magnitude(100, 7_200_000)) };
    case "scale":
      return { kind, pool, count: random.whole(0, 6) };
    case "reload":
    case "restart":
      return { kind, pool };
    case "reboot":
      return { kind, host };
    case "pause":
    case "drain":
      return { kind, ms: random.magnitude(1000, 300_000) };
    case "retry":
    case "cancel":
    case "remove":
      return { kind, share: random.between(0, 1) };
    case "again":
      return { kind, share: random.between(0.2, 1), ms: random.magnitude(1, 20_000) };
    case "add":
    case "batches":
      return { kind, count: random.whole(1, 8) };
    case "lock":
    case "full":
      return { kind, ms: random.magnitude(10, 60_000) };
    case "weather": {
      const fates = FATES.filter(() => random.chance(0.4));
      return { kind, badness: random.magnitude(0.02, 0.8), fates, ms: random.magnitude(5000, plan.calmAt) };
    }
    case "outage":
    case "quota":
      return { kind, ms: random.magnitude(1000, 900_000) };
    case "kill":
    case "grow":
      return { kind, victim };
    case "ioerror":
      return { kind };
  }
}
