// `npm run faults -- nth`: every operation of every command fails once, and is the last one once.
import { parseArgs } from "node:util";
import { type D1Server, startD1Server } from "../../d1/server.ts";
import { CommandTrial, type Verdict } from "./case.ts";
import { COMMANDS } from "./commands.ts";
import { Distant } from "./distant.ts";
import { JOURNEYS, MODES, type Mode, type Strike } from "./fault.ts";
import { Runner } from "./hands.ts";
import { type Figures, loop } from "./loop.ts";
import type { Lane } from "./place.ts";
import { POOLS, PoolTrial } from "./pool.ts";
import { REMOTE_COMMANDS } from "./remote-commands.ts";

const LANES = 3;
const HELP = "usage: npm run faults -- nth [--only <command>] [--mode <mode>] [--n <number>]";

export interface Trial {
  readonly counts: { operations: number; requests: number };
  run(strike: Strike, lane: Lane): Promise<Verdict>;
  end(): void;
}

export interface Plan {
  name: string;
  modes: readonly Mode[];
  isRemote: boolean;
  open: (lane: Lane) => Promise<Trial>;
}

export const PLANS: Plan[] = [
  ...[...COMMANDS, ...REMOTE_COMMANDS].map((command) => ({
    name: command.name,
    modes: [...(command.remote === "D1" ? [] : MODES), ...(command.remote === undefined ? [] : JOURNEYS)],
    isRemote: command.remote !== undefined,
    open: (lane: Lane) => CommandTrial.of(command, lane),
  })),
  ...POOLS.map((kind) => ({
    name: kind.name,
    modes: MODES,
    isRemote: false,
    open: (lane: Lane) => PoolTrial.of(kind, lane),
  })),
];

export async function runNth(argv: string[]): Promise<number> {
  const { values } = parseArgs({
    args: argv,
    options: { only: { type: "string" }, mode: { type: "string" }, n: { type: "string" } },
  });
  const plans = PLANS.filter(({ name }) => values.only === undefined || name === values.only);
  if (plans.length === 0) {
    console.error(`error: expected one of ${PLANS.map(({ name }) => name).join(", ")}, got ${values.only}\n${HELP}`);
    return 2;
  }
  const range = values.n === undefined ? {} : { first: Number(values.n), last: Number(values.n) };
  const { lanes, end } = await openLanes(values.n === undefined ? LANES : 1, {
    isRemote: plans.some((plan) => plan.isRemote),
  });
  const all: Figures[] = [];
  try {
    for (const { name, modes, open } of plans) {
      const trial = await open(lanes[0] as Lane);
      for (const mode of modes.filter((one) => values.mode === undefined || one === values.mode)) {
        const figures = await loop({ command: name, mode, ...range }, lanes, (at, lane) =>
          trial.run({ mode, at }, lane),
        );
        tell(figures);
        all.push(figures);
      }
      trial.end();
    }
  } finally {
    await end();
  }
  const sum = (figure: (one: Figures) => number) => all.reduce((total, one) => total + figure(one), 0);
  const killed = sum(({ mode, hit }) => (mode.startsWith("kill") ? hit : 0));
  console.log(
    `${sum(({ hit }) => hit) - killed} operations failed, ${killed} killed, ${sum((one) => one.problems.length)} wrong`,
  );
  return all.some(({ problems }) => problems.length > 0) ? 1 : 0;
}

/** Hands for so many cases at a time. */
export async function openLanes(
  count: number,
  { isRemote }: { isRemote: boolean },
): Promise<{ lanes: Lane[]; end: () => Promise<void> }> {
  const server: D1Server | undefined = isRemote
    ? await startD1Server({ slots: count + 1, limits: { max: 1e9 } })
    : undefined;
  const lanes: Lane[] = [];
  for (let lane = 0; lane < count; lane++) {
    const runner = new Runner();
    lanes.push(server === undefined ? { runner } : { runner, distant: await Distant.on(server) });
  }
  const end = async () => {
    for (const { runner } of lanes) runner.end();
    await server?.close();
  };
  return { lanes, end };
}

function tell({ command, mode, hit, ends, problems }: Figures): void {
  console.log(`${command}, ${mode}: ${hit} operations, ${JSON.stringify(ends)}, ${problems.length} wrong`);
  for (const { n, hit: what, problems: found } of problems.slice(0, 6)) {
    console.log(`  n=${n} (${what})`);
    for (const problem of found) console.log(`    ${problem}`);
    console.log(`    again: npm run faults -- nth --only "${command}" --mode "${mode}" --n ${n}`);
  }
}
