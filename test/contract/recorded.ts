// What D1 was seen to do, as `npm run record` has written it.
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const RECORDED_FILE = join(import.meta.dirname, "recorded.json");

/** The recorded outcome of a case as text, in which the order of keys counts. */
export function recordedOutcome(area: string, name: string): string {
  const found = read().cases[area]?.[name];
  if (found === undefined) throw new Error(`no recording of "${name}" in ${area}: run \`npm run record\``);
  return outcomeText(found);
}

export function recordedNames(area: string): string[] {
  return Object.keys(read().cases[area] ?? {});
}

export function recordedVersion(): string {
  return read().workerd;
}

export function outcomeText(outcome: unknown): string {
  return JSON.stringify(outcome, null, 1);
}

/**
 * Outcome of a random program as text. Newer SQLite, which the strict home has, prints the text of a REAL with up to 17 digits,
 * D1's with 15: such numbers are compared as far as both print them.
 */
export function roundedText(outcome: unknown): string {
  return outcomeText(outcome).replace(/-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/gi, (number) =>
    /[.e]/i.test(number) || number.length > 14 ? `~${Number(number).toPrecision(13)}` : number,
  );
}

interface Recorded {
  workerd: string;
  cases: Record<string, Record<string, unknown>>;
}

let recorded: Recorded | undefined;

function read(): Recorded {
  recorded ??= JSON.parse(readFileSync(RECORDED_FILE, "utf8")) as Recorded;
  return recorded;
}
