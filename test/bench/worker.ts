// A Hono app as a hosted Worker: memory, speed and start, beside miniflare and `wrangler dev` with the same app, and the
// makespan of three instances whose app waits instead of working.
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock as clock } from "../../dist/clock.js";
import { hostWorker } from "../../dist/workerd/public.js";
import { freePort } from "../support/ports.ts";
import { readCatalogue } from "./catalogue.ts";
import { familyPssMb, median, pssMbOf, ROOT, World } from "./world.ts";

const APP = join(import.meta.dirname, "worker-app");
const WRANGLER = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");

export interface WorkerFigure {
  figure: string;
  measured: string;
  ratio: string;
  asked: string;
}

export async function benchWorker(): Promise<WorkerFigure[]> {
  const project = copyApp();
  try {
    return [
      ...(await memory(project)),
      await speed(project),
      await metering(project),
      await startup(project),
      await makespan(project, Number(process.env.WORKER_MAKESPAN_S ?? 60)),
    ];
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

/** The app as a person has it: a folder of its own, with wrangler in its node_modules. */
function copyApp(): string {
  const folder = mkdtempSync(join(tmpdir(), "hidb-bench-app-"));
  cpSync(APP, folder, { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return folder;
}

function worldFor(project: string, videos: number, settings: Record<string, string> = {}): Promise<World> {
  return World.create(
    Array.from({ length: videos }, () => ({ durationS: 0.01 })),
    // Each its own third: the one that wakes first would do most of so little.
    { HIDB_PROCESSOR: "worker", HIDB_SHARDING: "strict", HIDB_WORKER: join(project, "wrangler.jsonc"), ...settings },
  );
}

/** Each after 300 videos or requests, so that all have loaded what they use. */
async function memory(project: string): Promise<WorkerFigure[]> {
  const ours = await instanceMb(project);
  const bare = await miniflareMb(project);
  const dev = await wranglerDevMb(project);
  const figure = (name: string, mb: number, asked: string) => ({
    figure: `memory of an instance (PSS, of three) against ${name}`,
    measured: `${ours.toFixed(1)} MB against ${mb.toFixed(1)} MB`,
    ratio: `1/${(mb / ours).toFixed(1)}`,
    asked,
  });
  return [figure("wrangler dev", dev, "1/8"), figure("miniflare", bare, "1/3")];
}

async function instanceMb(project: string): Promise<number> {
  const world = await worldFor(project, 900);
  try {
    // All of them stand ready before the first claims, or it would have done most of the work.
    world.pause();
    world.start(3);
    world.resume();
    await world.untilDone();
    await clock.sleep(3000);
    const pids = world.instancePids();
    return pids.reduce((sum, pid) => sum + pssMbOf(pid), 0) / pids.length;
  } finally {
    world.end();
  }
}

async function miniflareMb(project: string): Promise<number> {
  const child = fork(join(import.meta.dirname, "worker-miniflare.ts"), ["memory", project], { cwd: ROOT });
  try {
    await once(child, "message");
    await clock.sleep(3000);
    return familyPssMb(child.pid ?? 0);
  } finally {
    child.kill("SIGKILL");
  }
}

async function wranglerDevMb(project: string): Promise<number> {
  const port = await freePort();
  const child = spawn(process.execPath, [WRANGLER, "dev", "--port", String(port), "--ip", "127.0.0.1"], {
    cwd: project,
    env: { PATH: process.env.PATH, HOME: project, WRANGLER_SEND_METRICS: "false", CI: "1" },
    stdio: "ignore",
    detached: true,
  });
  try {
    await untilAnswers(`http://127.0.0.1:${port}/api/hello`);
    for (let request = 0; request < 300; request++) {
      await (await fetch(`http://127.0.0.1:${port}/api/hello`)).text();
    }
    await clock.sleep(3000);
    return familyPssMb(child.pid ?? 0);
  } finally {
    endGroup(child);
  }
}

/** The same route of the same app, `fetch` after `fetch` and then many at once; the medians of five runs. */
async function speed(project: string): Promise<WorkerFigure> {
  const worker = await hostWorker({
    config: join(project, "wrangler.jsonc"),
    d1: ["DB"],
    isolation: "process",
    onLog: (_level, text) => console.error(text),
  });
  const threaded = await hostWorker({ config: join(project, "wrangler.jsonc"), d1: ["DB"] });
  const child = fork(join(import.meta.dirname, "worker-miniflare.ts"), ["speed", project], { cwd: ROOT });
  try {
    await once(child, "message");
    const ours: number[] = [];
    const inThread: number[] = [];
    const theirs: number[] = [];
    for (let run = 0; run < 5; run++) {
      ours.push(await requestsPerSecond((url) => worker.fetch(url), 4000));
      inThread.push(await requestsPerSecond((url) => threaded.fetch(url), 2000));
      child.send("go");
      const [[answered]] = [await once(child, "message")];
      theirs.push(Number(answered));
    }
    const [here, thread, there] = [median(ours), median(inThread), median(theirs)];
    return {
      figure: "requests/s of the app in process (in a thread) against miniflare's dispatchFetch",
      measured: `${here.toFixed(0)} (${thread.toFixed(0)}) against ${there.toFixed(0)}`,
      ratio: `${(here / there).toFixed(1)} (${(thread / there).toFixed(1)})`,
      asked: "3",
    };
  } finally {
    child.kill("SIGKILL");
    await worker.close();
    await threaded.close();
  }
}

/** CPU a request with limits reported against limits off, in turn; one that asks D1 once, eight at a time. */
async function metering(project: string): Promise<WorkerFigure> {
  const host = (mode: "off" | "report") =>
    hostWorker({ config: join(project, "wrangler.jsonc"), d1: ["DB"], limits: { mode } });
  const workers = { off: await host("off"), report: await host("report") };
  const costs: Record<"off" | "report", number[]> = { off: [], report: [] };
  for (let round = 0; round < 12; round++) {
    for (const mode of ["off", "report"] as const) {
      const before = process.cpuUsage();
      const lane = async () => {
        for (let request = 0; request < 750; request++) await (await workers[mode].fetch("/api/one")).text();
      };
      await Promise.all(Array.from({ length: 8 }, lane));
      const { user, system } = process.cpuUsage(before);
      costs[mode].push((user + system) / 6000);
    }
  }
  await Promise.all([workers.off.close(), workers.report.close()]);
  const [off, report] = [median(costs.off.slice(2)), median(costs.report.slice(2))];
  return {
    figure: "metering: CPU of a request with limits reported against off",
    measured: `${report.toFixed(1)} us against ${off.toFixed(1)} us`,
    ratio: `${((report / off - 1) * 100).toFixed(1)} %`,
    asked: "3 %",
  };
}

export async function requestsPerSecond(ask: (url: string) => Promise<Response>, requests: number): Promise<number> {
  const started = clock.monotonic();
  for (let request = 0; request < requests; request++) {
    const response = await ask("http://localhost/api/hello");
    if ((await response.text()) !== '{"hello":"hidb"}') throw new Error("the app answered something else");
  }
  return requests / ((clock.monotonic() - started) / 1000);
}

/** From the start of the process to its first claim, built before; the median of nine. */
async function startup(project: string): Promise<WorkerFigure> {
  const times: number[] = [];
  for (let run = 0; run < 9; run++) {
    const world = await worldFor(project, 1);
    const env = world.environment();
    const spawnedAt = clock.now();
    const child = fork(join(ROOT, "dist", "entry.cjs"), [], { env, cwd: ROOT, stdio: "ignore" });
    const died = once(child, "exit").then(([code]) => Promise.reject(new Error(`the instance ended with ${code}`)));
    await Promise.race([world.untilDone(20), died]);
    died.catch(() => undefined);
    times.push(
      world.query((database) => {
        const row = database.prepare("SELECT claimed_at AS at FROM hidb_videos").get() as { at: number };
        return row.at - spawnedAt;
      }),
    );
    child.kill("SIGTERM");
    await once(child, "exit");
    world.remove();
  }
  const ms = median(times);
  return {
    figure: "start of an instance to its first video",
    measured: `${ms.toFixed(0)} ms (${Math.min(...times)}-${Math.max(...times)})`,
    ratio: "",
    asked: "400 ms",
  };
}

async function makespan(project: string, seconds: number): Promise<WorkerFigure> {
  const { entries, name } = readCatalogue();
  const durations = entries.map(({ durationS }) => durationS ?? 0);
  const sum = durations.reduce((total, one) => total + one, 0);
  const instances = 3;
  const factor = (seconds * instances) / sum;
  const boundS = Math.max(sum / instances, Math.max(...durations)) * factor;
  const world = await World.create(entries, {
    HIDB_PROCESSOR: "worker",
    HIDB_WORKER: join(project, "wrangler.jsonc"),
    HIDB_WORKER_REQUEST: `POST /api/videos/{id}/wait?factor=${factor}`,
    HIDB_ORDER: "longest",
  });
  try {
    world.pause();
    world.start(instances);
    world.resume();
    await world.untilDone();
    const makespanS = world.makespanMs() / 1000;
    const failed = entries.length - (world.counts().completed ?? 0);
    return {
      figure: `makespan of ${name} on ${instances} instances whose app waits${failed > 0 ? `, ${failed} FAILED` : ""}`,
      measured: `${makespanS.toFixed(1)} s, bound ${boundS.toFixed(1)} s`,
      ratio: (boundS / makespanS).toFixed(3),
      asked: "0.97",
    };
  } finally {
    world.end();
  }
}

async function untilAnswers(url: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await clock.sleep(100);
  }
  throw new Error(`nothing answers at ${url}`);
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

if (import.meta.main) console.table(await benchWorker());
