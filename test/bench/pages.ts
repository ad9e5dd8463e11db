// What 50 open pages cost the pool: videos a second with and without them, in alternating spells of one run; and the CPU of
// its instances, which busy neighbours disturb less.
import { readFileSync } from "node:fs";
import { type ClientRequest, get, type IncomingMessage } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Page } from "playwright-core";
import { launch, whyNoBrowser } from "../dashboard/browser.ts";
import { freePort } from "../support/ports.ts";
import { median, World } from "./world.ts";

export interface PagesFigure {
  videos: string;
  pages: number;
  /** Of those, in a real Chromium on the same two cores; the others only ask for what a page asks for. */
  real: number;
  without: number;
  with: number;
  /** What is left of the rate: the median over spells, each against the spells before and after it. */
  ratio: number;
  ratios: string;
  /** Cores that the instances keep busy. */
  coresWithout: number;
  coresWith: number;
  events: number;
}

interface Run {
  name: string;
  durationS: number;
  count: number;
  real: number;
}

const PAGES = 50;
const SPELL_MS = 4000;
const SETTLE_MS = 1000;
/** As the overview asks for its chart. */
const SERIES_EVERY_MS = 5000;

export async function benchPages(rounds = 9): Promise<PagesFigure[]> {
  const figures: PagesFigure[] = [];
  const runs: Run[] = [
    { name: "20 ms, 4 side by side", durationS: 0.02, count: 100_000, real: 0 },
    ...(whyNoBrowser() === undefined
      ? [{ name: "20 ms, 4 side by side", durationS: 0.02, count: 100_000, real: 3 }]
      : []),
  ];
  for (const run of runs) figures.push(await measure(run, rounds));
  return figures;
}

async function measure({ name, durationS, count, real }: Run, rounds: number): Promise<PagesFigure> {
  const port = await freePort(4);
  const world = await World.create(
    Array.from({ length: count }, () => ({ durationS })),
    { HIDB_PORT: String(port), HIDB_CONCURRENCY: "4", HIDB_HEARTBEAT_MS: "100" },
  );
  const url = `http://127.0.0.1:${port}`;
  const browser = real > 0 ? await launch() : undefined;
  const without: Spell[] = [];
  const together: Spell[] = [];
  let events = 0;
  try {
    world.start(3);
    await delay(SETTLE_MS);
    without.push(await spell(world));
    for (let round = 0; round < rounds; round++) {
      const clients = Array.from({ length: PAGES - real }, () => new Client(url));
      const pages: Page[] = [];
      for (let one = 0; one < real; one++) {
        // Each a window of its own, so that all of them count as looked at.
        const page = await (await (browser as NonNullable<typeof browser>).newContext()).newPage();
        await page.goto(url);
        pages.push(page);
      }
      await delay(SETTLE_MS);
      together.push(await spell(world));
      for (const client of clients) events += client.close();
      for (const page of pages) await page.context().close();
      await delay(SETTLE_MS);
      without.push(await spell(world));
    }
  } finally {
    await browser?.close();
    world.end();
  }
  const rates = { without: without.map(({ rate }) => rate), with: together.map(({ rate }) => rate) };
  const around = (at: number) => ((rates.without[at] ?? 0) + (rates.without[at + 1] ?? 0)) / 2;
  const ratios = rates.with.map((rate, at) => rate / around(at));
  return {
    ...{ videos: name, pages: PAGES, real, events, without: median(rates.without), with: median(rates.with) },
    ratio: median(ratios),
    ratios: ratios.map((ratio) => ratio.toFixed(2)).join(" "),
    coresWithout: median(without.map(({ cores }) => cores)),
    coresWith: median(together.map(({ cores }) => cores)),
  };
}

interface Spell {
  rate: number;
  cores: number;
}

async function spell(world: World): Promise<Spell> {
  const completed = () =>
    world.query((database) => database.prepare("SELECT sum(completed) FROM hidb_instances").pluck().get() as number);
  const pids = world.instancePids();
  const [videos, cpu, started] = [completed(), cpuSeconds(pids), performance.now()];
  await delay(SPELL_MS);
  const seconds = (performance.now() - started) / 1000;
  return { rate: (completed() - videos) / seconds, cores: (cpuSeconds(pids) - cpu) / seconds };
}

const TICKS_A_SECOND = 100;

/** Of all these processes so far. */
function cpuSeconds(pids: number[]): number {
  return pids.reduce((sum, pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return sum + (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
  }, 0);
}

/** Asks for what an open page asks for: its files, the stream, and the chart from time to time. */
class Client {
  readonly #requests: ClientRequest[] = [];
  readonly #timer: NodeJS.Timeout;
  #events = 0;

  constructor(url: string) {
    this.#ask(`${url}/`);
    this.#ask(`${url}/api/v1/events`, (text) => {
      this.#events += text.split("event: overview").length - 1;
    });
    this.#timer = setInterval(() => this.#ask(`${url}/api/v1/series?minutes=60`), SERIES_EVERY_MS);
  }

  /** How many events it has heard. */
  close(): number {
    clearInterval(this.#timer);
    for (const request of this.#requests) request.destroy();
    return this.#events;
  }

  #ask(url: string, hear: (text: string) => void = () => {}): void {
    const request = get(url, (response: IncomingMessage) => response.setEncoding("utf8").on("data", hear));
    request.on("error", () => {}); // Closed by us.
    this.#requests.push(request);
  }
}

if (import.meta.main) console.table(await benchPages(Number(process.argv[2] ?? 3)));
