// What a person types: one seed to see it again and make it smaller, or many to look for one that fails.
import { type ChildProcess, fork } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Store } from "./engine.ts";
import { drawPlan, type Plan } from "./plan.ts";
import { shrink } from "./shrink.ts";
import { type Summary, Tally } from "./tally.ts";
import { tracing } from "./trace.ts";
import { simulate } from "./world.ts";

const TAIL_LINES = 60;

export async function main(argv: string[]): Promise<void> {
  const { values } = parseArgs({
    args: argv,
    options: {
      seed: { type: "string" },
      /** A file with a plan, in place of a seed. */
      plan: { type: "string" },
      /** Where the smallest failing plan is written. */
      save: { type: "string" },
      seeds: { type: "string" },
      from: { type: "string", default: "1" },
      jobs: { type: "string" },
      lines: { type: "string" },
      grep: { type: "string" },
      /** Every single step. */
      steps: { type: "boolean", default: false },
      "no-shrink": { type: "boolean", default: false },
      /** Ends with the first failure. */
      bail: { type: "boolean", default: false },
      /** Of one of several processes. */
      child: { type: "boolean", default: false },
    },
  });
  if (values.seed !== undefined || values.plan !== undefined) {
    const plan = values.plan === undefined ? drawPlan(values.seed ?? "") : readPlan(values.plan);
    process.exitCode = await replay(plan, values);
    return;
  }
  const [from, count] = [Number(values.from), Number(values.seeds ?? 200)];
  if (values.child) {
    await work({ from, count, bail: values.bail });
    process.disconnect?.();
    return;
  }
  const jobs = Number(values.jobs ?? Math.min(2, availableParallelism()));
  process.exitCode = await runMany({ from, count, jobs, bail: values.bail });
}

interface ReplayOptions {
  lines?: string;
  grep?: string;
  steps: boolean;
  save?: string;
  "no-shrink": boolean;
}

function readPlan(file: string): Plan {
  return JSON.parse(readFileSync(file, "utf8")) as Plan;
}

async function replay(plan: Plan, options: ReplayOptions): Promise<number> {
  const { seed } = plan;
  tracing.lines = true;
  tracing.steps = options.steps;
  const store = await Store.open();
  const { failure, trace, hash, steps, virtualMs, counts, settledMs, boundMs } = await simulate(plan, store);
  const wanted = options.grep === undefined ? undefined : new RegExp(options.grep);
  const lines = trace.lines.filter((line) => wanted?.test(line) ?? true);
  const most = Number(options.lines ?? TAIL_LINES);
  for (const line of lines.slice(-most)) console.log(line);
  console.log(JSON.stringify(Object.fromEntries([...counts].toSorted())));
  console.log(
    `seed ${seed}: ${steps} steps, ${(virtualMs / 3_600_000).toFixed(2)} h, settled ${(settledMs / 60_000).toFixed(1)} of ${(boundMs / 60_000).toFixed(0)} min after calm, trace ${hash}`,
  );
  if (failure === undefined) {
    console.log("held");
    return 0;
  }
  console.log(`BROKEN ${failure.rule}: ${failure.message}`);
  if (!options["no-shrink"]) {
    tracing.lines = false;
    const smallest = await shrink(plan, failure, store);
    console.log(`\nThe smallest that still breaks ${failure.rule}:\n${JSON.stringify(smallest.plan, null, 1)}`);
    console.log(`(${smallest.tries} tries)`);
    if (options.save !== undefined) writeFileSync(options.save, `${JSON.stringify(smallest.plan)}\n`);
    tracing.lines = true;
    const again = await simulate(smallest.plan, store);
    for (const line of again.trace.lines.slice(-most)) console.log(line);
    console.log(`BROKEN ${again.failure?.rule}: ${again.failure?.message}`);
  }
  return 1;
}

interface Many {
  from: number;
  count: number;
  bail: boolean;
}

/** In a child: tells its parent of each portion. */
async function work({ from, count, bail }: Many): Promise<void> {
  const store = await Store.open();
  const tally = new Tally();
  for (let seed = from; seed < from + count; seed++) {
    const result = await simulate(drawPlan(String(seed)), store);
    tally.add(result);
    if (result.failure !== undefined) {
      console.log(`seed ${seed}: BROKEN ${result.failure.rule}: ${result.failure.message}`);
      if (bail) break;
    }
  }
  process.send?.(tally.summary);
}

async function runMany({ from, count, jobs, bail }: Many & { jobs: number }): Promise<number> {
  const started = performance.now();
  const tally = new Tally();
  const children: ChildProcess[] = [];
  const each = Math.ceil(count / jobs);
  const ends = Array.from({ length: jobs }, (_, at) => {
    const first = from + at * each;
    const share = Math.max(0, Math.min(each, from + count - first));
    const options = ["--child", "--from", String(first), "--seeds", String(share), ...(bail ? ["--bail"] : [])];
    const child = fork(join(import.meta.dirname, "run.ts"), options, {
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    children.push(child);
    child.on("message", (summary) => {
      tally.merge(summary as Summary);
      if (bail && tally.summary.failing.length > 0) for (const other of children) if (other !== child) other.kill();
    });
    return new Promise<number | null>((resolve) => child.on("exit", resolve));
  });
  const codes = await Promise.all(ends);
  console.log(tally.describe((performance.now() - started) / 1000));
  const crashed = codes.some((code) => code !== 0 && !(bail && code === null));
  if (crashed) console.log("a process of the simulator ended before its time");
  return tally.summary.failing.length > 0 || crashed ? 1 : 0;
}
