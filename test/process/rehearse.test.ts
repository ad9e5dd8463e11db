import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { type Clock, systemClock as clock } from "../../src/clock.js";
import { readConfig } from "../../src/config/read.js";
import type { AttemptContext } from "../../src/process/processor.js";
import { createRehearse } from "../../src/process/rehearse.js";
import type { Outcome, Video } from "../../src/video.js";

const dist = new URL("../../dist/", import.meta.url).href;

function setup(environment: Record<string, string> = {}, ownClock: Clock = clock) {
  const config = readConfig({ environment, cwd: "/" });
  return createRehearse(config, { clock: ownClock });
}

function video(id: number, durationS: number | null = 0): Video {
  return { id, source: `/videos/${id}.mp4`, title: null, durationS };
}

function context({ attempt = 1, signal = new AbortController().signal } = {}): AttemptContext {
  return { attempt, rank: 0, count: 1, signal, database: {} as AttemptContext["database"] };
}

async function outcomesOf(environment: Record<string, string>, { attempt = 1, videos = 4000 } = {}) {
  const rehearse = setup(environment);
  const outcomes: Outcome[] = [];
  for (let id = 0; id < videos; id++) outcomes.push(await rehearse.process(video(id), context({ attempt })));
  return outcomes.map((outcome) => outcome.kind);
}

const shareOf = (kinds: string[], kind: string) => kinds.filter((one) => one === kind).length / kinds.length;

describe("rehearse", () => {
  it("waits for the duration times the factor, and says how long it was", async () => {
    const startedAt = clock.monotonic();
    const outcome = await setup({ HIDB_REHEARSE_FACTOR: "0.001" }).process(video(1, 40), context());
    expect(clock.monotonic() - startedAt).toBeGreaterThanOrEqual(40);
    expect(outcome).toMatchObject({ kind: "completed" });
    const { rehearsed_s } = JSON.parse(outcome.kind === "completed" ? (outcome.output ?? "") : "");
    expect(rehearsed_s).toBeGreaterThanOrEqual(0.04);
  });

  it("takes one second for an unknown duration", async () => {
    const startedAt = clock.monotonic();
    await setup({ HIDB_REHEARSE_FACTOR: "0.02" }).process(video(1, null), context());
    expect(clock.monotonic() - startedAt).toBeGreaterThanOrEqual(20);
  });

  it("ends a wait on time although each timer is late by a millisecond", async () => {
    let passedMs = 0;
    const late: Clock = {
      ...clock,
      // A turn of the event loop.
      monotonic: () => {
        passedMs += 0.01;
        return passedMs;
      },
      sleep: async (ms) => {
        passedMs += ms + 1;
      },
    };
    await setup({ HIDB_REHEARSE_FACTOR: "0.001" }, late).process(video(1, 25), context());
    expect(passedMs).toBeGreaterThanOrEqual(25);
    expect(passedMs).toBeLessThan(25.1);
  });

  it("hands out one and the same outcome when there is nothing to wait for", async () => {
    const rehearse = setup({ HIDB_REHEARSE_FACTOR: "0" });
    const first = rehearse.process(video(1, 300), context());
    expect(rehearse.process(video(2, 300), context())).toBe(first);
    expect(await first).toEqual({ kind: "completed", output: null });
  });

  it("gives the attempt back as soon as its signal is aborted", async () => {
    const drain = new AbortController();
    const startedAt = clock.monotonic();
    const attempt = setup().process(video(1, 60), context({ signal: drain.signal }));
    drain.abort();
    expect(await attempt).toEqual({ kind: "released" });
    expect(clock.monotonic() - startedAt).toBeLessThan(60_000);
    expect(await setup().process(video(1, 60), context({ signal: drain.signal }))).toEqual({ kind: "released" });
  });

  it("fails the share of attempts it is told to, the same ones for the same seed", async () => {
    const kinds = await outcomesOf({ HIDB_REHEARSE_FAIL: "0.2" });
    expect(shareOf(kinds, "retry")).toBeCloseTo(0.2, 1);
    expect(await outcomesOf({ HIDB_REHEARSE_FAIL: "0.2" })).toEqual(kinds);
    expect(await outcomesOf({ HIDB_REHEARSE_FAIL: "0.2", HIDB_REHEARSE_SEED: "2" })).not.toEqual(kinds);
    expect(await outcomesOf({ HIDB_REHEARSE_FAIL: "0.2" }, { attempt: 2 })).not.toEqual(kinds);
  });

  it("fails the same videos for good in every attempt", async () => {
    const kinds = await outcomesOf({ HIDB_REHEARSE_PERMANENT: "0.1" });
    expect(shareOf(kinds, "failed")).toBeCloseTo(0.1, 1);
    expect(await outcomesOf({ HIDB_REHEARSE_PERMANENT: "0.1" }, { attempt: 2 })).toEqual(kinds);
  });

  it("hangs without hearing its signal when told to", async () => {
    const drain = new AbortController();
    const attempt = setup({ HIDB_REHEARSE_HANG: "1" }).process(video(1), context({ signal: drain.signal }));
    drain.abort();
    expect(await Promise.race([attempt, clock.sleep(50).then(() => "hangs")])).toBe("hangs");
  });

  it("blocks the event loop for its whole time when told to", async () => {
    let turns = 0;
    const turning = setInterval(() => turns++, 1);
    const startedAt = clock.monotonic();
    const environment = { HIDB_REHEARSE_BLOCK: "1", HIDB_REHEARSE_FACTOR: "0.1" };
    const attempt = setup(environment).process(video(1, 1), context());
    expect(clock.monotonic() - startedAt).toBeGreaterThanOrEqual(99);
    expect(turns).toBe(0);
    clearInterval(turning);
    expect(await attempt).toMatchObject({ kind: "completed" });
  });

  it("keeps the memory it is told to take until it is closed", async () => {
    const rehearse = setup({ HIDB_REHEARSE_ALLOC_MB: "20" });
    const before = process.memoryUsage().arrayBuffers;
    await rehearse.process(video(1), context());
    await rehearse.process(video(2), context());
    expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThanOrEqual(40 * 1024 * 1024);
    await rehearse.close();
  });

  it("kills its own instance half-way through when told to", async () => {
    const script = `
      import { systemClock as clock } from "${dist}clock.js";
      import { readConfig } from "${dist}config/read.js";
      import { createRehearse } from "${dist}process/rehearse.js";
      const rehearse = createRehearse(readConfig(), { clock });
      const video = { id: 1, source: "a", title: null, durationS: 0.2 };
      await rehearse.process(video, { attempt: 1, rank: 0, count: 1, signal: new AbortController().signal });
      console.log("survived");
    `;
    const env = { ...process.env, HIDB_REHEARSE_DIE: "1" };
    const instance = spawn(process.execPath, ["--input-type=module", "-e", script], { env });
    const said: Buffer[] = [];
    instance.stdout.on("data", (chunk) => said.push(chunk));
    const [, signal] = await once(instance, "close");
    expect(signal).toBe("SIGKILL");
    expect(Buffer.concat(said).toString()).toBe("");
  });
});
