// Rows as hostile as somebody's spreadsheet, with what must become of each: told by rules of their own, not by hidb's code.
import { anyOf } from "../cases.ts";
import type { Chance } from "../random.ts";

/** A cell as it is written: a text, or (in JSON) any other value as its JSON text. */
export interface Cell {
  text: string;
  /** Set where JSON writes something other than a string. */
  json?: string;
}

export interface Row {
  id: Cell | undefined;
  source: Cell | undefined;
  title: Cell | undefined;
  duration: Cell | undefined;
}

const SOURCES = [
  "x://a",
  "x://b",
  "x://A",
  "-Dhjw95",
  "__proto__",
  "constructor",
  "007",
  "1e3",
  "true",
  "null",
  "0x10",
];
const ODD = [
  "é",
  "é",
  "\u{1F3AC}",
  "映画",
  "\u2028",
  "\u0085",
  "\u001b[2J",
  "\u200f",
  "a\tb",
  "a;b",
  "a,b",
  'say "x"',
  "'",
  "\\",
  "%00",
];
const IDS = [
  ...["0", "-0", "1", "+7", "007", "-5", "2147483648", "4294967296", "9007199254740991", "9007199254740992"],
  ...["9007199254740993", "-9007199254740992", "-9007199254740993", "99999999999999999999", "1e3", "1.0", "1.5", "٣"],
  ...["0x10", "1_000", "NaN", "Infinity", "--1", "1 2", "", " ", "1.", "9223372036854775807", "18446744073709551616"],
];
const JSON_NUMBERS = [
  ...["0", "-0", "1", "-5", "1.0", "1e3", "1.5", "15e-1", "150e-1", "9007199254740991", "9007199254740992", "1E2"],
  ...["9007199254740993", "4503599627370497.1", "9007199254740992.5", "1e400", "-1e400", "1e-400", "5e-324", "0.1e1"],
  ...["123456789012345678901", "1.7976931348623157e308", "-1", "-0.0", "2e0", "12.50"],
];
const DURATIONS = [
  ...["0", "-0", "1", "2.5", ".5", "5.", "1e3", "1E-3", "1e400", "-1", "1,5", "00:01:00", "NaN", "Infinity", "0x10"],
  ...["1e308", "1.7976931348623157e308", "9007199254740993", "1 000", "", " ", "+1", "1e", "abc", "5e-324", "٣"],
];
const NO_NUMBERS = ["true", "false", "null", "[]", "{}", '["a"]', '{"source":"y"}', '[[[[[["deep"]]]]]]'];

export function drawRow(chance: Chance, at: number): Row {
  return {
    id: chance.maybe(0.5) ? draw(chance, () => chance.pick(IDS), JSON_NUMBERS) : undefined,
    source: chance.maybe(0.95) ? draw(chance, () => drawSource(chance, at), NO_NUMBERS) : undefined,
    title: chance.maybe(0.5) ? draw(chance, () => drawText(chance), JSON_NUMBERS) : undefined,
    duration: chance.maybe(0.5) ? draw(chance, () => chance.pick(DURATIONS), JSON_NUMBERS) : undefined,
  };
}

function draw(chance: Chance, text: () => string, json: readonly string[]): Cell {
  if (!chance.maybe(0.15)) return { text: text() };
  const value = chance.maybe(0.7) ? chance.pick(json) : chance.pick(NO_NUMBERS);
  return { text: value, json: value };
}

function drawSource(chance: Chance, at: number): string {
  return anyOf(
    chance,
    () => `x://${at}`,
    () => chance.pick(SOURCES),
    () => `x://${drawText(chance)}`,
    () => drawText(chance),
    () => `file:///nowhere/${chance.pick(["a%00b", "a%20b", "%ff", "%2f", "é", "a%0ab"])}.mp4`,
    () => (chance.maybe(0.1) ? "x".repeat(65_530 + chance.below(12)) : ""),
  );
}

function drawText(chance: Chance): string {
  const parts = Array.from({ length: 1 + chance.below(4) }, () =>
    chance.maybe(0.5)
      ? chance.pick(ODD)
      : chance.pick(["a", "B", " ", "1", "\n", "\r\n", "\r", "=", "{", "[", "]", "}"]),
  );
  const text = parts.join("");
  return chance.maybe(0.1) ? ` ${text} ` : text;
}

export type Fate =
  | { kind: "entry"; id: bigint | null; source: string; title: string | null; durationS: number | null }
  | { kind: "refused" };

/** What a reader with no hurry makes of a row. */
export function judgeRow(row: Row, form: "csv" | "json"): Fate {
  const id = readId(row.id, form);
  const source = readSource(row.source, form);
  const title = readTitle(row.title, form);
  const durationS = readDuration(row.duration, form);
  if (id === "bad" || source === "bad" || title === "bad" || durationS === "bad") return { kind: "refused" };
  return { kind: "entry", id, source: source.value, title: title === null ? null : title.value, durationS };
}

function isEmpty(cell: Cell | undefined, form: "csv" | "json"): cell is undefined {
  if (cell === undefined) return true;
  if (form === "json" && cell.json !== undefined) return cell.json === "null";
  return cell.text.trim() === "";
}

function isNumber(json: string): boolean {
  return /^-?\d/.test(json);
}

function readId(cell: Cell | undefined, form: "csv" | "json"): bigint | null | "bad" {
  if (isEmpty(cell, form)) return null;
  let id: bigint;
  if (form === "json" && cell.json !== undefined) {
    const whole = isNumber(cell.json) ? exactWhole(cell.json) : undefined;
    if (whole === undefined) return "bad";
    id = whole;
  } else {
    const match = /^([+-]?)0*(\d*)$/.exec(cell.text.trim());
    if (match === null || cell.text.trim().replace(/\D/g, "") === "") return "bad";
    id = BigInt(match[2] || "0") * (match[1] === "-" ? -1n : 1n);
  }
  const limit = 9007199254740992n;
  return id > limit || id < -limit ? "bad" : id;
}

/** The number that a JSON text stands for, if it is a whole one. */
function exactWhole(json: string): bigint | undefined {
  const [, sign, digits = "", fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE](.+))?$/.exec(json) ?? [];
  const all = digits + fraction;
  const shift = Number(exponent) - fraction.length;
  if (shift > 400) return undefined;
  const padded = shift >= 0 ? all + "0".repeat(shift) : all;
  const cut = shift >= 0 ? padded.length : Math.max(0, padded.length + shift);
  if (/[1-9]/.test(padded.slice(cut))) return undefined;
  return BigInt(padded.slice(0, cut) || "0") * (sign === "-" ? -1n : 1n);
}

function readSource(cell: Cell | undefined, form: "csv" | "json"): { value: string } | "bad" {
  if (isEmpty(cell, form)) return "bad";
  if (form === "json" && cell.json !== undefined) return "bad";
  if (cell.text.length > 65_536) return "bad";
  const trimmed = cell.text.trim();
  // Of the URLs drawn above, these name a path; the others cannot be one and stay as they are.
  const named: Record<string, string> = { "a%20b": "a b", é: "é", "a%0ab": "a\nb" };
  const path = /^file:\/\/\/nowhere\/(.*)\.mp4$/s.exec(trimmed)?.[1];
  return { value: path !== undefined && named[path] ? `/nowhere/${named[path]}.mp4` : trimmed };
}

function readTitle(cell: Cell | undefined, form: "csv" | "json"): { value: string } | null | "bad" {
  if (isEmpty(cell, form)) return null;
  if (form === "json" && cell.json !== undefined) {
    if (/^[[{]/.test(cell.json)) return "bad";
    if (!isNumber(cell.json)) return { value: cell.json };
    // A number shows as JavaScript writes it, or as the list did where that would round it.
    const whole = Number.isInteger(Number(cell.json));
    const isExact = exactWhole(cell.json) !== undefined && Number.isSafeInteger(Number(cell.json));
    return { value: whole && !isExact ? cell.json : String(Number(cell.json)) };
  }
  return cell.text.length > 65_600 ? "bad" : { value: cell.text.trim() };
}

function readDuration(cell: Cell | undefined, form: "csv" | "json"): number | null | "bad" {
  if (isEmpty(cell, form)) return null;
  if (form === "json" && cell.json !== undefined) {
    if (!isNumber(cell.json)) return "bad";
    const seconds = Number(cell.json);
    // JSON's -0 is zero; a negative number is none, however small.
    return Number.isFinite(seconds) &&
      (seconds > 0 || (seconds === 0 && exactWhole(cell.json) === 0n) || cell.json[0] !== "-")
      ? Math.abs(seconds)
      : "bad";
  }
  const text = cell.text.trim();
  if (!/^\+?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text)) return "bad";
  const seconds = Number.parseFloat(text);
  return Number.isFinite(seconds) ? seconds : "bad";
}
