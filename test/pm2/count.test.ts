import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { run } from "../support/process.js";
import { CONFIG_FILE, createPool, type TestPool } from "./pool.js";

/** Evaluates the config as `pm2` does, with what a person has typed after `pm2`; prints what PM2 would be handed. */
const EVALUATE = `
  process.argv = [process.execPath, "/nowhere/pm2", ...JSON.parse(process.argv[1])];
  const [app] = require(${JSON.stringify(CONFIG_FILE)}).apps;
  const options = ["NODE_APP_INSTANCE", "instances", "name", "kill_timeout"].filter((name) => name in process.env);
  console.log(JSON.stringify({ instances: app.instances, kill_timeout: app.kill_timeout, env: app.env, options }));`;

interface Evaluated {
  instances: number;
  kill_timeout: number;
  env: Record<string, string>;
  options: string[];
}

/** No daemon runs in there. */
const home = mkdtempSync(join(tmpdir(), "hc-"));
afterAll(() => rmSync(home, { recursive: true }));

function evaluate(typed: string[], environment: Record<string, string> = {}) {
  const { PATH = "" } = process.env;
  // A budget that everything fits into, so that the count alone is judged.
  const settings = { PATH, PM2_HOME: home, HIDB_INSTANCE_MEMORY_MB: "100", ...environment };
  return run(process.execPath, ["-e", EVALUATE, JSON.stringify(typed)], settings);
}

async function evaluated(typed: string[], environment: Record<string, string> = {}): Promise<Evaluated> {
  const { stdout, stderr } = await evaluate(typed, environment);
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Evaluated;
}

const START = ["start", CONFIG_FILE];

describe("the count of instances", () => {
  it.each([
    [...START, "-i", "3"],
    [...START, "-i3"],
    [...START, "--instances", "3"],
    [...START, "--instances=3"],
    [...START, "-si", "3"],
    ["-i", "3", ...START],
    ["-i3", ...START],
    ["--instances", "3", ...START],
    ["--instances=3", ...START],
    ["-si", "3", ...START],
    ["start", "-i", "3", CONFIG_FILE],
    [...START, "--time", "-i", "3", "--", "-i", "9"],
  ])("is three after `pm2 %s %s %s %s %s %s %s %s`", async (...typed) => {
    expect((await evaluated(typed)).instances).toBe(3);
  });

  it("is what the flag says, then HIDB_INSTANCES, then auto", async () => {
    const cores = availableParallelism();
    expect((await evaluated([...START, "-i", "3"], { HIDB_INSTANCES: "4" })).instances).toBe(3);
    expect((await evaluated(START, { HIDB_INSTANCES: "4" })).instances).toBe(4);
    expect((await evaluated(START)).instances).toBe(Math.max(cores, 3));
    expect((await evaluated([...START, "-i", "max"])).instances).toBe(cores);
    expect((await evaluated(START, { HIDB_INSTANCES: "max" })).instances).toBe(cores);
  });

  it("is under `auto` what the memory holds, and at least one", async () => {
    const auto = async (memoryMb: string) =>
      (await evaluated(START, { HIDB_INSTANCES: "auto", HIDB_MEMORY_MB: memoryMb })).instances;
    expect(await auto("250")).toBe(2);
    expect(await auto("100")).toBe(1);
    expect(await auto("50")).toBe(1);
  });

  it.each(["abc", "0", "-1", "3.7", "999", "", "3x", "1e1"])(
    "is refused in one line when it is `%s`",
    async (count) => {
      for (const typed of [
        [...START, "-i", count],
        [...START, `--instances=${count}`],
      ]) {
        const { code, stderr, stdout } = await evaluate(typed);
        expect(code).toBe(2);
        expect(stderr).toMatch(
          /^error: expected -i to be auto, max or a whole number from 1 to 64, got "[^\n]*\nfix: {3}.*\n$/,
        );
        expect(stdout).toBe("");
      }
    },
  );

  it("is refused when its memory does not fit, unless it is forced", async () => {
    const tight = { HIDB_MEMORY_MB: "600", HIDB_INSTANCE_MEMORY_MB: "250" };
    const { code, stderr } = await evaluate([...START, "-i", "3"], tight);
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /^error: expected 3 instances of 250 MB to fit into 600 MB.*\nfix: {3}start 2, .*HIDB_FORCE=1\n$/,
    );
    expect((await evaluated([...START, "-i", "2"], tight)).instances).toBe(2);
    expect((await evaluated([...START, "-i", "3"], { ...tight, HIDB_FORCE: "1" })).instances).toBe(3);
  });

  it("does not keep anybody from stopping or deleting", async () => {
    for (const command of ["stop", "delete"]) {
      expect((await evaluate([command, CONFIG_FILE], { HIDB_INSTANCES: "abc", HIDB_DRAIN_MS: "soon" })).code).toBe(0);
    }
  });
});

describe("the shell that types `pm2 start`", () => {
  it("does not set PM2's options, and passes on every setting", async () => {
    const shell = { NODE_APP_INSTANCE: "7", instances: "1", name: "x", kill_timeout: "100", HIDB_ORDER: "longest" };
    const { options, instances, kill_timeout, env } = await evaluated([...START, "-i", "3"], shell);
    expect(options).toEqual([]);
    expect(instances).toBe(3);
    expect(kill_timeout).toBe(40_000);
    const told = Object.entries(env).filter(([, value]) => value !== "");
    expect(Object.fromEntries(told)).toEqual({
      HIDB_ORDER: "longest",
      HIDB_INSTANCE_MEMORY_MB: "100",
      // What is in there is the matter of test/security.
      _HIDB_ENVIRONMENT: join(home, "hidb-environment.json"),
    });
  });
});

describe("a start on real PM2", () => {
  let pool: TestPool;
  afterEach(() => pool.end());

  it("takes `-i 3`, `-i max`, HIDB_INSTANCES=4 and `--instances=2`, and refuses a bad count", async () => {
    pool = await createPool({ videos: 60, videoMs: 20 });
    for (const [typed, environment, code, said] of [
      [["-i", "abc"], {}, 2, /^error: .*\nfix: .*\n$/],
      [["-i", "3"], { HIDB_MEMORY_MB: "100", HIDB_FORCE: "0" }, 3, /^error: .*\nfix: .*\n$/],
    ] as const) {
      const answer = await pool.pm2(["start", CONFIG_FILE, ...typed], environment);
      expect(answer.code).toBe(code);
      expect(answer.stderr).toMatch(said);
      expect(await pool.jlist()).toEqual([]);
    }
    for (const [typed, environment, count] of [
      [["-i", "3"], {}, 3],
      [["-i", "max"], {}, availableParallelism()],
      [[], { HIDB_INSTANCES: "4" }, 4],
    ] as [string[], Record<string, string>, number][]) {
      await pool.start(typed, environment);
      await pool.waitForInstances(count);
      pool.addVideos(30);
      await pool.waitForProgress();
      await pool.ok("delete", "hidb");
    }
    await pool.start(["--instances=2"]);
    const again = await pool.start(["-i", "3"]);
    expect(again.stderr).toContain(
      "running already with 2 instances, and PM2 keeps that count; for 3: pm2 scale hidb 3",
    );
    await pool.waitForInstances(2);
    await pool.finish();
    await pool.verify();
  });
});
