// The report: one file that asks for nothing from outside, runs no script, and keeps for years.
import type { State } from "../../video.js";
import { drawDurations, drawLane, drawRate, drawTimeAxis } from "./charts.js";
import type { Causes, LongVideo, ReportFacts } from "./facts.js";
import type { Lane, TimeSpan } from "./lanes.js";
import { STYLE } from "./style.js";
import { escapeHtml, formatCount, formatDuration, formatMoment, plural } from "./text.js";

// Should a text from outside ever get through as markup, it still can neither run nor load anything.
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

export function renderReport(facts: ReportFacts, databaseName: string): string {
  const { span, rate, durations, lanes, failures, troubles, longest } = facts;
  const sections = [
    renderSummary(facts),
    rate === null ? "" : section("Videos over time", drawFigure(drawRate(rate), rateCaption(rate.stepMs))),
    durations.count === 0
      ? ""
      : section("How long a video takes", drawFigure(drawDurations(durations.bins, durations), DURATIONS)),
    span === null || lanes.length === 0 ? "" : section("Instances", renderLanes(lanes, span)),
    failures.total === 0 ? "" : section("Why videos failed", renderCauses(failures, "Ended as")),
    troubles.total === 0 ? "" : section("Attempts that were repeated", renderCauses(troubles, "What happened")),
    longest.length === 0 ? "" : section("The longest", renderLongest(longest)),
  ];
  const title = `hidb: ${formatCount(doneOf(facts))} of ${plural(facts.total, "video")} done`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escapeHtml(title)}</h1>
<p class="soft">${escapeHtml(databaseName)}, as of ${formatMoment(facts.at)} UTC. All times are UTC.</p>
</header>
<main>
${sections.filter(Boolean).join("\n")}
</main>
</body>
</html>
`;
}

function section(title: string, content: string): string {
  return `<section>\n<h2>${title}</h2>\n${content}\n</section>`;
}

function doneOf({ counts, total }: ReportFacts): number {
  return total - counts.pending - counts.running;
}

/** Those that want looking at stand beside those that are well. */
const ORDER: State[] = ["completed", "failed", "quarantined", "cancelled", "running", "pending"];

function renderSummary(facts: ReportFacts): string {
  const { counts, total, span, durations, workMs, troubles } = facts;
  const shown = ORDER.filter((state) => counts[state] > 0);
  const bar = shown.map((state) => `<span class="${state}" style="flex:${counts[state]}"></span>`);
  const legend = shown.map((state) => `<li><i class="${state}"></i>${formatCount(counts[state])} ${state}</li>`);
  const share = total === 0 ? "0" : ((doneOf(facts) / total) * 100).toFixed(doneOf(facts) === total ? 0 : 1);
  const cards: [string, string, string][] = [];
  if (span !== null) {
    const took = span.to - span.from;
    cards.push(["Took", formatDuration(took), `${formatMoment(span.from)} to ${formatMoment(span.to)}`]);
    cards.push(["Work done in it", formatDuration(workMs), `${(workMs / took).toFixed(1)} videos side by side`]);
    cards.push(["Rate", ...formatRate(counts.completed / took)]);
  }
  if (durations.count > 0) {
    cards.push(["Median video", formatDuration(durations.medianMs), `90 % within ${formatDuration(durations.p90Ms)}`]);
    cards.push([
      "Longest video",
      formatDuration(durations.longestMs),
      `${(durations.longestMs / Math.max(1, durations.medianMs)).toFixed(1)} medians`,
    ]);
  }
  cards.push([
    "Attempts gone wrong",
    formatCount(troubles.attempts),
    `${plural(troubles.deaths, "death")} of an instance`,
  ]);
  const list = cards.map(
    ([name, value, more]) => `<div><dt>${name}</dt><dd>${value}<small class="soft">${more}</small></dd></div>`,
  );
  return `<section aria-label="Summary">
<div class="progress" role="img" aria-label="${share} % done">${bar.join("")}</div>
<ul class="legend">${legend.join("")}</ul>
<dl>${list.join("")}</dl>
</section>`;
}

/** In the unit in which the figure is easy to hold. */
function formatRate(perMs: number): [string, string] {
  const perHour = perMs * 3_600_000;
  if (perHour < 1000) return [perHour.toFixed(perHour < 100 ? 1 : 0), "completed an hour"];
  const perMinute = perHour / 60;
  if (perMinute < 1000) return [perMinute.toFixed(0), "completed a minute"];
  return [(perMinute / 60).toFixed(0), "completed a second"];
}

function drawFigure(chart: string, caption: string): string {
  return `<figure>${chart}\n<figcaption>${caption}</figcaption></figure>`;
}

function rateCaption(stepMs: number): string {
  return `<span class="legend"><span><i class="completed"></i>completed</span><span><i class="failed"></i>failed or quarantined</span><span>per ${formatDuration(stepMs)}</span></span>`;
}

const DURATIONS = `<span class="legend"><span>completed videos, from the claim to the end</span><span><i class="line"></i>median</span><span><i class="line p90"></i>90 % are faster</span></span>`;

/** More than fit a page would say less. */
const LANES = 64;

function renderLanes(lanes: Lane[], span: TimeSpan): string {
  const shown = lanes.slice(0, LANES);
  const manyHosts = new Set(shown.map(({ host }) => host)).size > 1;
  let host = "";
  const rows = shown.map((lane) => {
    const head = manyHosts && lane.host !== host ? `<h3>${escapeHtml(lane.host)}</h3>` : "";
    host = lane.host;
    return `${head}<span>${lane.processId}</span>${drawLane(lane)}<span>${Math.round(lane.busyShare * 100)} %</span>`;
  });
  const more = lanes.length > LANES ? `<p class="soft">and ${lanes.length - LANES} more</p>` : "";
  const caption = `<span class="legend"><span><i class="running"></i>busy, the stronger the more</span><span><i class="alive"></i>alive</span><span><i class="failed"></i>attempts that went wrong</span><span>by process id; on the right the share of its time that it was busy</span></span>`;
  return `<figure><div class="lanes">${rows.join("\n")}${drawTimeAxis(span)}</div>${more}
<figcaption>${caption}</figcaption></figure>
${renderInstances(shown, manyHosts)}`;
}

function renderInstances(lanes: Lane[], manyHosts: boolean): string {
  const rows = lanes.map(({ host, processId, lives, completed, retried, failed, died }) => {
    const name = manyHosts ? `${escapeHtml(host, 60)} ${processId}` : String(processId);
    const numbers = [completed, retried, failed, died].map((count) => `<td class="n">${formatCount(count)}</td>`);
    numbers.push(`<td class="n wide">${formatCount(lives)}</td>`);
    return `<tr><td class="name">${name}</td>${numbers.join("")}</tr>`;
  });
  return table(["Instance", "n:Completed", "n:Retried", "n:Failed", "n:Died with", "n wide:Lives"], rows);
}

function renderCauses({ groups, total }: Causes, kindTitle: string): string {
  const rows = groups.map(({ reason, count, kinds, samples }) => {
    const ways = [...kinds].map(([kind, times]) => (kinds.size === 1 ? kind : `${formatCount(times)} ${kind}`));
    const ids = samples.join(", ") + (count > samples.length ? " …" : "");
    const what = reason === "" ? "no reason is known" : `<bdi>${escapeHtml(reason)}</bdi>`;
    return `<tr><td class="n">${formatCount(count)}</td><td class="what">${what}</td><td class="name">${escapeHtml(ways.join(", "))}</td><td class="name wide">${ids}</td></tr>`;
  });
  const more = total > groups.length ? `<p class="soft">and ${plural(total - groups.length, "rarer cause")}</p>` : "";
  return `${table(["n:Times", "Cause", kindTitle, "wide:Videos"], rows)}${more}`;
}

function renderLongest(videos: LongVideo[]): string {
  const rows = videos.map(({ id, title, source, state, attempt, durMs }) => {
    const first = title ?? source ?? "no longer in the catalogue";
    const second =
      title === null || source === null ? "" : `<small class="soft"><bdi>${escapeHtml(source)}</bdi></small>`;
    return `<tr><td class="n">${id}</td><td class="what"><bdi>${escapeHtml(first)}</bdi>${second}</td><td class="name wide">${state}</td><td class="n wide">${attempt}</td><td class="n">${formatDuration(durMs)}</td></tr>`;
  });
  return table(["n:Id", "Video", "wide:State", "n wide:Attempt", "n:Took"], rows);
}

/** Titles may have classes before a colon. */
function table(titles: string[], rows: string[]): string {
  const heads = titles.map((title) => {
    const [name = "", classes] = title.split(":").reverse();
    return `<th scope="col"${classes === undefined ? "" : ` class="${classes}"`}>${name}</th>`;
  });
  return `<div class="table"><table><thead><tr>${heads.join("")}</tr></thead><tbody>\n${rows.join("\n")}\n</tbody></table></div>`;
}
