// `npm run faults -- disk [--seed S]`: full, failing and read-only disks, and power cuts at hundreds of moments; figures
// as tables. Or by itself: node test/faults/disk/run.ts --seed S
import { parseArgs } from "node:util";
import { compileDisk } from "./disk.ts";
import { breakKernelDisk } from "./kernel.ts";
import { CASES, cutCommand } from "./power-files.ts";
import { cutPool, type PoolCut } from "./power-pool.ts";
import { cutSpool, fillSpool } from "./power-spool.ts";
import { breakPool, TROUBLES } from "./trouble.ts";

/** Videos that are done at once, some a second, and some that outlast the sync. */
const POOLS: Pick<PoolCut, "videos" | "videoMs" | "instances">[] = [
  { videos: 1500, videoMs: 0.01, instances: 2 },
  { videos: 60, videoMs: 150, instances: 3 },
  { videos: 12, videoMs: 1300, instances: 3 },
];

export async function runDisk(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { seed: { type: "string" } }, allowPositionals: true });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
  console.log(`faults disk: seed ${seed}; to see it again: npm run faults -- disk --seed ${seed}`);
  const found = compileDisk();
  if ("reason" in found) console.log(`skipped, all but the kernel's own: ${found.reason}`);
  else {
    await cutPower(seed);
    const broken: object[] = [];
    for (const trouble of TROUBLES)
      for (const strict of [false, true]) broken.push(await breakPool(trouble, { strict }));
    show("a disk that breaks under two instances and is mended", broken);
  }
  const kernel: object[] = [];
  for (const trouble of ["full", "read-only"] as const) {
    const figures = await breakKernelDisk(trouble);
    if (typeof figures === "string") console.log(`skipped, the kernel's ${trouble} disk: ${figures}`);
    else kernel.push(figures);
  }
  show("the kernel's own", kernel);
}

async function cutPower(seed: number): Promise<void> {
  const pools: object[] = [];
  for (const synchronous of ["normal", "full"] as const) {
    for (const strict of [false, true]) {
      for (const pool of POOLS) {
        const cut = { seed, cuts: 100, revivals: 5, synchronous, strict, ...pool };
        pools.push({ synchronous, strict, ...pool, ...(await cutPool(cut)) });
      }
    }
  }
  show("a pool loses its power", pools);
  const commands: object[] = [];
  for (const one of CASES) commands.push(await cutCommand(one, { seed, cuts: 100, revivals: 5 }));
  show("a command loses its power", commands);
  show("the spool loses its power", [
    await cutSpool({ seed, cuts: 300 }),
    await cutSpool({ seed, cuts: 300, synchronous: "full" }),
  ]);
  show("the spool loses its room", [await fillSpool(100_000), await fillSpool(250_123)]);
}

function show(what: string, figures: object[]): void {
  console.log(what);
  console.table(figures);
}

if (process.argv[1] === import.meta.filename) await runDisk(process.argv.slice(2));
