import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { isRunning, kill } from "../support/process.js";
import { D1Home, WEATHER } from "./d1.js";

const OWN_HOST = ["unshare", "--uts", "--pid", "--fork", "--mount-proc"];
const canMakeHosts = spawnSync(OWN_HOST[0] as string, [...OWN_HOST.slice(1), "true"]).status === 0;
if (!canMakeHosts) console.info("skipped: two hosts need the right to make namespaces (`unshare` as root)");

/** A host of its own as far as hidb can tell: another name, and processes that cannot be looked at from outside. */
class Host {
  readonly #outer: ChildProcess;
  readonly #init: number;

  static async boot(name: string): Promise<Host> {
    const script = `hostname ${name} && echo up && exec sleep infinity`;
    const outer = spawn("unshare", [...OWN_HOST.slice(1), "sh", "-c", script], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(outer.stdout as NodeJS.ReadableStream, "data");
    const children = readFileSync(`/proc/${outer.pid}/task/${outer.pid}/children`, "utf8");
    return new Host(outer, Number(children.trim()));
  }

  private constructor(outer: ChildProcess, init: number) {
    this.#outer = outer;
    this.#init = init;
  }

  get within(): string[] {
    return ["nsenter", "-t", String(this.#init), "--uts", "--pid", "--mount", "--"];
  }

  /** The first process of a pid namespace takes all others along. */
  async crash(): Promise<void> {
    if (this.#outer.exitCode !== null || this.#outer.signalCode !== null) return;
    const ended = once(this.#outer, "exit");
    kill(this.#init);
    await ended;
    expect(isRunning(this.#init)).toBe(false);
  }
}

let home: D1Home;
const hosts: Host[] = [];
beforeAll(async () => {
  home = await D1Home.start({ seed: Number(process.env.TEST_SEED ?? 11) });
});
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.crash();
  await home.endPools();
});
afterAll(() => home.close());

describe.skipIf(!canMakeHosts)("two hosts with a PM2 home each", () => {
  it("share one D1, and one takes up what the other held when it died", async () => {
    const there = await Host.boot("host-b");
    hosts.push(there);
    const settings = { HIDB_CLAIM_COUNT: "4" };
    const one = await home.createPool({ videos: 120, videoMs: 150, settings });
    const other = await home.createPoolBeside(one, { within: there.within });
    home.setFaults(WEATHER);
    await Promise.all([one.start(["-i", "2"]), other.start(["-i", "2"])]);
    await one.waitForInstances(4);
    await one.waitFor("all ranks at work", () => ranksOf(one.readJournal()).join() === "0,1,2,3");
    const hostsSeen = one.database.prepare("SELECT DISTINCT host FROM hidb_instances").pluck();
    expect(hostsSeen.all()).toHaveLength(2);
    const held = one.database
      .prepare(
        `SELECT video_id FROM hidb_videos JOIN hidb_instances ON id = instance
          WHERE hidb_videos.state = 'running' AND host = 'host-b'`,
      )
      .pluck();
    await one.waitFor("videos in hand over there", () => held.all().length > 3);
    await there.crash();
    const leases = one.database.prepare("SELECT min(lease_until) FROM hidb_instances WHERE host = 'host-b'").pluck();
    const leaseUntil = leases.get() as number;
    await one.finish();
    const again = one.database.prepare("SELECT video_id FROM hidb_videos WHERE attempt > 1 ORDER BY 1").pluck();
    const died = one.database
      .prepare(
        `SELECT video_id FROM hidb_attempts JOIN hidb_instances ON id = instance
          WHERE outcome = 'died' AND host = 'host-b' ORDER BY 1`,
      )
      .pluck();
    // No other was harmed. What was on its way to D1 at the crash may have arrived, so what was held then is no measure.
    expect(again.all()).toEqual(died.all());
    expect(again.all()).not.toEqual([]);
    const reclaims = one.readJournal().filter((line) => line.event === "reclaim");
    for (const line of reclaims) expect(line.time).toBeGreaterThanOrEqual(leaseUntil);
    await one.verify({ killed: true });
  });
});

function ranksOf(lines: { rank: number }[]): number[] {
  return [...new Set(lines.map((line) => line.rank))].toSorted();
}
