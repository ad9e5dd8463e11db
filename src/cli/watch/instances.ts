// The lower part of the screen: a line an instance with what it has in hand, and what has failed last.
import type { HeldVideo, InstanceView, Overview } from "../../report/overview.js";
import type { Millis } from "../../video.js";
import { asTyped, formatCount, plural } from "../print.js";
import { formatMs } from "./figures.js";
import type { Scene } from "./scene.js";
import { cut, pad, type ScreenLine, type Style, widthOf } from "./text.js";

interface Space {
  width: number;
  room: number;
}

export function describeInstances({ overview, now }: Scene, { width, room }: Space): ScreenLine[] {
  if (overview === null) return [];
  const failures = overview.lastFailures;
  // Failures get what instances leave, and three lines if there are any.
  const forFailures =
    failures.length === 0 ? 0 : Math.max(Math.min(4, failures.length + 1), room - overview.instances.length - 3);
  const table = describeTable(overview, { width, room: room - forFailures, now });
  if (failures.length === 0) return table;
  const shown = failures.slice(0, Math.max(0, room - table.length - 2));
  if (shown.length === 0) return table;
  const lines = shown.map(({ at, videoId, state, reason }): ScreenLine => {
    const who = `${new Date(at).toTimeString().slice(0, 8)}  ${videoId}  `;
    return [["dim", who], ["red", state], `  ${reason}`];
  });
  return [...table, [], [["bold", "last failures"]], ...lines];
}

function describeTable(overview: Overview, { width, room, now }: Space & { now: Millis }): ScreenLine[] {
  const { instances, dead, medianMs } = overview;
  const lost: ScreenLine[] = dead.instances === 0 ? [] : [[["red", describeDead(dead)]]];
  if (instances.length === 0) return [["no instance is live; ", asTyped("`hidb start` brings them up")], ...lost];
  const columns = makeColumns(instances, width);
  const head: ScreenLine = [["bold", columns.map(({ name, size, right }) => align(name, size, right)).join(" ")]];
  const most = Math.max(1, room - 1 - lost.length);
  const shown = instances.length > most ? instances.slice(0, most - 1) : instances;
  const rows = shown.map((one) => describeRow(one, columns, { width, now, medianMs }));
  const more = instances.length - shown.length;
  return [
    head,
    ...rows,
    ...(more > 0 ? [[["dim", `and ${plural(more, "instance")} more`]] satisfies ScreenLine] : []),
    ...lost,
  ];
}

function describeDead({ instances, inHand }: Overview["dead"]): string {
  return `${plural(instances, "instance")} died with ${plural(inHand, "video")} in hand; the next one to beat takes them back`;
}

interface Column {
  name: string;
  size: number;
  right: boolean;
  of(one: InstanceView): string;
}

const COLUMNS: Omit<Column, "size">[] = [
  { name: "rank", right: true, of: ({ rank }) => (rank === null ? "-" : String(rank)) },
  { name: "id", right: true, of: ({ processId }) => String(processId) },
  { name: "pid", right: true, of: ({ pid }) => String(pid) },
  { name: "host", right: false, of: ({ host }) => host },
  {
    name: "state",
    right: false,
    of: ({ state, heldBack }) => (heldBack === null || heldBack === undefined ? state : `${state}*`),
  },
  { name: "done", right: true, of: ({ completed }) => formatCount(completed) },
  { name: "fail", right: true, of: ({ failed }) => formatCount(failed) },
  { name: "RSS", right: true, of: ({ rssBytes }) => `${Math.round(rssBytes / 1048576)}M` },
  { name: "restarts", right: true, of: ({ restarts }) => String(restarts) },
];
const HAND = "in hand";
const LEAST_HAND = 30;
const LEAST_HOST = 4;

/** As wide as they need; hosts give way to what is in hand. */
function makeColumns(instances: InstanceView[], width: number): Column[] {
  const columns = COLUMNS.map((column) => ({
    ...column,
    size: Math.max(widthOf(column.name), ...instances.map((one) => widthOf(column.of(one)))),
  }));
  const used = columns.reduce((sum, { size }) => sum + size + 1, 0);
  const host = columns.find(({ name }) => name === "host");
  if (host !== undefined) {
    const spare = width - (used - host.size) - LEAST_HAND;
    host.size = Math.max(LEAST_HOST, Math.min(host.size, 24, spare));
  }
  return [...columns, { name: HAND, size: HAND.length, right: false, of: () => "" }];
}

function align(text: string, size: number, right: boolean): string {
  const fitted = cut(text, size);
  return right ? " ".repeat(Math.max(0, size - widthOf(fitted))) + fitted : pad(fitted, size);
}

const STATE_STYLES: Record<InstanceView["state"], Style> = { starting: "yellow", working: "green", draining: "yellow" };

interface RowParts {
  width: number;
  now: Millis;
  medianMs: Millis | null;
}

function describeRow(one: InstanceView, columns: Column[], { width, now, medianMs }: RowParts): ScreenLine {
  const cells = columns.filter(({ name }) => name !== HAND);
  const line = cells.flatMap(({ name, size, right, of }): ScreenLine => {
    const text = align(of(one), size, right);
    return [name === "state" ? [STATE_STYLES[one.state], text] : text, " "];
  });
  const used = cells.reduce((sum, { size }) => sum + size + 1, 0);
  return [...line, ...describeHand(one, { room: width - used, now, medianMs })];
}

/** `1042 probe 12/200 s`: the step, and how long it has lasted against what is usual; as many as there is room for. */
function describeHand(
  { held, inHand }: InstanceView,
  { room, now, medianMs }: { room: number } & Omit<RowParts, "width">,
): ScreenLine {
  const line: ScreenLine = [];
  let left = room;
  for (const [at, one] of held.entries()) {
    const rest = Math.max(held.length, inHand) - at - 1;
    const text = describeHeld(one, now, medianMs);
    const more = rest > 0 ? ` +${rest}` : "";
    const gap = at === 0 ? "" : ", ";
    if (at > 0 && gap.length + text.length + more.length > left) {
      line.push(` +${rest + 1}`);
      return line;
    }
    const slow = medianMs !== null && now - one.claimedAt > 3 * medianMs && one.step !== "waiting";
    line.push(gap, slow ? ["yellow", text] : text);
    left -= gap.length + text.length;
  }
  if (held.length === 0 && inHand > 0) line.push(["dim", plural(inHand, "video")]);
  return line;
}

function describeHeld({ videoId, attempt, step, claimedAt }: HeldVideo, now: Millis, medianMs: Millis | null): string {
  const again = attempt > 1 ? ` #${attempt}` : "";
  const elapsed = formatMs(Math.max(0, now - claimedAt));
  const against = medianMs === null ? elapsed : `${elapsed}/${formatMs(medianMs)}`;
  return `${videoId}${again} ${step ?? ""}${step === null ? "" : " "}${step === "waiting" ? "" : against}`.trimEnd();
}
