// `npm run fuzz -- media|workers|lists|settings|api|d1 [--seed S] [--count N] [--only I]`: hostile input by seed, for as long
// as it is asked for; without a name, all of it. A finding prints what to type to see it again.
import { parseArgs } from "node:util";

export interface FuzzOptions {
  seed: number;
  /** Without it, as many as the room thinks are many. */
  count?: number;
  /** This case alone. */
  only?: number;
}

/** Resolves to how many cases found something; prints what it does. */
export type Fuzz = (options: FuzzOptions) => Promise<number>;

const ROOMS: Record<string, () => Promise<{ fuzz: Fuzz }>> = Object.fromEntries(
  ["media", "workers", "lists", "settings", "api", "d1"].map((room) => {
    // By name, so that one is run without what the others need.
    return [room, () => import(new URL(`./${room}/run.ts`, import.meta.url).href) as Promise<{ fuzz: Fuzz }>];
  }),
);

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string" }, count: { type: "string" }, only: { type: "string" } },
});
const unknown = positionals.find((name) => !(name in ROOMS));
if (unknown !== undefined) {
  console.error(`error: expected one of ${Object.keys(ROOMS).join(", ")}, got ${unknown}`);
  process.exit(2);
}
const seed = values.seed === undefined ? Date.now() % 1_000_000 : whole("seed", values.seed);
const options: FuzzOptions = {
  seed,
  ...(values.count !== undefined && { count: whole("count", values.count) }),
  ...(values.only !== undefined && { only: whole("only", values.only) }),
};
let found = 0;
for (const name of positionals.length > 0 ? positionals : Object.keys(ROOMS)) {
  console.log(`fuzz ${name}, seed ${seed}: npm run fuzz -- ${name} --seed ${seed}`);
  const load = ROOMS[name];
  if (load !== undefined) found += await (await load()).fuzz(options);
}
console.log(found === 0 ? "nothing found" : `${found} cases found something`);
process.exit(found === 0 ? 0 : 1);

function whole(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  console.error(`error: expected --${name} to be a whole number, got ${text}`);
  process.exit(2);
}
