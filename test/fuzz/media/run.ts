// `npm run fuzz -- media`: mutants of every sample, of ../shared/videos and of what ffmpeg makes through the shipped probe; what
// found something is kept in a folder that is printed.
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Chance } from "../random.ts";
import type { FuzzOptions } from "../run.ts";
import { type MediaFile, makeFiles, mediaFolders, readSample } from "./files.ts";
import { makeMutant } from "./mutate.ts";
import { runPool } from "./pool.ts";
import { type Probed, Probing } from "./probing.ts";
import { LIES, LyingServer } from "./server.ts";

const COUNT = 3000;
/** Through a real instance, too. */
const POOL_COUNT = 400;
const REMOTE_SHARE = 1 / 6;
const WHOLE = ["h264-aac.mp4", "vp9-opus.webm", "broadcast.ts", "opus.ogg"];
const FINDS = join(tmpdir(), "hidb-fuzz-finds");

export async function fuzz({ seed, count = COUNT, only }: FuzzOptions): Promise<number> {
  const { samples, shared } = mediaFolders();
  if (shared === null) console.log("  ../shared/videos is not there: its files are skipped");
  const made = makeFiles();
  if (made.length === 0) console.log("  ffmpeg is not on PATH: its formats are skipped");
  const files: MediaFile[] = [...samples, ...(shared ?? []), ...made];
  const probing = new Probing({ timeoutMs: 3000, memoryMb: 64 });
  const server = await LyingServer.open();
  const tally = new Map<string, number>();
  let found = 0;
  let slowest = 0;
  let largest = 0;
  const indexes = only === undefined ? Array.from({ length: count }, (_, index) => index) : [only];
  for (const index of indexes) {
    if (index % 500 === 499) console.log(`  ${index + 1} of ${count}`);
    const mutant = makeMutant(files, seed, index);
    const { probed, lie } = await probe(mutant.content, { probing, server, chance: new Chance(seed, -1 - index) });
    slowest = Math.max(slowest, probed.tookMs);
    largest = Math.max(largest, probed.grownMb);
    const ending = endingOf(probed);
    tally.set(ending, (tally.get(ending) ?? 0) + 1);
    if (only !== undefined) console.log(mutant.steps, probed);
    if (probed.faults.length === 0) continue;
    found++;
    mkdirSync(FINDS, { recursive: true });
    const kept = join(FINDS, `media-${seed}-${index}.bin`);
    writeFileSync(kept, mutant.content);
    const told = lie === null ? "" : `, from a server that sends ${lie}`;
    console.log(`  ${index} ${mutant.base} (${mutant.steps.join(", ")}${told}): ${probed.faults.join("; ")}`);
    console.log(`    ${kept}; again: npm run fuzz -- media --seed ${seed} --only ${index}`);
  }
  await probing.close();
  await server.close();
  for (const [ending, times] of [...tally].sort(([, one], [, other]) => other - one).slice(0, 25)) {
    console.log(`  ${String(times).padStart(6)}  ${ending}`);
  }
  console.log(`  the slowest took ${Math.round(slowest)} ms, the largest ${Math.round(largest)} MB`);
  if (only !== undefined) return found;
  const pool = await runPool(files, seed, Math.min(count, POOL_COUNT));
  console.log(`  a real instance settled ${pool.settled} of them and held ${Math.round(pool.mostMb)} MB at the most`);
  for (const fault of pool.faults) console.log(`  ${fault}`);
  return found + pool.faults.length;
}

interface Parts {
  probing: Probing;
  server: LyingServer;
  chance: Chance;
}

/** One in six comes from a server that lies; some of those are whole files, for the lie to be what counts. */
async function probe(
  content: Buffer,
  { probing, server, chance }: Parts,
): Promise<{ probed: Probed; lie: string | null }> {
  if (!chance.maybe(REMOTE_SHARE)) return { probed: await probing.run(content), lie: null };
  const lie = chance.pick(Object.keys(LIES));
  const served = chance.maybe(0.5) ? readSample(chance.pick(WHOLE)) : content;
  return { probed: await probing.run(served, server.serve(served, lie, chance)), lie };
}

function endingOf({ outcome }: Probed): string {
  if (outcome.kind === "completed" || outcome.kind === "released") return outcome.kind;
  return `${outcome.kind}: ${outcome.reason.replace(/\d+/g, "0").slice(0, 60)}`;
}
