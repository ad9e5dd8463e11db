// On which line of a TOML text the value at a path begins. Its parser does not tell, so the text is searched: good enough
// to send a person to the right place, and silent where it is not sure.

/** Keys and indexes that lead to a value. */
export type Path = (string | number)[];

const HEADER = /^\s*(\[\[?)([^\]]+)\]\]?\s*(#.*)?$/;
const ASSIGNMENT = /^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=/;
const KEY = /"([^"]*)"|'([^']*)'|([\w-]+)/g;

/** From 1; of the nearest thing around it where the value itself has no line of its own; undefined when not found. */
export function findTomlLine(text: string, path: Path): number | undefined {
  const counts = new Map<string, number>();
  let table: Path = [];
  let around: number | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const header = HEADER.exec(line);
    if (header !== null) table = tablePath(header, counts);
    const assigned = header === null ? ASSIGNMENT.exec(line)?.[1] : undefined;
    const here = assigned === undefined ? table : [...table, ...keysOf(assigned)];
    if (header === null && assigned === undefined) continue;
    if (startsWith(here, path)) return index + 1;
    if (assigned !== undefined && startsWith(path, here)) around = index + 1;
  }
  return around;
}

function tablePath([, brackets = "", name = ""]: RegExpExecArray, counts: Map<string, number>): Path {
  const path: Path = [];
  const keys = keysOf(name);
  for (const [index, key] of keys.entries()) {
    path.push(key);
    const place = JSON.stringify(path);
    const isEntry = brackets === "[[" && index === keys.length - 1;
    const count = counts.get(place);
    if (isEntry) counts.set(place, count === undefined ? 0 : count + 1);
    const entry = counts.get(place);
    if (entry !== undefined) path.push(entry);
  }
  return path;
}

function keysOf(text: string): string[] {
  return [...text.matchAll(KEY)].map(([, double, single, bare]) => double ?? single ?? bare ?? "");
}

function startsWith(whole: Path, start: Path): boolean {
  return start.length <= whole.length && start.every((key, index) => key === whole[index]);
}
