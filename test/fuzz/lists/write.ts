// The same rows in every way a program may write them.
import type { Chance } from "../random.ts";
import type { Cell, Row } from "./rows.ts";

const COLUMNS = ["id", "source", "title", "duration"] as const;
const NAMES = { id: "id", source: "source", title: "title", duration: "duration_s" };

export interface Written {
  bytes: Buffer;
  form: "csv" | "json";
  /** Of each row, in its order. */
  name: string;
}

export function writeRows(rows: Row[], chance: Chance): Written {
  const style = chance.pick(["csv", "csv", "json", "ndjson"] as const);
  const bom = chance.maybe(0.2) ? "\ufeff" : "";
  if (style === "csv") {
    return {
      bytes: Buffer.from(bom + writeCsv(rows, chance)),
      form: "csv",
      name: `list.${chance.pick(["csv", "CSV", "tsv"])}`,
    };
  }
  const text = style === "json" ? writeJson(rows, chance) : writeNdjson(rows, chance);
  return {
    bytes: Buffer.from(bom + text),
    form: "json",
    name: `list.${chance.pick(["json", "ndjson", "jsonl", "JSON"])}`,
  };
}

function shuffled<T>(items: readonly T[], chance: Chance): T[] {
  return items
    .map((item) => ({ item, key: chance.next() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

function inAnyCase(name: string, chance: Chance): string {
  return chance.pick([name, name.toUpperCase(), name[0]?.toUpperCase() + name.slice(1)]);
}

function writeCsv(rows: Row[], chance: Chance): string {
  const delimiter = chance.pick([",", ",", ";", "\t"]);
  const order: (keyof Row | "extra")[] = shuffled([...COLUMNS, "extra"], chance);
  const newline = () => chance.pick(mixed);
  const mixed = chance.pick([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n"]]);
  const quote = (text: string) => {
    const needs = /[",;\t\r\n]/.test(text) || /^[\s\u00a0]|[\s\u00a0]$/.test(text);
    return needs || chance.maybe(0.2) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const header = order.map((name) => (name === "extra" ? "__proto__" : inAnyCase(NAMES[name], chance)));
  const blank = chance.maybe(0.1) ? newline() : "";
  const lines = [header.join(delimiter)];
  for (const row of rows) {
    lines.push(order.map((name) => quote(name === "extra" ? "more" : (row[name]?.text ?? ""))).join(delimiter));
    if (chance.maybe(0.05)) lines.push("");
  }
  return blank + lines.map((line) => line + newline()).join("");
}

function writeCell(cell: Cell, chance: Chance): string {
  if (cell.json !== undefined) return cell.json;
  const text = JSON.stringify(cell.text);
  if (!chance.maybe(0.2)) return text;
  // Each half of a pair by itself, as many programs do.
  return text.replace(/[\u0080-\uffff]/g, (half) => `\\u${half.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function writeObject(row: Row, chance: Chance): string {
  const space = () => (chance.maybe(0.2) ? " " : "");
  const pairs = shuffled(COLUMNS, chance).flatMap((name) => {
    const cell = row[name];
    return cell === undefined
      ? []
      : [`"${inAnyCase(NAMES[name], chance)}"${space()}:${space()}${writeCell(cell, chance)}`];
  });
  const extra = chance.maybe(0.3)
    ? [chance.pick(['"__proto__":{"source":"p"}', '"tags":[{"a":"}],"}]', '"constructor":1', '"":null'])]
    : [];
  return `{${space()}${[...pairs, ...extra].join(`,${space()}`)}}`;
}

function writeJson(rows: Row[], chance: Chance): string {
  const gap = chance.pick(["", "\n", "\r\n  ", " "]);
  return `[${gap}${rows.map((row) => writeObject(row, chance)).join(`,${gap}`)}${gap}]${chance.pick(["", "\n"])}`;
}

function writeNdjson(rows: Row[], chance: Chance): string {
  return rows.map((row) => writeObject(row, chance) + chance.pick(["\n", "\r\n", "\n\n"])).join("");
}
