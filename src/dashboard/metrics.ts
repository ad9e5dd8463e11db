// /metrics as Prometheus text. Written by hand: prom-client takes 2 to 3 MB of every instance that is scraped, for a format
// of three lines. Names in base units, no ids as labels; the pool's figures come from the database, so that any instance
// answers the same, and an instance's own port adds its own process.
import { STATES } from "../video.js";
import type { Door } from "./served-pool.js";
import type { View } from "./view.js";

export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

type Labels = Record<string, string>;
type Sample = [value: number, labels?: Labels];

interface Metric {
  name: string;
  type: "gauge" | "counter";
  help: string;
  samples: Sample[];
}

export async function writeMetrics(view: View, door: Door): Promise<string> {
  const metrics = [...(await describePool(view)), ...(door === "own" ? describeProcess(view) : [])];
  return metrics.map(write).join("");
}

async function describePool(view: View): Promise<Metric[]> {
  const overview = await view.overview();
  const { counts, instances, rates, eta, memory, paused, hold, draining, halted, d1, medianMs, at } = overview;
  const states = ["starting", "working", "draining"] as const;
  const inState = (state: string) => instances.filter((one) => one.state === state).length;
  const seconds = (moment: number) => Math.max(0, (moment - at) / 1000);
  return [
    gauge("videos", "Videos of the catalogue by state.", ...STATES.map((state): Sample => [counts[state], { state }])),
    gauge("instances", "Live instances by state.", ...states.map((state): Sample => [inState(state), { state }])),
    gauge("held_videos", "Videos in the hands of instances.", [sum(instances.map(({ inHand }) => inHand))]),
    gauge(
      "rate_videos_per_second",
      "Videos that came to an end a second, by the time looked back.",
      ...sampled({ "1m": rates.minute, "15m": rates.quarter, run: rates.run }, "window"),
    ),
    gauge(
      "eta_seconds",
      "Time until no video is open, by probability.",
      ...(eta === null ? [] : sampled({ "0.5": seconds(eta.p50), "0.9": seconds(eta.p90) }, "quantile")),
    ),
    gauge("median_attempt_seconds", "Half of this run's completed attempts took longer.", ...one(medianMs, 1 / 1000)),
    gauge("stopped", "Whether nothing is claimed, by what keeps it.", ...stops({ paused, hold, draining, halted })),
    gauge("memory_used_bytes", "Memory of all instances.", [memory.usedBytes]),
    gauge("memory_budget_bytes", "Memory that the pool may use.", ...one(memory.budgetBytes, 1)),
    ...(d1 === null
      ? []
      : [
          gauge("d1_requests", "Requests to D1 in the last two weeks.", [d1.requests]),
          gauge("d1_requests_recent", "Requests to D1 in the last five minutes.", [d1.requestsRecent]),
          gauge("d1_requests_budget", "Requests that the pool may make in five minutes.", [
            view.pool.config.d1Requests,
          ]),
          gauge("d1_rows_read", "Rows that D1 has read in the last two weeks.", [d1.rowsRead]),
          gauge("d1_rows_written", "Rows that D1 has written in the last two weeks.", [d1.rowsWritten]),
        ]),
  ];
}

function describeProcess({ pool }: View): Metric[] {
  const { user, system } = process.cpuUsage();
  return [
    gauge("process_resident_memory_bytes", "Memory of this process.", [process.memoryUsage.rss()]),
    counter("process_cpu_seconds_total", "CPU that this process has used.", [(user + system) / 1e6]),
    gauge("process_uptime_seconds", "Age of this process.", [process.uptime()]),
    gauge("process_rank", "The place of this process in the pool.", [pool.rank()]),
  ];
}

function stops(stop: { paused: unknown; hold: unknown; draining: boolean; halted: boolean }): Sample[] {
  return [
    [stop.paused === null || stop.halted ? 0 : 1, { by: "pause" }],
    [stop.halted ? 1 : 0, { by: "halt" }],
    [stop.hold === null ? 0 : 1, { by: "hold" }],
    [stop.draining ? 1 : 0, { by: "drain" }],
  ];
}

/** What is not known is left out, and not said to be 0. */
function one(value: number | null, factor: number): Sample[] {
  return value === null ? [] : [[value * factor]];
}

function sampled(values: Record<string, number | null>, label: string): Sample[] {
  return Object.entries(values).flatMap(([name, value]): Sample[] =>
    value === null ? [] : [[value, { [label]: name }]],
  );
}

function gauge(name: string, help: string, ...samples: Sample[]): Metric {
  return { name: `hidb_${name}`, type: "gauge", help, samples };
}

function counter(name: string, help: string, ...samples: Sample[]): Metric {
  return { name: `hidb_${name}`, type: "counter", help, samples };
}

function write({ name, type, help, samples }: Metric): string {
  if (samples.length === 0) return "";
  const lines = samples.map(([value, labels = {}]) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
    return `${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
