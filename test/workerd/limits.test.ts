import { once } from "node:events";
import { Worker as Thread } from "node:worker_threads";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../src/clock.js";
import { readConfig } from "../../src/config/read.js";
import { type Countable, Meter } from "../../src/workerd/limits/meter.js";
import { reportUsage } from "../../src/workerd/limits/report.js";
import { readLimits } from "../../src/workerd/limits/settings.js";
import { LIMITS_OF, type Limits } from "../../src/workerd/limits/tables.js";
import { type ThreadSample, threadCpuMs, watchThread } from "../../src/workerd/limits/watch.js";

const SMALL: Limits = { ...LIMITS_OF.free, subrequests: 2, d1Queries: 2, cacheCalls: 2, serviceCalls: 2, logBytes: 2 };

describe("a meter", () => {
  it.each<[Countable, string]>([
    ["subrequests", "Too many subrequests by single Worker invocation. To configure this limit, refer to https://"],
    ["serviceCalls", "Too many API requests by single Worker invocation. To configure this limit, refer to https://"],
    ["cacheCalls", "Too many API requests by single Worker invocation."],
    ["d1Queries", "D1_ERROR: Too many API requests by single Worker invocation."],
  ])("that enforces lets %s reach the limit, and refuses what is beyond in Cloudflare's words", (what, text) => {
    const meter = new Meter(SMALL, "enforce");
    meter.count(what);
    meter.count(what);
    expect(meter.isOver(what)).toBe(false);
    expect(() => meter.count(what)).toThrow(text);
    expect(() => meter.count(what)).toThrow(text);
    expect(meter.usage[what]).toBe(4);
  });

  it("counts what many at once amount to", () => {
    const meter = new Meter(SMALL, "enforce");
    expect(() => meter.count("d1Queries", 3)).toThrow();
    expect(meter.usage.d1Queries).toBe(3);
  });

  it.each(["report", "off"] as const)("in the mode `%s` refuses nothing", (mode) => {
    const meter = new Meter(SMALL, mode);
    for (let time = 0; time < 5; time++) meter.count("subrequests");
    expect(meter.isOver("subrequests")).toBe(true);
  });

  it("never refuses a line of the log or an answer: Cloudflare only drops the lines", () => {
    const meter = new Meter({ ...SMALL, responseBytes: 1 }, "enforce");
    meter.count("logBytes", 300_000);
    meter.count("responseBytes", 300_000);
    expect([meter.isOver("logBytes"), meter.isOver("responseBytes")]).toEqual([true, true]);
  });

  it("knows no limit where the limit is 0", () => {
    const meter = new Meter({ ...SMALL, subrequests: 0 }, "enforce");
    meter.count("subrequests", 1_000_000);
    expect(meter.isOver("subrequests")).toBe(false);
  });

  it("costs a fraction of a microsecond", () => {
    const meter = new Meter(LIMITS_OF.paid, "report");
    const kinds: Countable[] = ["subrequests", "serviceCalls", "d1Queries", "logBytes"];
    const started = performance.now();
    for (let at = 0; at < 1_000_000; at++) meter.count(kinds[at & 3] as Countable);
    expect(performance.now() - started).toBeLessThan(250);
  });
});

describe("a report", () => {
  it("names what went over the plan's limits, with figure and limit", () => {
    const { usage } = new Meter(LIMITS_OF.paid, "report");
    Object.assign(usage, { cpuMs: 41_200.12345, subrequests: 10_000, d1Queries: 1001, responseBytes: 1e12 });
    expect(reportUsage(usage, LIMITS_OF.paid, "paid")).toEqual({
      plan: "paid",
      over: ["cpu", "d1"],
      cpuMs: 41_200.123,
      memoryMb: 0,
      subrequests: 10_000,
      serviceCalls: 0,
      cacheCalls: 0,
      d1Queries: 1001,
      requestBytes: 0,
      responseBytes: 1e12,
      logBytes: 0,
      waitUntilMs: 0,
      limits: { cpu: 30_000, d1: 1000 },
    });
  });

  it("names every limit that is compared with a figure", () => {
    const { usage } = new Meter(LIMITS_OF.free, "report");
    for (const key of Object.keys(usage) as (keyof typeof usage)[]) usage[key] = 1e12;
    const { over } = reportUsage(usage, { ...LIMITS_OF.free, responseBytes: 1 }, "free");
    expect(over.join()).toBe("cpu,memory,subrequests,services,cache,d1,request,response,log,waitUntil");
  });
});

describe("the limits in force", () => {
  const read = (environment: NodeJS.ProcessEnv, configured?: Partial<Limits>) =>
    readLimits(readConfig({ environment, cwd: "/" }), configured);

  it("are those of the paid plan, and only reported, unless somebody says otherwise", () => {
    expect(read({})).toEqual({ mode: "report", plan: "paid", limits: LIMITS_OF.paid });
    expect(read({ HIDB_WORKERD_LIMITS: "enforce", HIDB_WORKERD_PLAN: "free" })).toEqual({
      mode: "enforce",
      plan: "free",
      limits: LIMITS_OF.free,
    });
  });

  it("are single values above the Worker's config, and that above the plan", () => {
    const configured = { cpuMs: 300_000, subrequests: 50_000 };
    const { limits } = read({ HIDB_WORKERD_CPU_MS: "100", HIDB_WORKERD_LOG_KB: "1" }, configured);
    expect(limits).toEqual({ ...LIMITS_OF.paid, cpuMs: 100, subrequests: 50_000, logBytes: 1000 });
  });

  it("can be set each, in the unit that its name has", () => {
    const environment = Object.fromEntries(
      "CPU_MS MEMORY_MB SUBREQUESTS D1_QUERIES CONNECTIONS REQUEST_MB LOG_KB WAIT_UNTIL_MS"
        .split(" ")
        .map((name, at) => [`HIDB_WORKERD_${name}`, String(at + 1)]),
    );
    expect(read(environment).limits).toMatchObject({
      cpuMs: 1,
      memoryMb: 2,
      subrequests: 3,
      d1Queries: 4,
      connections: 5,
      requestBytes: 6_000_000,
      logBytes: 7000,
      waitUntilMs: 8,
    });
  });

  it("are refused beyond what Cloudflare could ever allow", () => {
    expect(() => read({ HIDB_WORKERD_CPU_MS: "900001" })).toThrow("a whole number from 0 to 900000");
    expect(() => read({ HIDB_WORKERD_PLAN: "enterprise" })).toThrow("expected HIDB_WORKERD_PLAN to be free, paid");
  });
});

describe("a watched thread", () => {
  async function startThread(program: string): Promise<Thread> {
    const thread = new Thread(`const { parentPort: port } = require("node:worker_threads");\n${program}`, {
      eval: true,
    });
    onTestFinished(async () => void (await thread.terminate()));
    await once(thread, "online");
    return thread;
  }

  /** Resolves to the first sample that will do. */
  function firstSample(thread: Thread, will: (sample: ThreadSample) => boolean): Promise<ThreadSample> {
    const { promise, resolve } = Promise.withResolvers<ThreadSample>();
    const stop = watchThread(thread, {
      clock: systemClock,
      everyMs: 5,
      onSample: (sample) => will(sample) && resolve(sample),
    });
    return promise.finally(stop);
  }

  it("tells its CPU while it spins and hears nothing", async () => {
    const thread = await startThread("port.once('message', () => { for (;;); });");
    thread.postMessage("spin");
    const { cpuMs } = await firstSample(thread, (sample) => sample.cpuMs > 60);
    expect(cpuMs).toBeLessThan(10_000);
  });

  it("tells its heap and its buffers", async () => {
    const thread = await startThread("port.on('message', () => { globalThis.kept = Buffer.alloc(50e6, 1); });");
    const before = await firstSample(thread, ({ memoryMb }) => memoryMb > 0);
    thread.postMessage("hold");
    const after = await firstSample(thread, ({ memoryMb }) => memoryMb > before.memoryMb + 40);
    expect(after.memoryMb - before.memoryMb).toBeLessThan(80);
  });

  it("costs nothing once nobody watches it, or once it has ended", async () => {
    const thread = await startThread("port.on('message', () => process.exit());");
    let samples = 0;
    const watch = () => watchThread(thread, { clock: systemClock, everyMs: 1, onSample: () => samples++ });
    const stop = watch();
    await expect.poll(() => samples).toBeGreaterThan(2);
    stop();
    const seen = samples;
    await systemClock.sleep(30);
    expect(samples).toBe(seen);
    watch();
    thread.postMessage("end");
    await once(thread, "exit");
    const last = samples;
    await systemClock.sleep(30);
    expect(samples).toBe(last);
    expect(thread.listenerCount("exit")).toBe(0);
  });

  it("knows from inside what it has computed", () => {
    const before = threadCpuMs();
    const until = performance.now() + 30;
    while (performance.now() < until);
    expect(threadCpuMs() - before).toBeGreaterThan(5);
  });
});
