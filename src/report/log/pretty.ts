// A line of the log as people read it: when, how urgent, the event, then the facts in their fixed order.
import { stripVTControlCharacters } from "node:util";
import type { LogLine } from "./line.js";

/** The parts that get a colour; `plain` has none. */
export interface Paint {
  /** A moment, and what is of little interest. */
  dim(text: string): string;
  level(level: string, text: string): string;
  instance(instance: string, text: string): string;
}

export const PLAIN: Paint = { dim: (text) => text, level: (_, text) => text, instance: (_, text) => text };

const HEAD = new Set(["level", "time", "msg", "processId"]);
/** Enough of an instance's id to tell the lives on one screen apart. */
const ID_LENGTH = 8;

/** `14:02:09.512 info  attempt.finished rank=2 instance=k8f2a1c0 video=1042 ...`; times are UTC. */
export function formatLine({ at, fields }: LogLine, paint: Paint): string {
  const level = typeof fields.level === "string" ? fields.level : "";
  const instance = typeof fields.instance === "string" ? fields.instance : "";
  const msg = String(fields.msg ?? "");
  const time = paint.dim(new Date(at).toISOString().slice(11, 23));
  const head = `${time} ${paint.level(level, level.padEnd(5))} ${paint.level(level, visible(msg))}`;
  const facts: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (HEAD.has(name) || name === "text") continue;
    const fact = `${name}=${name === "instance" ? visible(instance.slice(0, ID_LENGTH)) : formatValue(value)}`;
    facts.push(name === "rank" || name === "instance" ? paint.instance(instance, fact) : fact);
  }
  const text = typeof fields.text === "string" ? formatText(fields.text, paint.instance(instance, "|")) : "";
  return `${[head, ...facts].join(" ")}${text}`;
}

/** The day, for a line of its own whenever it changes. */
export function dayOf({ at }: LogLine): string {
  return new Date(at).toISOString().slice(0, 10);
}

function formatValue(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return /^[^\s"=]+$/.test(text) ? visible(text) : visible(JSON.stringify(text));
}

/** What a Worker has printed: on the same line if it is one, else below, with a bar before each of its lines. */
function formatText(text: string, bar: string): string {
  const lines = stripVTControlCharacters(text).trimEnd().replaceAll("\t", "  ").split(/\r?\n/).map(visible);
  if (lines.length === 1) return ` ${bar} ${lines[0]}`;
  return lines.map((line) => `\n  ${bar} ${line}`).join("");
}

/** No text from outside can move the cursor or hide a line. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, (char) => {
    return `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  });
}
