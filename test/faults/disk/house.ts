// Real processes of dist/ in a folder whose disk can be broken.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { queryFile } from "../../support/query.ts";
import { Disk } from "./disk.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const PROGRAM = { cli: join(ROOT, "dist/cli/hidb.cjs"), instance: join(ROOT, "dist/entry.cjs") };

export interface Answer {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  child: ChildProcess;
  said: { stdout: string; stderr: string };
  ended: Promise<Answer>;
}

export type Settings = Record<string, string>;

export class House {
  readonly #folder = realpathSync(mkdtempSync(join(tmpdir(), "hidb-disk-")));
  /** What lies on the disk. */
  readonly root: string;
  readonly disk: Disk;
  readonly #children: ChildProcess[] = [];
  #images = 0;

  constructor({ root }: { root?: string } = {}) {
    this.root = root ?? join(this.#folder, "disk");
    mkdirSync(this.root, { recursive: true });
    this.disk = new Disk(this.root, this.#folder);
  }

  get file(): string {
    return join(this.root, "hidb.sqlite");
  }

  get logs(): string {
    return join(this.root, "logs");
  }

  get journal(): string {
    return join(this.root, "journal.ndjson");
  }

  /** `at`: which folder it works in, this disk or an image of it. */
  spawn(
    program: keyof typeof PROGRAM,
    args: string[],
    { settings = {}, env = {}, at = this.root }: { settings?: Settings; env?: Settings; at?: string } = {},
  ): Running {
    const child = spawn(process.execPath, [PROGRAM[program], ...args], {
      cwd: this.#folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...{ PATH: process.env.PATH ?? "", HOME: this.#folder, NO_COLOR: "1", PM2_HOME: join(this.#folder, "pm2") },
        HIDB_SQLITE_FILE: join(at, "hidb.sqlite"),
        HIDB_LOG_DIR: join(at, "logs"),
        ...{ HIDB_PROCESSOR: "rehearse", HIDB_REHEARSE_FACTOR: "0", HIDB_PORT: "0" },
        ...settings,
        ...env,
      },
    });
    this.#children.push(child);
    const said = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk) => {
      said.stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      said.stderr += chunk;
    });
    const { promise, resolve: end } = Promise.withResolvers<Answer>();
    child.once("close", (code, signal) => end({ ...said, code, signal }));
    return { child, said, ended: promise };
  }

  hidb(args: string[], options: Parameters<House["spawn"]>[2] = {}): Promise<Answer> {
    return this.spawn("cli", args, options).ended;
  }

  instance(settings: Settings = {}, env = this.disk.env()): Running {
    return this.spawn("instance", [], { settings, env });
  }

  /** A list of so many videos, beside the disk. */
  list(videos: number, durationS = 1, name = "list.csv"): string {
    const file = join(this.#folder, name);
    const lines = Array.from({ length: videos }, (_, at) => `/${name}/${at}.mp4,${durationS}\n`);
    writeFileSync(file, `source,duration_s\n${lines.join("")}`);
    return file;
  }

  async fill(videos: number, durationS = 1, name = "list.csv"): Promise<void> {
    const answer = await this.hidb(["add", this.list(videos, durationS, name)]);
    if (answer.code !== 0) throw new Error(`expected the videos to be added, got ${answer.stderr}`);
  }

  query<T>(sql: string, at = this.root): T[] {
    return queryFile(join(at, "hidb.sqlite"), sql);
  }

  completed(at = this.root): number {
    return this.query<{ n: number }>("SELECT count(*) AS n FROM hidb_videos WHERE state = 'completed'", at)[0]?.n ?? 0;
  }

  /** A folder for an image of the disk. */
  imageFolder(): string {
    const folder = join(this.#folder, `image-${this.#images++}`);
    mkdirSync(folder);
    return folder;
  }

  async until(what: string, condition: () => boolean, ms = 120_000): Promise<void> {
    const giveUp = performance.now() + ms;
    while (!condition()) {
      if (performance.now() > giveUp) throw new Error(`expected ${what} within ${ms / 1000} s`);
      await delay(20);
    }
  }

  async stop({ child, ended }: Running): Promise<Answer> {
    child.kill("SIGINT");
    return ended;
  }

  async end(): Promise<void> {
    for (const child of this.#children) if (child.exitCode === null) child.kill("SIGKILL");
    this.disk.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
