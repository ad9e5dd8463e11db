// How the rooms of lists, settings, the API and D1 run their cases: each from its own chance, so that the line a finding
// prints shows that case alone.
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { Chance } from "./random.ts";

export interface CaseOptions {
  seed: number;
  count: number;
  only?: number;
}

export interface Finding {
  index: number;
  what: string;
}

/** Each case rejects when it has found something. Resolves to the findings, each printed with what to type. */
export async function tryCases(
  room: string,
  { seed, count, only }: CaseOptions,
  one: (chance: Chance, index: number) => Promise<void>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const [first, end] = only === undefined ? [0, count] : [only, only + 1];
  for (let index = first; index < end; index++) {
    try {
      await one(new Chance(seed, index), index);
    } catch (error) {
      const what = inspect(error);
      findings.push({ index, what });
      console.log(`found: npm run fuzz -- ${room} --seed ${seed} --only ${index}\n  ${what.slice(0, 2000)}`);
    }
  }
  return findings;
}

/** Any of these, each as likely. */
export function anyOf<T>(chance: Chance, ...choices: (() => T)[]): T {
  return chance.pick(choices)();
}

export function timesOf<T>(chance: Chance, most: number, make: (at: number) => T): T[] {
  return Array.from({ length: chance.below(most + 1) }, (_, at) => make(at));
}

/** Rejects when `work` takes longer: what hangs is a finding like any other. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`expected an end within ${ms} ms, got none`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A folder for what is written and forgotten: in memory where that can be had. */
export function makeFolder(name: string): string {
  return mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), `hidb-fuzz-${name}-`));
}
