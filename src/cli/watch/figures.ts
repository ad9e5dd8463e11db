// The upper part of the screen: how far, how fast, when done, and does it fit.
import { STATES } from "../../video.js";
import { describeLeft, formatMoment } from "../eta.js";
import { formatCount, formatSeconds, plural } from "../print.js";
import { describeStop } from "../stops.js";
import type { Scene } from "./scene.js";
import { bar, type ScreenLine, type Style } from "./text.js";

export function describeFigures(scene: Scene, width: number): ScreenLine[] {
  const { overview, trouble, isSeldom, now } = scene;
  if (overview === null) return [[trouble === null ? "looking ..." : ["red", trouble]]];
  const lines = [
    describeBar(scene, width),
    describeCounts(scene),
    describeRates(scene),
    describeEnd(scene),
    describeMemory(scene),
  ];
  if (overview.d1 !== null) lines.push(describeD1(scene));
  if (isSeldom) {
    const ages = `asked ${formatAge(now - overview.at)} ago, all videos counted ${formatAge(now - overview.countedAt)} ago`;
    lines.push([["dim", `        D1: ${ages}`]]);
  }
  if (trouble !== null) lines.push([["red", `the database: ${trouble}`]]);
  return lines;
}

type Drawn = Scene & { overview: NonNullable<Scene["overview"]> };

function hasOverview(scene: Scene): scene is Drawn {
  return scene.overview !== null;
}

function describeBar(scene: Scene, width: number): ScreenLine {
  if (!hasOverview(scene)) return [];
  const { total, pending, running } = scene.overview.counts;
  const ended = total - pending - running;
  const text = `  ${total === 0 ? "0.0" : ((100 * ended) / total).toFixed(1)} %  ${formatCount(ended)} of ${formatCount(total)}`;
  return [["green", bar(total === 0 ? 0 : ended / total, Math.max(10, width - text.length))], text];
}

const COLOURS: Partial<Record<(typeof STATES)[number], Style>> = { failed: "red", quarantined: "red", running: "cyan" };
const ALWAYS: readonly string[] = ["pending", "running", "completed", "failed"];

function describeCounts(scene: Scene): ScreenLine {
  if (!hasOverview(scene)) return [];
  const { counts } = scene.overview;
  return STATES.filter((state) => counts[state] > 0 || ALWAYS.includes(state)).flatMap((state, at) => {
    const text = `${formatCount(counts[state])} ${state}`;
    const style = counts[state] > 0 ? COLOURS[state] : undefined;
    return [at === 0 ? "" : "  ", style === undefined ? text : [style, text]] satisfies ScreenLine;
  });
}

function describeRates(scene: Scene): ScreenLine {
  if (!hasOverview(scene)) return [];
  const { minute, quarter, run } = scene.overview.rates;
  return [
    `rate    ${formatRate(minute)} in 1 min   ${formatRate(quarter)} in 15 min   ${formatRate(run)} in the whole run`,
  ];
}

export function formatRate(rate: number | null): string {
  if (rate === null) return "-";
  if (rate >= 1) return `${rate.toFixed(1)}/s`;
  return rate * 60 >= 1 ? `${(rate * 60).toFixed(1)}/min` : `${(rate * 3600).toFixed(1)}/h`;
}

function describeEnd(scene: Scene): ScreenLine {
  if (!hasOverview(scene)) return [];
  const { overview, now } = scene;
  const { eta, counts, paused, hold, draining, halted } = overview;
  const label = "ETA     ";
  const { reason = null, until = null } = paused ?? {};
  const stop = describeStop({ paused: paused !== null, reason, until, hold, draining, halted });
  if (stop !== null) return [label, ["yellow", stop]];
  if (counts.pending + counts.running === 0) return [label, ["dim", "nothing is left"]];
  if (overview.instances.length === 0) return [label, ["dim", "nobody works"]];
  if (eta === null) return [label, ["dim", "not known yet: no video of this run is done"]];
  const [p50, p90] = [formatMoment(eta.p50, now), formatMoment(eta.p90, now)];
  return [label, ["bold", `${p50} (p50)`], "  ", ["bold", `${p90} (p90)`], `   ${describeLeft(eta, now)}`];
}

function describeMemory(scene: Scene): ScreenLine {
  if (!hasOverview(scene)) return [];
  const { memory, medianMs } = scene.overview;
  const used = formatMb(memory.usedBytes);
  const median = medianMs === null ? "" : `   median ${formatMs(medianMs)} a video`;
  if (memory.budgetBytes === null) return [`memory  ${used}${median}`];
  const share = memory.usedBytes / memory.budgetBytes;
  const style = share > 0.9 ? "red" : share > 0.75 ? "yellow" : "green";
  return [
    `memory  ${used} of ${formatMb(memory.budgetBytes)} `,
    [style, bar(share, 12)],
    ` ${Math.round(100 * share)} %${median}`,
  ];
}

function describeD1(scene: Scene): ScreenLine {
  if (!hasOverview(scene) || scene.overview.d1 === null) return [];
  const { requests, requestsRecent, dollars } = scene.overview.d1;
  const share = requestsRecent / scene.d1Requests;
  const recent = `${formatCount(requestsRecent)} of ${plural(scene.d1Requests, "request")} in 5 min `;
  return [
    `D1      ${recent}`,
    [share > 0.9 ? "red" : "green", bar(share, 12)],
    ` ${formatCount(requests)} in all, $${dollars.toFixed(4)}`,
  ];
}

export function formatMb(bytes: number): string {
  return `${formatCount(Math.round(bytes / 1048576))} MB`;
}

/** A duration as people compare them: three digits are enough. */
export function formatMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 1_000_000 ? `${Math.round(ms / 1000)} s` : formatSeconds(ms / 1000);
}

function formatAge(ms: number): string {
  return formatSeconds(Math.max(0, Math.floor(ms / 1000)));
}
