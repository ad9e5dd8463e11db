// Everything known about one video: facts, what went wrong, what came out, what it used, what was logged.
/** @import { AmountName, Child, ElementDescription, LogFields, PagePanel, Redraw, State, VideoUsage, VideoRecord } from "./types.d.ts" */
import { action, lockHint } from "./actions.js";
import { get } from "./api.js";
import { h } from "./dom.js";
import { count, dayOf, duration, millis, NONE, plural, stamp, timeOf } from "./format.js";
import { live, now } from "./live.js";
import { figure, link, Resource, section, stateBadge, table } from "./parts.js";

const LOG_LINES = 200;

/** @type {(id: string, redraw: Redraw) => PagePanel} */
export function openVideo(id, redraw) {
  const record = new Resource((signal) => get(`videos/${id}`, { signal }), redraw);
  const log = new Resource((signal) => get(`videos/${id}/log`, { limit: LOG_LINES, signal }), redraw);
  const resources = [record, log];
  const reload = () => resources.map((one) => one.load());
  return {
    title: `Video ${id}`,
    view: () => [h("p", null, link("videos", "All videos")), record.show((shown) => view(id, shown, log, reload))],
    onOverview: () => resources.map((one) => one.refresh()),
    close: () => resources.map((one) => one.close()),
  };
}

/** @type {(id: string, record: VideoRecord, log: Resource<{ lines: LogFields[] }>, reload: () => unknown) => Child} */
function view(id, record, log, reload) {
  const { video, state, attempt, error, attempts, output, usage } = record;
  return [
    h(
      "section",
      { class: "card lead", "aria-label": "The video" },
      h("p", { class: "row" }, stateBadge(state), video.title && h("strong", null, video.title)),
      h("p", { class: "source" }, video.source ?? "no longer in the catalogue"),
      error && h("p", { class: "reason" }, error),
      changes(id, state, reload),
    ),
    h("dl", { class: "figures" }, facts(record)),
    section("Attempts that went wrong", attemptTable(attempts, attempt)),
    section(
      "Output",
      output === null
        ? h("p", { class: "empty" }, state === "pending" || state === "running" ? "There is none yet." : "It has none.")
        : pretty(output),
    ),
    usage && section("On Workers", usageTable(usage)),
    section(
      "Log",
      log.show(({ lines }) => logLines(lines)),
    ),
  ];
}

/** @type {(id: string, state: State, then: () => unknown) => ElementDescription} */
function changes(id, state, then) {
  const open = state === "pending" || state === "running";
  return h(
    "div",
    { class: "row" },
    state !== "running" &&
      action({
        label: state === "pending" ? "Try now" : "Retry",
        path: `videos/${id}/retry`,
        said: ({ retried }) =>
          retried > 0 ? `Video ${id} is pending again.` : `Video ${id} is left as it is: it runs.`,
        then,
        class: "primary",
      }),
    open &&
      action({
        label: "Cancel",
        path: `videos/${id}/cancel`,
        said: ({ cancelled }) => (cancelled > 0 ? `Video ${id} is cancelled.` : `Video ${id} has ended already.`),
        then,
      }),
    lockHint(),
  );
}

/** @type {(record: VideoRecord) => Child} */
function facts({ video, state, attempt, deaths, instance, runAfter, claimedAt, finishedAt }) {
  const rank = live.overview?.instances.find(({ id }) => id === instance)?.rank;
  const took = state === "cancelled" || claimedAt === null ? 0 : (finishedAt ?? 0) - claimedAt;
  const waits = state === "pending" && runAfter > now();
  return [
    figure("Length", duration(video.durationS)),
    figure("Attempt", count(attempt), deaths > 0 && `${plural(deaths, "instance")} died with it`),
    figure("Claimed", timeOf(claimedAt), [
      dayOf(claimedAt),
      state === "running" && `, ${millis(now() - (claimedAt ?? now()))} ago`,
    ]),
    figure("Ended", timeOf(finishedAt), [dayOf(finishedAt), took > 0 && `, after ${millis(took)}`]),
    figure("Instance", rank === undefined || rank === null ? NONE : `rank ${rank}`, instance),
    waits && figure("Next attempt", `in ${millis(runAfter - now())}`),
  ];
}

/** @type {(attempts: VideoRecord["attempts"], current: number) => ElementDescription} */
function attemptTable(attempts, current) {
  return table({
    caption: "Attempts that did not complete, oldest first",
    empty: current > 0 ? "None did." : "It has not been tried yet.",
    rows: attempts,
    columns: [
      { head: "Attempt", cell: (one) => one.attempt, class: "number" },
      {
        head: "Outcome",
        cell: (one) => h("span", { class: `badge ${one.outcome === "retry" ? "pending" : "failed"}` }, one.outcome),
      },
      { head: "Reason", cell: (one) => h("span", { class: "reason" }, one.reason), class: "wide" },
      { head: "Ended", cell: (one) => stamp(one.endedAt), class: "number" },
      { head: "Took", cell: (one) => millis(one.endedAt - one.claimedAt), class: "number" },
      { head: "Instance", cell: (one) => one.instance },
    ],
  });
}

/** @type {(output: unknown) => ElementDescription} */
function pretty(output) {
  const text = typeof output === "string" ? output : JSON.stringify(output, null, 2);
  // Long texts scroll inside, by keyboard too.
  return h("pre", { tabindex: 0, role: "region", "aria-label": "Output" }, text);
}

/** @type {[limit: string, label: string, name: AmountName, unit: string][]} */
const FIGURES = [
  ["cpu", "CPU", "cpuMs", "ms"],
  ["memory", "Memory", "memoryMb", "MB"],
  ["subrequests", "Requests to the outside", "subrequests", ""],
  ["services", "Calls of services", "serviceCalls", ""],
  ["cache", "Calls of the cache", "cacheCalls", ""],
  ["d1", "D1 queries", "d1Queries", ""],
  ["request", "Request", "requestBytes", "B"],
  ["response", "Response", "responseBytes", "B"],
  ["log", "Log", "logBytes", "B"],
  ["waitUntil", "waitUntil", "waitUntilMs", "ms"],
];

/** @type {(usage: VideoUsage) => Child} */
function usageTable(usage) {
  /** @type {(value: number, unit: string) => string} */
  const amount = (value, unit) => `${count(value)}${unit && ` ${unit}`}`;
  return [
    usage.over.length > 0 &&
      h(
        "p",
        { class: "notice warn" },
        h("strong", null, `On Workers (${usage.plan} plan) it would have failed: ${usage.over.join(", ")}`),
      ),
    table({
      caption: "What the last attempt has used",
      rows: FIGURES,
      columns: [
        { head: "What", cell: ([, label]) => label },
        { head: "Used", cell: ([, , name, unit]) => amount(usage[name], unit), class: "number" },
        {
          head: "Limit exceeded",
          cell: ([limit, , , unit]) =>
            usage.limits[limit] === undefined ? "" : h("span", { class: "slow" }, amount(usage.limits[limit], unit)),
          class: "number",
        },
      ],
    }),
  ];
}

/** @type {(lines: LogFields[]) => ElementDescription} */
function logLines(lines) {
  if (lines.length === 0) return h("p", { class: "empty" }, "Nothing was logged about it on this host.");
  const text = lines.map((line) => (typeof line === "string" ? line : describeLine(line))).join("\n");
  return h("pre", { tabindex: 0, role: "region", "aria-label": "Log lines" }, text);
}

/** @type {Map<unknown, string>} */
const LEVELS = new Map([
  [20, "debug"],
  [30, "info"],
  [40, "warn"],
  [50, "error"],
  [60, "fatal"],
]);

/**
 * As `hidb logs` words it: time, level, event, then the facts in their order.
 * @type {(line: LogFields) => string}
 */
function describeLine({ time, level, msg, ...facts }) {
  const rest = Object.entries(facts).map(
    ([name, value]) => `${name}=${typeof value === "object" ? JSON.stringify(value) : value}`,
  );
  const name = LEVELS.get(level) ?? level;
  return [stamp(typeof time === "number" ? time : Date.parse(String(time))), name, msg, ...rest]
    .filter((part) => part !== undefined)
    .join(" ");
}
