// A folder with a database of its own, and hidb in it.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import BetterSqlite3 from "better-sqlite3";
import { Carrier } from "./carrier.ts";
import { contentOf, copyFolder } from "./content.ts";
import type { Distant } from "./distant.ts";
import { faultOf, type Strike } from "./fault.ts";
import { ENTRY, type Runner, type Running, start } from "./hands.ts";
import type { Done, Order } from "./order.ts";

const WORKED = 14;
/** What becomes of a video in these runs is settled by its id: the first attempt of some fails, others fail for good. */
const REHEARSAL = {
  HIDB_PROCESSOR: "rehearse",
  HIDB_REHEARSE_FACTOR: "0.002",
  HIDB_REHEARSE_PERMANENT: "0.15",
  HIDB_BACKOFF_MS: "1",
};

/** What one case at a time has to itself. */
export interface Lane {
  runner: Runner;
  /** Where D1 is asked for. */
  distant?: Distant;
}

let workedFolder: Promise<string> | undefined;

export class Place {
  readonly folder: string;
  readonly file: string;
  readonly journal: string;
  readonly lane: Lane;
  readonly #carrier: Carrier | undefined;
  readonly #env: Record<string, string>;

  private constructor(lane: Lane, env: Record<string, string>, carrier: Carrier | undefined) {
    this.folder = mkdtempSync(join(tmpdir(), "hidb-nth-"));
    this.file = join(this.folder, "hidb.sqlite");
    this.journal = join(this.folder, "journal.ndjson");
    this.lane = lane;
    this.#carrier = carrier;
    this.#env = {
      HOME: this.folder,
      HIDB_SQLITE_FILE: this.file,
      HIDB_LOG_DIR: join(this.folder, "logs"),
      HIDB_SPOOL_DIR: join(this.folder, "spool"),
      HIDB_JOURNAL: this.journal,
      HIDB_PORT: "0",
      ...REHEARSAL,
      ...(carrier === undefined || lane.distant === undefined ? {} : wayTo(lane.distant, carrier)),
      ...env,
    };
  }

  static async open(lane: Lane, env: Record<string, string> = {}): Promise<Place> {
    const carrier = lane.distant === undefined ? undefined : await Carrier.to(lane.distant.server.baseUrl);
    return new Place(lane, env, carrier);
  }

  /** In the process that stays. */
  hidb(...args: string[]): Promise<Done> {
    return this.run(args, undefined);
  }

  async run(args: string[], strike: Strike | undefined): Promise<Done> {
    this.#carrier?.arm(strike);
    const done = await this.lane.runner.run(this.#order(args, strike));
    return { ...done, hit: done.hit ?? this.#carrier?.hit };
  }

  /** In a process of its own. */
  start(program: string, args: string[], strike?: Strike, env: Record<string, string> = {}): Running {
    const order = this.#order(args, strike);
    this.#carrier?.arm(strike);
    const running = start(program, { ...order, env: { ...order.env, ...env } });
    if (this.#carrier !== undefined) this.#carrier.victim = running.child;
    const ended = running.ended.then((done) => ({ ...done, hit: done.hit ?? this.#carrier?.hit }));
    return { ...running, ended };
  }

  /** Since the last command began. */
  get requests(): number {
    return this.#carrier?.requests ?? 0;
  }

  #order(args: string[], strike: Strike | undefined): Order {
    return { args, cwd: this.folder, env: this.#env, fault: faultOf(strike) };
  }

  /** A list of videos that take a few milliseconds each. */
  async fill(videos: number): Promise<void> {
    const rows = Array.from({ length: videos }, (_, at) => `/videos/${at + 1}.mp4,${1 + (at % 3)}`);
    const list = join(this.folder, "videos.csv");
    writeFileSync(list, ["source,duration_s", ...rows].join("\n"));
    const { code, stderr } = await this.hidb("add", list);
    rmSync(list);
    if (code !== 0) throw new Error(`expected videos to be added, got ${stderr}`);
  }

  /** What a pool has left: videos in most states, attempts, instances, a journal; and two that nobody has tried yet. */
  async fillWorked(): Promise<void> {
    workedFolder ??= makeWorked(this.lane.runner);
    copyFolder(await workedFolder, this.folder);
  }

  /** All rows, here and in D1. */
  async content(): Promise<string[]> {
    const here = existsSync(this.file) ? contentOf(this.file) : [];
    return [...here, ...((await this.lane.distant?.content()) ?? [])];
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** What `hidb verify` has to say, with the journal where there is one. */
  async verify(): Promise<string[]> {
    const { code, stdout, stderr } = await this.hidb("verify");
    return code === 0 ? [] : [`hidb verify ended with ${code}: ${(stdout + stderr).trim()}`];
  }

  query<T>(sql: string): T[] {
    const database = new BetterSqlite3(this.file, { readonly: true });
    try {
      return database.prepare<[], T>(sql).all();
    } finally {
      database.close();
    }
  }

  end(): void {
    this.#carrier?.end();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function wayTo({ server, id }: Distant, { baseUrl }: Carrier): Record<string, string> {
  const { accountId, apiToken } = server;
  return {
    CLOUDFLARE_ACCOUNT_ID: accountId,
    CLOUDFLARE_API_TOKEN: apiToken,
    HIDB_D1_BASE_URL: baseUrl,
    HIDB_D1_DATABASE: id,
    HIDB_D1_REQUESTS_PER_5MIN: "100000",
  };
}

async function makeWorked(runner: Runner): Promise<string> {
  const place = await Place.open({ runner });
  await place.fill(WORKED - 2);
  const running = place.start(ENTRY, []);
  await untilDone(place, running);
  running.child.kill("SIGINT");
  await running.ended;
  rmSync(join(place.folder, "logs"), { recursive: true, force: true });
  rmSync(join(place.folder, "spool"), { recursive: true, force: true });
  const list = join(place.folder, "more.csv");
  writeFileSync(list, "source\n/more/1.mp4\n/more/2.mp4\n");
  await place.hidb("add", list);
  rmSync(list);
  process.on("exit", () => place.end());
  return place.folder;
}

const OPEN = "SELECT count(*) AS open FROM hidb_videos WHERE state IN ('pending', 'running')";
const POLL_MS = 15;
const LONGEST_MS = 120_000;

/** Until the instance is at work and every video has ended, or the process has. */
export async function untilDone(place: Place, { child, said }: Running): Promise<void> {
  const giveUp = performance.now() + LONGEST_MS;
  while (child.exitCode === null && child.signalCode === null) {
    if (said.stdout.includes("works on") && place.query<{ open: number }>(OPEN)[0]?.open === 0) return;
    if (performance.now() > giveUp) throw new Error(`expected every video to end within ${LONGEST_MS / 1000} s`);
    await delay(POLL_MS);
  }
}
