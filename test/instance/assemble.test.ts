import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { identifyProcess, type ProcessIdentity } from "../../src/claim/liveness.js";
import { readConfig } from "../../src/config/read.js";
import { assemble } from "../../src/instance/assemble.js";
import { RemoteStore } from "../../src/store/remote/remote.js";
import { readSpools, Spool } from "../../src/store/remote/spool.js";
import type { Outcome } from "../../src/video.js";
import { Line } from "../claim/line.js";
import { CATALOGUE, World } from "../claim/world.js";

const completed: Outcome = { kind: "completed", output: "{}" };

/** A life that has claimed and finished video 1, and could not write it; another one opens beside it. */
async function succeed(world: World, owner: Partial<ProcessIdentity>) {
  const identity = { ...identifyProcess(), ...owner };
  const line = new Line(world);
  const holder = await world.instance({ identity: owner, database: line.database });
  const [claim] = await (await world.claimerOf(holder)).claimVideos({ limit: 1, alone: false });
  if (claim === undefined) throw new Error("expected a claim");
  const spoolDir = mkdtempSync(join(tmpdir(), "hidb-spool-"));
  const spool = new Spool(spoolDir, { database: "d", instance: holder.id, ...identity }, world);
  spool.keep(claim, completed, 1);
  const { loop } = await assemble({
    config: { ...readConfig(), spoolDir, force: true },
    ...{
      database: line.database,
      createStore: (parts) => new RemoteStore({ ...parts, databaseName: "d" }),
      clock: world.clock,
      catalogue: CATALOGUE,
      keeper: undefined,
    },
    processor: { process: async () => completed, close: async () => undefined },
    ...{ processId: 1, identity: identifyProcess(), listen: () => () => undefined },
  });
  await loop.open();
  loop.drain("the test is over");
  return {
    left: readSpools(spoolDir).filter(({ outcomes }) => outcomes.length > 0).length,
    video: await world.video(1),
  };
}

describe("an instance on D1", () => {
  it("settles at its start what a dead process of its host has spooled", async () => {
    await using world = await World.create({ videos: [1] });
    const { pid } = spawnSync("true");
    const { left, video } = await succeed(world, { pid, pidStartedAt: "1" });
    expect([left, video]).toMatchObject([0, { state: "completed", deaths: 0 }]);
  });

  it("settles what was spooled before the machine was started anew, whoever has the number now", async () => {
    await using world = await World.create({ videos: [1] });
    const { left, video } = await succeed(world, { boot: "the boot before" });
    expect([left, video]).toMatchObject([0, { state: "completed" }]);
  });

  it("leaves alone what a living process of its host has spooled", async () => {
    await using world = await World.create({ videos: [1] });
    const child = spawn("sleep", ["60"], { stdio: "ignore" });
    onTestFinished(() => void child.kill("SIGKILL"));
    const stat = readFileSync(`/proc/${child.pid}/stat`, "utf8");
    const pidStartedAt = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
    const { left, video } = await succeed(world, { pid: child.pid ?? 0, pidStartedAt });
    expect([left, video]).toMatchObject([1, { state: "running" }]);
  });

  it("leaves alone what another host has spooled, dead or not", async () => {
    await using world = await World.create({ videos: [1] });
    const { left, video } = await succeed(world, {
      host: "elsewhere",
      boot: "another boot",
      pid: 1,
      pidStartedAt: "1",
    });
    expect([left, video]).toMatchObject([1, { state: "running" }]);
  });
});
