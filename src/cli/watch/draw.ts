// Draws the screen: the overview on top, a panel below, and what the keys do at the bottom.
import type { Overview } from "../../report/overview.js";
import { nameStop } from "../stops.js";
import { describeFigures } from "./figures.js";
import { describeInstances } from "./instances.js";
import type { Scene } from "./scene.js";
import { pad, render, type ScreenLine, widthOf } from "./text.js";

/** Exactly as many lines as fit; log-update adds a line end of its own. */
export function drawScene(scene: Scene, { columns, rows }: { columns: number; rows: number }): string {
  const width = Math.max(20, columns);
  const height = Math.max(4, rows - 1);
  const top = [describeTitle(scene, width), ...describeFigures(scene, width)];
  const bottom = [[["yellow", scene.message]] satisfies ScreenLine, describeKeys(scene, width)];
  const room = Math.max(0, height - top.length - bottom.length - 1);
  const panel = scene.panel === "pool" ? describeInstances(scene, { width, room }) : lastOf(scene, room);
  const middle: ScreenLine[] = [[], ...panel.slice(0, room)];
  while (middle.length < room + 1) middle.push([]);
  const all = [...top, ...middle].slice(0, height - bottom.length);
  return [...all, ...bottom].map((line) => render(line, width)).join("\n");
}

function describeTitle({ name, now, overview, trouble }: Scene, width: number): ScreenLine {
  const state = overview === null ? "" : nameState(overview);
  const time = new Date(now).toTimeString().slice(0, 8);
  const right = `${state}  ${time}`;
  const left = pad(`hidb  ${name}`, width - widthOf(right) - 2);
  const style =
    trouble !== null || state === "nobody works" || state === "halted"
      ? "red"
      : state === "at work"
        ? "green"
        : "yellow";
  return [["bold", left], "  ", [style, state], "  ", time];
}

function nameState(overview: Overview): string {
  const { counts, instances, paused, hold, draining, halted } = overview;
  const stop = nameStop({ paused: paused !== null, reason: null, until: null, hold, draining, halted });
  if (stop !== null) return stop;
  if (counts.pending + counts.running === 0) return counts.total === 0 ? "empty" : "done";
  return instances.length === 0 ? "nobody works" : "at work";
}

function lastOf({ panel, lines }: Scene, room: number): ScreenLine[] {
  return panel === "logs" ? lines.slice(-room) : lines.slice(0, room);
}

function describeKeys({ prompt, overview, panel }: Scene, width: number): ScreenLine {
  if (prompt !== null) return [["bold", prompt]];
  const stopped = overview !== null && (overview.paused !== null || overview.hold !== null || overview.draining);
  const keys = [
    ["p", stopped ? "resume" : "pause"],
    ["r", "retry failed"],
    ["d", "details"],
    ["l", panel === "pool" ? "logs" : "back"],
    ["+ -", "scale"],
    ["q", "quit"],
  ];
  const gap = width < 70 ? " " : "   ";
  return keys.flatMap(
    ([key = "", what = ""], at) => [at === 0 ? "" : gap, ["bold", key], ` ${what}`] satisfies ScreenLine,
  );
}
