// What workerd was seen to answer, as `npm run record` has written it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Answer } from "./case.ts";

export const RECORDED_FILE = join(import.meta.dirname, "recorded.json");

export interface Recorded {
  workerd: string;
  answers: Record<string, Record<string, Answer[]>>;
}

let recorded: Recorded | undefined;

export function readRecorded(): Recorded {
  recorded ??= JSON.parse(readFileSync(RECORDED_FILE, "utf8")) as Recorded;
  return recorded;
}

export function recordedAnswers(area: string, name: string): Answer[] {
  const found = readRecorded().answers[area]?.[name];
  if (found === undefined) throw new Error(`no recording of "${name}" in ${area}: run \`npm run record\``);
  return found;
}
