// The real durations when ../shared is there, otherwise a generated catalogue with as heavy a tail.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { type Entry, ROOT } from "./world.ts";

const REAL = join(ROOT, "..", "shared", "catalogue", "videos-2376.csv");
const VIDEOS = 2376;

export function readCatalogue(): { name: string; entries: Entry[] } {
  if (!existsSync(REAL)) return { name: "generated, heavy-tailed", entries: generate() };
  const rows = parse(readFileSync(REAL), { columns: true }) as { duration_s: string }[];
  return { name: "videos-2376.csv", entries: rows.map((row) => ({ durationS: Number(row.duration_s) })) };
}

/** Half an hour in the middle, one in a hundred over three hours: a log-normal body with a Pareto tail. */
function generate(): Entry[] {
  let state = 2376;
  const random = () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state + 0.5) / 0x80000000;
  };
  return Array.from({ length: VIDEOS }, () => {
    const normal = Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
    const body = 1800 * Math.exp(0.4 * normal);
    const durationS = random() < 0.04 ? Math.min(36_000, 4000 * random() ** (-1 / 1.5)) : body;
    return { durationS: Math.round(durationS) };
  });
}
