import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { identifyProcess } from "../../src/claim/liveness.js";
import {
  beginWork,
  type Instance,
  register,
  renewLease,
  reserveMemory,
  viewMemory,
} from "../../src/claim/membership.js";
import { Memory, type MemoryParts } from "../../src/instance/memory.js";
import { Pressure } from "../../src/instance/pressure.js";
import { readBudget } from "../../src/report/box/box.js";
import { Footprint } from "../../src/report/box/footprint.js";
import { findMemoryGroups, readGroup } from "../../src/report/box/groups.js";
import type { PoolEvent } from "../../src/report/event.js";
import { NO_FIGURES, World } from "../claim/world.js";

const MB = 1048576;

/** A box of 1000 MB with nothing in it, and instances that take what the test says. */
async function setup(world: World) {
  const box = { limitMb: 1000, usedMb: 0, pressure: 0 };
  const member = async (mb: number, config: Partial<MemoryParts["config"]> = {}) => {
    const { database, clock } = world;
    const instance = await register({ identity: identifyProcess(), processId: 0, leaseMs: 30_000, database, clock });
    const state = { mb, inHand: 0 };
    const events: PoolEvent[] = [];
    const memory = new Memory({
      instance,
      config: { instanceMemoryMb: 250, staggerMs: 500, ...config },
      report: (event) => events.push(event),
      box: {
        read: () => ({ limitBytes: box.limitMb * MB, usedBytes: box.usedMb * MB }),
        pressure: () => box.pressure,
      },
      footprint: { read: () => state.mb * MB },
    });
    const begin = async () => {
      const begun = await beginWork(instance, memory.admission());
      memory.noteBegun(begun);
      return begun;
    };
    const reserve = async () => {
      const wanted = memory.reservation();
      return wanted === undefined || memory.noteReserved(await reserveMemory(instance, wanted));
    };
    const beat = async () => {
      memory.look(state.inHand);
      await renewLease(instance, { ...NO_FIGURES, inHand: state.inHand, ...memory.figures });
      memory.noteOthers(await viewMemory(instance));
      return memory.look(state.inHand);
    };
    return { instance, memory, state, events, beat, begin, reserve };
  };
  return { box, member };
}

function rowOf(world: World, { id }: Instance) {
  return world.rows("SELECT state, rss_bytes AS rss, held_back AS held FROM hidb_instances WHERE id = ?", id);
}

describe("an instance that wants to begin", () => {
  it("is let in as long as what the others take and its own share fit, and HIDB_STAGGER_MS after the last", async () => {
    await using world = await World.create();
    const { member } = await setup(world);
    const [first, second, third] = [
      await member(300, { memoryMb: 750 }),
      await member(200, { memoryMb: 750 }),
      await member(60, { memoryMb: 750 }),
    ];
    expect(await first.begin()).toBe(true);
    expect(await second.begin()).toBe(false); // Too soon.
    world.clock.advance(500);
    expect(await second.begin()).toBe(true);
    world.clock.advance(500);
    await Promise.all([first.beat(), second.beat()]);
    expect(await third.begin()).toBe(true); // 300 + 200 + 250 are just what there is.
  });

  it("begins together with the others where the box holds all of them at their limit", async () => {
    await using world = await World.create();
    const { box, member } = await setup(world);
    box.usedMb = 240;
    const all = [await member(60), await member(60), await member(60)];
    for (const { begin } of all) expect(await begin()).toBe(true);
    const fourth = await member(60);
    expect(await fourth.begin()).toBe(false); // Four times 250 are more than 1000 less what is kept spare.
    box.limitMb = 2000;
    expect(await fourth.begin()).toBe(true);
  });

  it("waits while it does not fit, says so once, and asks again", async () => {
    await using world = await World.create();
    const { member } = await setup(world);
    const first = await member(600, { memoryMb: 800 });
    const second = await member(40, { memoryMb: 800 });
    await first.begin();
    world.clock.advance(1000);
    for (let beat = 0; beat < 5; beat++) expect(await second.begin()).toBe(false);
    expect(second.memory.heldBack).toBe("admission");
    expect(second.events).toMatchObject([{ type: "memory.held", because: "admission" }]);
    await second.beat();
    expect(await rowOf(world, second.instance)).toMatchObject([{ state: "starting", held: "admission" }]);
    first.state.mb = 500;
    await first.beat();
    expect(await second.begin()).toBe(true);
    expect(second.events.map(({ type }) => type)).toEqual(["memory.held", "memory.eased"]);
  });

  it("is never refused when nobody else works: a box too small for one still gets one", async () => {
    await using world = await World.create();
    const { box, member } = await setup(world);
    box.usedMb = 990;
    const first = await member(300, { memoryMb: 100 });
    const second = await member(300, { memoryMb: 100 });
    expect(await Promise.all([first.begin(), second.begin()])).toEqual([true, false]);
    world.clock.advance(10_000);
    expect(await second.begin()).toBe(false);
    await world.rows("UPDATE hidb_instances SET state = 'gone', gone_at = 1 WHERE id = ?", first.instance.id);
    expect(await second.begin()).toBe(true);
  });

  it("is let in by HIDB_FORCE however little there is", async () => {
    await using world = await World.create();
    const { member } = await setup(world);
    const all = [1, 2, 3, 4].map(() => member(300, { memoryMb: 300, force: true, staggerMs: 0 }));
    for (const one of await Promise.all(all)) {
      world.clock.advance(1);
      expect(await one.begin()).toBe(true);
    }
  });
});

describe("an instance above its limit", () => {
  it("claims no more at once, and recycles only when that lasts", async () => {
    await using world = await World.create();
    const { member } = await setup(world);
    const { memory, state, events, beat, begin } = await member(100);
    await begin();
    expect(await beat()).toBe("stay");
    expect(memory.heldBack).toBeNull();
    state.mb = 260;
    expect(await beat()).toBe("stay");
    expect(memory.heldBack).toBe("high");
    world.clock.advance(9000);
    expect(await beat()).toBe("stay");
    state.mb = 240; // The pages of an ended thread have left.
    expect(await beat()).toBe("stay");
    expect(memory.heldBack).toBeNull();
    state.mb = 260;
    await beat();
    world.clock.advance(9999);
    expect(await beat()).toBe("stay");
    world.clock.advance(1);
    expect(await beat()).toBe("recycle");
    expect(events.filter(({ type }) => type === "memory.high")).toHaveLength(2);
  });

  it("does not wait and see above one and a half times its limit", async () => {
    await using world = await World.create();
    const { member } = await setup(world);
    const { state, beat, begin } = await member(100);
    await begin();
    state.mb = 376;
    expect(await beat()).toBe("recycle");
  });
});

describe("a pool in a box that is tight", () => {
  it("lets only as many claim as can grow by what an attempt has once taken", async () => {
    await using world = await World.create();
    const { box, member } = await setup(world);
    const [first, second] = [await member(100), await member(100)];
    await first.begin();
    world.clock.advance(1000);
    await second.begin();
    box.usedMb = 300;
    for (const one of [first, second]) await one.beat();
    first.memory.noteRest();
    Object.assign(first.state, { inHand: 1, mb: 400 }); // A burst of 300 MB.
    await first.beat();
    Object.assign(first.state, { inHand: 0, mb: 100 });
    await first.beat();
    box.usedMb = 500;
    first.memory.noteRest();
    first.state.inHand = 1;
    await first.beat();
    await second.beat();
    expect(second.memory.heldBack).toBe("room"); // Twice 300, of 500 that are free.
    expect(second.events).toMatchObject([{ type: "memory.held", because: "room" }]);
    first.state.inHand = 0;
    world.clock.advance(301);
    await first.beat();
    await second.beat();
    expect(second.memory.heldBack).toBeNull();
  });

  it("gives what is free for one to one alone, though both ask at once", async () => {
    await using world = await World.create();
    const { box, member } = await setup(world);
    const all = [await member(100), await member(100), await member(100)];
    for (const one of all) {
      await one.begin();
      world.clock.advance(1000);
      one.memory.noteRest();
      Object.assign(one.state, { inHand: 1, mb: 400 });
      await one.beat();
      Object.assign(one.state, { inHand: 0, mb: 100 });
      await one.beat();
    }
    box.usedMb = 400;
    world.clock.advance(1000);
    for (const one of all) await one.beat();
    expect(await Promise.all(all.map(({ reserve }) => reserve()))).toEqual([true, false, false]);
    expect(all.map(({ memory }) => memory.heldBack)).toEqual([null, "room", "room"]);
  });

  it("starts an idle instance anew whose leftovers are what is missing, and no fresh one", async () => {
    await using world = await World.create();
    const { box, member } = await setup(world);
    const [first, second] = [await member(100), await member(100)];
    await first.begin();
    world.clock.advance(1000);
    await second.begin();
    for (const one of [first, second]) {
      one.memory.noteRest();
      one.state.inHand = 1;
      one.state.mb = 400;
      await one.beat();
      Object.assign(one.state, { inHand: 0, mb: one === first ? 240 : 100 });
    }
    box.usedMb = 800;
    for (const one of [first, second]) await one.beat();
    world.clock.advance(1501);
    expect([first.memory.heldBack, second.memory.heldBack]).toEqual(["room", "room"]);
    expect([await first.beat(), await second.beat()]).toEqual(["recycle", "stay"]);
  });

  it("claims nothing while the kernel is short of memory, but for the first after a while", async () => {
    await using world = await World.create();
    const { box, member } = await setup(world);
    const { memory, instance, beat, begin } = await member(100);
    await begin();
    box.pressure = 40;
    await beat();
    expect(memory.heldBack).toBe("pressure");
    await beat();
    expect(await rowOf(world, instance)).toMatchObject([{ state: "working", held: "pressure" }]);
    world.clock.advance(10_001);
    await beat();
    expect(memory.heldBack).toBeNull();
  });

  it("makes the largest give back what it has in hand before the kernel kills, unless it fills the box by itself", async () => {
    await using world = await World.create();
    const { box, member } = await setup(world);
    const [first, second] = [await member(100), await member(100)];
    await first.begin();
    world.clock.advance(1000);
    await second.begin();
    Object.assign(first.state, { inHand: 1, mb: 240 });
    Object.assign(second.state, { inHand: 1, mb: 245 });
    for (const one of [first, second, first]) await one.beat();
    box.usedMb = 950;
    expect([await first.beat(), await second.beat()]).toEqual(["stay", "yield"]);
    first.state.mb = 20;
    await first.beat();
    expect(await second.beat()).toBe("stay");
  });
});

describe("the strain on a box", () => {
  const judge = (pressure: Pressure, usedMb: number, percent = 0, limitMb = 1000) =>
    pressure.judge({ limitBytes: limitMb * MB, usedBytes: usedMb * MB }, percent);

  it("pauses below 15 % and ends the pause only above 20 %", () => {
    const pressure = new Pressure({ shareBytes: 250 * MB });
    expect([840, 860, 840, 790].map((usedMb) => judge(pressure, usedMb))).toEqual(["none", "pause", "pause", "none"]);
  });

  it("does not count percents of a large machine", () => {
    const pressure = new Pressure({ shareBytes: 250 * MB });
    expect(judge(pressure, 23_000, 0, 24_000)).toBe("none");
    expect(judge(pressure, 23_800, 0, 24_000)).toBe("pause");
  });

  it("listens to the kernel's own word", () => {
    const pressure = new Pressure({ shareBytes: 250 * MB });
    expect([5, 25, 15, 5].map((percent) => judge(pressure, 0, percent))).toEqual(["none", "pause", "pause", "none"]);
  });
});

describe("the limits of a box", () => {
  let folder: string | undefined;
  afterEach(() => folder && rmSync(folder, { recursive: true, force: true }));

  const reading = (cgroup: string, mountinfo: string) => (file: string) =>
    file.endsWith("cgroup") ? cgroup : mountinfo;

  it("are those of every cgroup from one's own up to the root, in both versions", () => {
    const v2 = findMemoryGroups(
      reading("0::/system.slice/hidb.service\n", "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
    );
    expect(v2.map((group) => group.folder)).toEqual(
      ["/system.slice/hidb.service", "/system.slice", ""].map((path) => `/sys/fs/cgroup${path}`),
    );
    const v1 = findMemoryGroups(
      reading(
        "4:cpu,memory:/docker/abc/inner\n0::/\n",
        "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n36 31 0:33 / /x rw - cgroup c rw,cpu\n",
      ),
    );
    expect(v1).toEqual([
      { folder: "/sys/fs/cgroup/memory/inner", version: 1 },
      { folder: "/sys/fs/cgroup/memory", version: 1 },
    ]);
    const hidden = reading("0::/../../elsewhere\n", "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    expect(findMemoryGroups(hidden).map((group) => group.folder)).toEqual(["/sys/fs/cgroup"]);
    expect(
      findMemoryGroups(() => {
        throw new Error("no /proc");
      }),
    ).toEqual([]);
  });

  it("count what cannot be taken back at once, and the smallest of all is the budget", () => {
    folder = mkdtempSync(join(tmpdir(), "hidb-cgroup-"));
    const group = (name: string, limit: string) => {
      const path = join(folder as string, name);
      mkdirSync(path);
      writeFileSync(join(path, "memory.max"), `${limit}\n`);
      writeFileSync(join(path, "memory.current"), "900000000\n");
      writeFileSync(join(path, "memory.stat"), "anon 1\ninactive_file 300000000\nactive_file 100000000\n");
      return { folder: path, version: 2 as const };
    };
    const [inner, outer] = [group("inner", "max"), group("outer", String(987 * MB))];
    expect(readGroup(inner)).toBeUndefined();
    expect(readGroup(outer)).toEqual({ limitBytes: 987 * MB, usedBytes: 500_000_000 });
    expect(readBudget({}, [inner, outer])).toEqual({ bytes: 987 * MB, from: "cgroup" });
    expect(readBudget({ memoryMb: 500 }, [inner, outer])).toEqual({ bytes: 500 * MB, from: "HIDB_MEMORY_MB" });
    expect(readBudget({ memoryMb: 0 }, [])).toEqual({ bytes: totalmem(), from: "machine" });
  });

  it("are compared with children's memory, too, and that of their children", async () => {
    const footprint = new Footprint();
    const before = footprint.read(0);
    const script = 'const kept = Buffer.alloc(80e6, 1); console.log("ready"); setInterval(() => kept, 1000)';
    const shell = spawn("/bin/sh", ["-c", `"$0" -e '${script}' & wait`, process.execPath], {
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
    });
    await once(shell.stdout, "data");
    expect(footprint.read(100) - before).toBeGreaterThan(80 * MB);
    process.kill(-(shell.pid ?? Number.NaN), "SIGKILL");
    await once(shell, "close");
    expect(footprint.read(200) - before).toBeLessThan(40 * MB);
  });
});
