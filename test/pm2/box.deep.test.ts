import { linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { makeGroup, type TestGroup } from "./box.js";
import { createPool, type Life, ROOT, type TestPool } from "./pool.js";

const BOX_MB = 987;

let pool: TestPool | undefined;
let group: TestGroup | undefined;
afterEach(async () => {
  await pool?.end();
  await group?.remove();
  pool = group = undefined;
});

/** Skips the test, with the reason, where no cgroup can be made. */
function boxOrSkip(skip: (reason: string) => void): TestGroup {
  const made = makeGroup(BOX_MB);
  if (typeof made === "string") {
    console.info(`skipped: ${made}`);
    skip(made);
    throw new Error(made);
  }
  group = made;
  return made;
}

/** Each video leaks 10 MB in a quarter of a second; one in seven takes 300 MB more for half a second. */
const LEAKY = `
const kept = [];
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const take = (mb) => new Uint8Array(mb * 1048576).fill(1);
export default { async fetch(request) {
  const { id } = await request.json();
  for (let step = 0; step < 5; step++) { kept.push(take(2)); await wait(50); }
  if (id % 7 === 0) {
    const burst = [];
    for (let step = 0; step < 10; step++) { burst.push(take(30)); await wait(50); }
    burst.length = 0;
  }
  return Response.json({ id });
} };`;

function leakyWorker(folder: string): Record<string, string> {
  const app = join(folder, "app");
  mkdirSync(app);
  writeFileSync(join(app, "index.js"), LEAKY);
  const config = { name: "leaky", main: "index.js", compatibility_date: "2026-07-30", no_bundle: true };
  writeFileSync(join(app, "wrangler.json"), JSON.stringify(config));
  return {
    HIDB_PROCESSOR: "worker",
    HIDB_WORKER: join(app, "wrangler.json"),
    HIDB_WORKER_DIR: join(folder, "state"),
    // In the instance's own memory: a thread would be ended before its instance is full.
    HIDB_WORKER_ISOLATION: "process",
  };
}

function said(what: string): Record<string, unknown>[] {
  const folder = join(pool?.folder ?? "", "logs");
  return readdirSync(folder)
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .filter((line) => line.includes(what))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** No drain of a recycle begins before the one before it is over. */
function expectOneByOne(recycled: Life[]): void {
  const began = new Map(said("instance.draining").map(({ instance, time }) => [instance, Date.parse(String(time))]));
  const drains = recycled.toSorted((a, b) => Number(a.goneAt) - Number(b.goneAt));
  for (const [at, { id }] of drains.entries())
    expect(began.get(id)).toBeGreaterThanOrEqual(drains[at - 1]?.goneAt ?? 0);
}

describe(`a box of ${BOX_MB} MB`, () => {
  it("is never filled by three instances that leak 40 MB/s and burst by 300 MB", async ({ skip }) => {
    const { within, kills, peakMb } = boxOrSkip(skip);
    pool = await createPool({ videos: 84, within, settings: { HIDB_HEARTBEAT_MS: "200", HIDB_FORCE: "0" } });
    Object.assign(pool.settings, leakyWorker(pool.folder));
    await pool.start(["-i", "3"]);
    await pool.finish();
    const recycled = pool
      .lives()
      .filter(({ because }) => because?.startsWith("memory above") || because === "the box is full");
    const held = Object.entries(Object.groupBy(said("memory.held"), ({ because }) => String(because)));
    console.info(
      `peak ${peakMb()} MB, ${kills()} kills, ${recycled.length} recycles, held: ${held.map(([why, of]) => `${why} ${of?.length}`).join(", ")}`,
    );
    expect(kills()).toBe(0);
    expect(recycled.length).toBeGreaterThanOrEqual(3);
    expect(pool.count("completed")).toBe(84);
    expect(pool.spentAttempts()).toBe(0);
    expect(pool.lives().filter(({ because }) => because === "died")).toEqual([]);
    expectOneByOne(recycled);
    await pool.verify();
  });

  it("holds eight instances that probe real files", async ({ skip }) => {
    const { within, kills, peakMb } = boxOrSkip(skip);
    pool = await createPool({
      within,
      settings: { HIDB_PROCESSOR: "probe", HIDB_INSTANCE_MEMORY_MB: "100", HIDB_FORCE: "0", HIDB_STAGGER_MS: "100" },
    });
    const videos = addSamples(pool, 20);
    await pool.start(["-i", "8"]);
    await pool.waitFor("eight at work", () => (pool?.working().length ?? 0) >= 8);
    await pool.finish(40_000);
    console.info(`peak ${peakMb()} MB, ${kills()} kills`);
    expect(kills()).toBe(0);
    expect(pool.lives().filter(({ because }) => because === "died")).toEqual([]);
    expect(pool.count("completed", "failed")).toBe(videos);
    await pool.verify({ allowed: ["failed"] });
  });
});

/** Copies of every sample; resolves to how many videos they make. */
function addSamples({ folder, database }: TestPool, copies: number): number {
  const media = join(folder, "media");
  mkdirSync(media);
  const samples = join(ROOT, "data/samples");
  const names = readdirSync(samples).filter((name) => /\.(?!md$|sh$)\w+$/.test(name));
  const insert = database.prepare("INSERT INTO videos (source) VALUES (?)");
  for (let copy = 0; copy < copies; copy++) {
    for (const name of names) {
      linkSync(join(samples, name), join(media, `${copy}-${name}`));
      insert.run(join(media, `${copy}-${name}`));
    }
  }
  return copies * names.length;
}
