import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { identifyProcess, isAlive } from "../../src/claim/liveness.js";
import { type Instance, leave, renewLease } from "../../src/claim/membership.js";
import { findLostClaims, reclaimVideos } from "../../src/claim/reclaim.js";
import type { Database } from "../../src/database/database.js";
import { many, NO_FIGURES, World } from "./world.js";

const LIMITS = { maxAttempts: 3, thorough: false };
const ELSEWHERE = { host: "elsewhere", boot: "another boot" };

function startOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

/** A real process to belong to, and to kill. */
function spawnLife(): { child: ChildProcess; identity: { pid: number; pidStartedAt: string } } {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const pid = child.pid ?? 0;
  return { child, identity: { pid, pidStartedAt: startOf(pid) } };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

async function deadIdentity() {
  const { child, identity } = spawnLife();
  await kill(child);
  return identity;
}

/** An owner with these videos in hand, and another instance to look after it. */
async function setup(world: World, owner: Parameters<World["instance"]>[0], limit = 50) {
  const holder = await world.instance({ processId: 0, ...owner });
  await (await world.claimerOf(holder)).claimVideos({ limit, alone: false });
  return { holder, witness: await world.instance({ processId: 1 }) };
}

describe("on the same machine", () => {
  it("a video is taken back as soon as its owner's process is dead, long before the lease ends", async () => {
    await using world = await World.create({ videos: [1, 2] });
    const { child, identity } = spawnLife();
    const { holder, witness } = await setup(world, { identity });
    expect(await reclaimVideos(witness, LIMITS)).toEqual([]);
    await kill(child);
    world.clock.advance(5);
    expect(await reclaimVideos(witness, LIMITS)).toEqual([
      { videoId: 1, attempt: 1, state: "pending", at: world.clock.now() },
      { videoId: 2, attempt: 1, state: "pending", at: world.clock.now() },
    ]);
    expect(await world.video(1)).toMatchObject({
      state: "pending",
      attempt: 1,
      deaths: 1,
      instance: null,
      finishedAt: null,
      error: "its instance died",
    });
    expect((await world.attempts())[0]).toEqual({
      videoId: 1,
      attempt: 1,
      instance: holder.id,
      outcome: "died",
      reason: "its instance died",
      claimedAt: world.clock.now() - 5,
      endedAt: world.clock.now(),
    });
    expect(
      await world.rows("SELECT state, gone_because AS because FROM hidb_instances WHERE id = ?", holder.id),
    ).toEqual([{ state: "gone", because: "died" }]);
  });

  it("a process that is only silent keeps its videos, however long past its lease", async () => {
    await using world = await World.create({ videos: [1] });
    const { witness } = await setup(world, { leaseMs: 1000 });
    world.clock.advance(3_600_000);
    expect(await reclaimVideos(witness, LIMITS)).toEqual([]);
    expect(await reclaimVideos(witness, { ...LIMITS, thorough: true })).toEqual([]);
    expect(await world.video(1)).toMatchObject({ state: "running", deaths: 0 });
  });

  it("another process under the same number does not stand in for the dead one", async () => {
    await using world = await World.create({ videos: [1] });
    const { pid } = identifyProcess();
    const { witness } = await setup(world, { identity: { pid, pidStartedAt: "1" } });
    expect(await reclaimVideos(witness, LIMITS)).toMatchObject([{ videoId: 1, state: "pending" }]);
  });

  it("a zombie is dead, and this process is alive", async () => {
    const { pid, pidStartedAt } = identifyProcess();
    expect(isAlive({ pid, pidStartedAt })).toBe(true);
    expect(isAlive({ pid, pidStartedAt: `${pidStartedAt}0` })).toBe(false);
    expect(isAlive(await deadIdentity())).toBe(false);
    // Its parent never waits for it: the grandchild stays a zombie for as long as the parent lives.
    const parent = spawn("sh", ["-c", "sleep 0 & echo $!; exec sleep 30"], { stdio: ["ignore", "pipe", "ignore"] });
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const zombie = Number(line);
    const isZombie = () => readFileSync(`/proc/${zombie}/stat`, "utf8").includes(") Z ");
    await expect.poll(isZombie, { interval: 5 }).toBe(true);
    expect(isAlive({ pid: zombie, pidStartedAt: startOf(zombie) })).toBe(false);
    await kill(parent);
  });
});

describe("of another machine", () => {
  it("a video is taken back only once the lease has run out", async () => {
    await using world = await World.create({ videos: [1] });
    const dead = await deadIdentity();
    const { witness } = await setup(world, { identity: { ...dead, ...ELSEWHERE }, leaseMs: 1000 });
    world.clock.advance(1000);
    expect(await reclaimVideos(witness, LIMITS)).toEqual([]); // The last millisecond still belongs to the holder.
    world.clock.advance(1);
    expect(await reclaimVideos(witness, LIMITS)).toMatchObject([{ videoId: 1, state: "pending" }]);
  });

  it("a heartbeat between the look and the burial keeps the videos", async () => {
    await using world = await World.create({ videos: [1] });
    const { holder, witness } = await setup(world, { identity: ELSEWHERE, leaseMs: 1000 });
    world.clock.advance(2000);
    const late: Database = Object.create(world.database, {
      prepare: { value: world.database.prepare.bind(world.database) },
      batch: {
        value: async (statements: Parameters<Database["batch"]>[0]) => {
          expect(await renewLease(holder, NO_FIGURES)).toBe(true);
          return world.database.batch(statements);
        },
      },
    });
    expect(await reclaimVideos({ ...witness, database: late }, LIMITS)).toEqual([]);
    expect(await world.video(1)).toMatchObject({ state: "running", instance: holder.id, deaths: 0 });
    expect(await world.attempts()).toEqual([]);
    expect(await renewLease(holder, NO_FIGURES)).toBe(true);
  });

  it("nobody is buried right after an outage, in which nobody could be heard", async () => {
    await using world = await World.create({ videos: [1] });
    const { witness } = await setup(world, { identity: ELSEWHERE, leaseMs: 1000 });
    world.clock.advance(60_000);
    const inTouchSince = world.clock.monotonic();
    expect(await reclaimVideos(witness, { ...LIMITS, inTouchSince })).toEqual([]);
    world.clock.advance(29_999);
    expect(await reclaimVideos(witness, { ...LIMITS, inTouchSince })).toEqual([]);
    world.clock.advance(1); // Now it has had as long as a lease to be heard of.
    expect(await reclaimVideos(witness, { ...LIMITS, inTouchSince })).toMatchObject([{ videoId: 1 }]);
  });

  it("a dead process of this machine needs no such patience", async () => {
    await using world = await World.create({ videos: [1] });
    const { witness } = await setup(world, { identity: await deadIdentity() });
    const inTouchSince = world.clock.monotonic();
    expect(await reclaimVideos(witness, { ...LIMITS, inTouchSince })).toMatchObject([{ videoId: 1 }]);
  });

  it("a boot of the same host counts as another machine: its numbers mean nothing here", async () => {
    await using world = await World.create({ videos: [1] });
    const { witness } = await setup(world, { identity: { ...(await deadIdentity()), boot: "the boot before" } });
    expect(await reclaimVideos(witness, LIMITS)).toEqual([]);
    world.clock.advance(30_001);
    expect(await reclaimVideos(witness, LIMITS)).toHaveLength(1);
  });
});

describe("a death", () => {
  async function die(world: World, maxAttempts = 3) {
    const { holder, witness } = await setup(world, { identity: await deadIdentity() });
    const reclaimed = await reclaimVideos(witness, { maxAttempts, thorough: false });
    await leave(witness, NO_FIGURES, "test");
    return { holder, reclaimed };
  }

  it("spends an attempt and is counted apart; the second one quarantines", async () => {
    await using world = await World.create({ videos: [1] });
    await die(world);
    const suspectHolder = await world.instance({ identity: await deadIdentity() });
    const claims = await (await world.claimerOf(suspectHolder)).claimVideos({ limit: 9, alone: true });
    expect(claims).toMatchObject([{ attempt: 2, deaths: 1 }]);
    const witness = await world.instance();
    expect(await reclaimVideos(witness, LIMITS)).toMatchObject([{ videoId: 1, attempt: 2, state: "quarantined" }]);
    expect(await world.video(1)).toMatchObject({
      state: "quarantined",
      deaths: 2,
      attempt: 2,
      finishedAt: world.clock.now(),
      instance: suspectHolder.id,
    });
    expect((await world.attempts()).map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
      [1, "died"],
      [2, "died"],
    ]);
  });

  it("that spends the last attempt fails the video", async () => {
    await using world = await World.create({ videos: [1] });
    await world.set(1, "attempt = 2");
    const { reclaimed } = await die(world);
    expect(reclaimed).toMatchObject([{ videoId: 1, attempt: 3, state: "failed" }]);
    expect(await world.video(1)).toMatchObject({ state: "failed", deaths: 1, finishedAt: world.clock.now() });
  });

  it("lets what its instance had finished be settled first, while the claims still hold", async () => {
    await using world = await World.create({ videos: [1, 2] });
    const { holder, witness } = await setup(world, { identity: await deadIdentity() });
    const seen: unknown[] = [];
    const recover = async (dead: string[]) => {
      seen.push(dead, await world.states());
      await world.set(1, "state = 'completed', finished_at = 1");
    };
    expect(await reclaimVideos(witness, { ...LIMITS, recover })).toMatchObject([{ videoId: 2 }]);
    expect(seen).toEqual([[holder.id], { running: 2 }]);
    expect(await world.video(1)).toMatchObject({ state: "completed", deaths: 0 });
  });

  it("takes nothing that has been settled, cancelled or released before", async () => {
    await using world = await World.create({ videos: many(4) });
    const { witness } = await setup(world, { identity: await deadIdentity() });
    await world.set(1, "state = 'completed', finished_at = 1");
    await world.set(2, "state = 'cancelled', finished_at = 1");
    await world.set(3, "state = 'pending', instance = NULL, attempt = 0");
    expect(await reclaimVideos(witness, LIMITS)).toMatchObject([{ videoId: 4 }]);
    expect(await world.attempts()).toHaveLength(1);
  });

  it("is noted once, by whichever of several witnesses comes first", async () => {
    await using world = await World.create({ videos: many(5) });
    const { witness } = await setup(world, { identity: await deadIdentity() });
    const other = await world.instance({ processId: 2 });
    const answers = await Promise.all([reclaimVideos(witness, LIMITS), reclaimVideos(other, LIMITS)]);
    expect(answers.map((videos) => videos.length).sort()).toEqual([0, 5]);
    expect(await world.attempts()).toHaveLength(5);
  });
});

describe("orphans", () => {
  async function orphan(world: World): Promise<Instance> {
    const { holder, witness } = await setup(world, {});
    await leave(holder, NO_FIGURES, "left in a hurry");
    return witness;
  }

  it("of an instance that has left with videos in hand are found by a thorough reclaim", async () => {
    await using world = await World.create({ videos: [1, 2] });
    const witness = await orphan(world);
    expect(await reclaimVideos(witness, LIMITS)).toEqual([]);
    expect(await reclaimVideos(witness, { ...LIMITS, thorough: true })).toHaveLength(2);
  });

  it("of an instance that nobody remembers are found, too", async () => {
    await using world = await World.create({ videos: [1] });
    const witness = await orphan(world);
    await world.rows("DELETE FROM hidb_instances WHERE state = 'gone'");
    expect(await reclaimVideos(witness, { ...LIMITS, thorough: true })).toMatchObject([
      { videoId: 1, state: "pending" },
    ]);
  });
});

describe("claims in hand", () => {
  it("are lost once they are cancelled, deleted, settled or somebody else's", async () => {
    await using world = await World.create({ videos: many(6) });
    const { holder } = await setup(world, {});
    await world.set(1, "state = 'cancelled', finished_at = 1");
    await world.rows("DELETE FROM hidb_videos WHERE video_id = 2");
    await world.set(3, "state = 'pending', instance = NULL");
    await world.set(4, "instance = 'another'");
    expect(await findLostClaims(holder, [])).toEqual([]);
    expect(await findLostClaims(holder, many(6))).toEqual([1, 2, 3, 4]);
  });
});
