// Charts as SVG that stretches to any width; everything written stands beside it in HTML, so that it keeps its size.
import type { RateFacts } from "./facts.js";
import { type Lane, LEVELS, SLICES, type TimeSpan } from "./lanes.js";
import { type Bin, niceStep, timeStep } from "./scales.js";
import { escapeHtml, formatCount, formatDuration, formatMoment, plural } from "./text.js";

/** The height of a chart in its own units. */
const HEIGHT = 100;

interface Bar {
  /** From the bottom up. */
  parts: { kind: string; value: number }[];
  hint: string;
}

interface ChartParts {
  bars: Bar[];
  /** What a screen reader says of it. */
  title: string;
  /** Below the chart, at shares of its width; some are left out where it is narrow. */
  labels: { at: number; text: string }[];
  /** Lines across, at shares of the width. */
  marks?: { at: number; name: string }[];
}

function drawChart({ bars, title, labels, marks = [] }: ChartParts): string {
  const most = Math.max(1, ...bars.map(({ parts }) => sum(parts.map(({ value }) => value))));
  const step = Math.max(1, niceStep(most / 4));
  const top = Math.ceil(most / step) * step;
  const lines = Array.from({ length: top / step + 1 }, (_, at) => at * step);
  const grid = lines.map((value) => `M0 ${round(HEIGHT - (value / top) * HEIGHT)}H${bars.length}`).join("");
  const drawn = bars.map((bar, at) => drawBar(bar, at, HEIGHT / top)).join("");
  const markLines = marks.map(
    ({ at, name }) => `<path class="mark ${name}" d="M${round(at * bars.length)} 0V${HEIGHT}"/>`,
  );
  const scale = lines.map(
    (value) => `<span style="bottom:${round((value / top) * 100)}%">${formatCount(value)}</span>`,
  );
  return `<div class="chart" role="img" aria-label="${escapeHtml(title, 1000)}">
<div class="scale" aria-hidden="true">${scale.join("")}</div>
<svg viewBox="0 0 ${bars.length} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true"><path class="grid" d="${grid}"/>${drawn}${markLines.join("")}</svg>
${drawLabels(labels)}</div>`;
}

function drawBar({ parts, hint }: Bar, at: number, scale: number): string {
  let y = HEIGHT;
  const rects = parts.map(({ kind, value }) => {
    if (value === 0) return "";
    // The rare one stays to be seen beside the frequent.
    const height = Math.max(0.8, value * scale);
    y -= height;
    return `<rect class="${kind}" x="${round(at + 0.08)}" y="${round(Math.max(0, y))}" width=".84" height="${round(height)}"/>`;
  });
  return rects.join("") === "" ? "" : `<g>${rects.join("")}<title>${escapeHtml(hint)}</title></g>`;
}

function drawLabels(labels: ChartParts["labels"]): string {
  const spans = labels.map(({ at, text }) => `<span style="left:${round(at * 100)}%">${escapeHtml(text)}</span>`);
  return `<div class="labels" aria-hidden="true">${spans.join("")}</div>`;
}

/** How many videos took how long, with the median and the 90th percentile. */
export function drawDurations(bins: Bin[], { medianMs, p90Ms }: { medianMs: number; p90Ms: number }): string {
  const bars = bins.map(({ from, to, count }) => {
    const range = Number.isFinite(to)
      ? `${formatDuration(from)} to ${formatDuration(to)}`
      : `${formatDuration(from)} and more`;
    return { parts: [{ kind: "completed", value: count }], hint: `${range}: ${plural(count, "video")}` };
  });
  const place = (ms: number) => {
    const at = bins.findIndex(({ from, to }) => ms >= from && ms < to);
    const bin = bins[at];
    if (bin === undefined) return 1;
    return (at + (Number.isFinite(bin.to) ? (ms - bin.from) / (bin.to - bin.from) : 0.5)) / bins.length;
  };
  const every = Math.max(1, Math.ceil(bins.length / 8));
  const labels = bins.flatMap(({ from }, at) =>
    at % every === 0 ? [{ at: at / bins.length, text: formatDuration(from) }] : [],
  );
  const title = `Histogram of durations: median ${formatDuration(medianMs)}, 90 % within ${formatDuration(p90Ms)}.`;
  const marks = [
    { at: place(medianMs), name: "median" },
    { at: place(p90Ms), name: "p90" },
  ];
  return drawChart({ bars, title, labels, marks });
}

/** Completed and failed videos, a bar a step of time. */
export function drawRate({ from, stepMs, completed, failed }: RateFacts): string {
  const bars = completed.map((count, at) => {
    const parts = [
      { kind: "completed", value: count },
      { kind: "failed", value: failed[at] ?? 0 },
    ];
    return {
      parts,
      hint: `${formatMoment(from + at * stepMs)} UTC: ${formatCount(count)} completed, ${failed[at]} failed`,
    };
  });
  const title = `Videos per ${formatDuration(stepMs)}: at most ${formatCount(Math.max(...completed))} completed, ${formatCount(sum(failed))} failed in all.`;
  const span = { from, to: from + completed.length * stepMs };
  return drawChart({ bars, title, labels: timeLabels(span) });
}

/** The moments below a chart of a span: round ones, with the day where it changes. */
function timeLabels({ from, to }: TimeSpan): ChartParts["labels"] {
  const step = timeStep(to - from, 6);
  const labels: ChartParts["labels"] = [];
  let day = "";
  for (let at = Math.ceil(from / step) * step; at <= from + 0.95 * (to - from); at += step) {
    const moment = formatMoment(at);
    const [date, time] = [moment.slice(5, 10), moment.slice(11, step < 60_000 ? 19 : 16)];
    labels.push({ at: (at - from) / (to - from), text: date === day ? time : `${date} ${time}` });
    day = date;
  }
  return labels;
}

export function drawTimeAxis(span: TimeSpan): string {
  return drawLabels(timeLabels(span));
}

/** A lane: its lives, the slices in which it worked, the more the darker, and what went wrong. */
export function drawLane({ bars, levels, trouble, host, processId, busyShare }: Lane): string {
  const lives = bars.map(([from, to]) => {
    const width = Math.max(0.5, (to - from) * SLICES);
    return `<rect class="life" x="${round(from * SLICES)}" y="2" width="${round(width)}" height="12"/>`;
  });
  const busy = drawLevels(levels, { kind: "busy", y: 2, height: 12 });
  const wrong = drawLevels(trouble, { kind: "trouble", y: 15, height: 5 });
  const title = `Instance ${processId} on ${host}: ${Math.round(busyShare * 100)} % busy.`;
  return `<svg class="lane" viewBox="0 0 ${SLICES} 20" preserveAspectRatio="none" role="img" aria-label="${escapeHtml(title)}">${lives.join("")}${busy}${wrong}</svg>`;
}

/** All slices of a level in one path, neighbours joined. */
function drawLevels(levels: Uint8Array, { kind, y, height }: { kind: string; y: number; height: number }): string {
  const paths = Array.from({ length: LEVELS + 1 }, () => "");
  for (let at = 0; at < levels.length; ) {
    const start = at;
    const level = levels[start] ?? 0;
    while (at < levels.length && levels[at] === level) at++;
    paths[level] += `M${start} ${y}h${at - start}v${height}h-${at - start}z`;
  }
  const drawn = paths.map((d, level) => (d === "" || level === 0 ? "" : `<path class="${kind} l${level}" d="${d}"/>`));
  return drawn.join("");
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function round(value: number): number {
  return Number(value.toFixed(2));
}
