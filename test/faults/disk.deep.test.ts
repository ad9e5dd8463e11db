// A short round of `npm run faults -- disk`: real processes on a disk that breaks, and on what a power cut leaves.
import { afterAll, describe, expect, it } from "vitest";
import { compileDisk, removeDisk } from "./disk/disk.ts";
import { breakKernelDisk } from "./disk/kernel.ts";
import { CASES, cutCommand } from "./disk/power-files.ts";
import { cutPool } from "./disk/power-pool.ts";
import { cutSpool, fillSpool } from "./disk/power-spool.ts";
import { breakPool, TROUBLES } from "./disk/trouble.ts";

const SEED = Number(process.env.TEST_SEED ?? 1);

const found = compileDisk();
const reason = "reason" in found ? found.reason : undefined;
if (reason !== undefined) console.warn(`skipped: ${reason}`);
afterAll(removeDisk);

describe.skipIf(reason !== undefined)("a power cut", () => {
  it.for([
    ["normal", "no more than the last second's settlements"],
    ["full", "nothing that was settled"],
  ] as const)(
    "with HIDB_SYNCHRONOUS=%s undoes %s, leaves no half row, and a new life does the rest",
    async ([synchronous]) => {
      const pool = { videos: 30, videoMs: 150, instances: 2, strict: synchronous === "full" };
      const { cuts, mostVideos, syncs } = await cutPool({
        seed: SEED,
        cuts: 60,
        revivals: 1,
        synchronous,
        ...pool,
      });
      expect(cuts).toBe(60);
      if (synchronous === "full") expect(mostVideos).toBe(0);
      // A second apart, not with each commit: that is what `normal` is for.
      else expect(syncs).toBeLessThan(20);
    },
  );

  it.for(CASES.slice(1).map((one) => [one.name, one] as const))(
    "under `hidb %s` leaves the database sound, files whole, and what was told to be done",
    async ([, one]) => {
      expect(await cutCommand(one, { seed: SEED, cuts: 40, revivals: 1 })).toMatchObject({ cuts: 40 });
    },
  );

  it("leaves what the spool was given a second before, across its being written anew", async () => {
    expect((await cutSpool({ seed: SEED, cuts: 60 })).renamed).toBeGreaterThan(0);
  });
});

/** Full ones are in test/bad-input/full-disk.test.ts, made by the kernel. */
const SHORT = TROUBLES.filter(({ name }) => !name.startsWith("is full"));

// They wait, most of the time.
describe.skipIf(reason !== undefined).concurrent("a disk under two instances that work", () => {
  it.for(SHORT.map((trouble) => [trouble.name, trouble] as const))(
    "that %s is waited for, told in a line, and when it is mended every video ends once",
    async ([, trouble], { annotate }) => {
      await annotate(JSON.stringify(await breakPool(trouble, { videos: 300, brokenMs: 700 })));
    },
  );

  it("that has no room for the spool neither ends the instance nor loses what is in it", async () => {
    expect(await fillSpool(100_000)).toMatchObject({ read: 20 });
  });
});

describe("a file system of its own", () => {
  it("made read-only by the kernel is waited for, and holds after its repair all but the last second", async ({
    skip,
  }) => {
    const figures = await breakKernelDisk("read-only", { videos: 250 });
    if (typeof figures !== "string") return;
    console.warn(`skipped: ${figures}`);
    skip(figures);
  });
});
