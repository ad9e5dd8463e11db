// Real processes of dist/ against a folder of their own; as root they run as nobody, whom file modes do mean.
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect } from "vitest";
import { queryFile } from "../support/query.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const CLI = join(ROOT, "dist/cli/hidb.cjs");
const ENTRY = join(ROOT, "dist/entry.cjs");
const NOBODY = 65534;

export interface Answer {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  child: ChildProcess;
  /** What it has said so far. */
  said: Answer;
  ended: Promise<Answer>;
}

export class Place {
  readonly folder = mkdtempSync(join(tmpdir(), "hidb-bad-"));
  readonly file = join(this.folder, "hidb.sqlite");
  readonly #mounts: string[] = [];
  readonly #children: ChildProcess[] = [];
  asNobody = false;

  constructor() {
    chmodSync(this.folder, 0o777);
  }

  spawn(program: "cli" | "entry", args: string[], settings: Record<string, string> = {}): Running {
    const { PATH = "" } = process.env;
    const child = spawn(process.execPath, [program === "cli" ? CLI : ENTRY, ...args], {
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH,
        HOME: this.folder,
        NO_COLOR: "1",
        PM2_HOME: join(this.folder, "pm2"),
        HIDB_SQLITE_FILE: this.file,
        HIDB_LOG_DIR: join(this.folder, "logs"),
        HIDB_PROCESSOR: "rehearse",
        HIDB_REHEARSE_FACTOR: "0",
        HIDB_PORT: "0",
        ...settings,
      },
      ...(this.asNobody && { uid: NOBODY, gid: NOBODY }),
    });
    this.#children.push(child);
    const said: Answer = { code: null, stdout: "", stderr: "" };
    child.stdout.on("data", (chunk) => {
      said.stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      said.stderr += chunk;
    });
    const { promise, resolve: end } = Promise.withResolvers<Answer>();
    child.once("close", (code) => end({ ...said, code }));
    return { child, said, ended: promise };
  }

  hidb(args: string[], settings: Record<string, string> = {}): Promise<Answer> {
    return this.spawn("cli", args, settings).ended;
  }

  entry(settings: Record<string, string> = {}): Promise<Answer> {
    return this.spawn("entry", [], settings).ended;
  }

  /** A sound database with so many videos. */
  async fill(videos: number, file = this.file): Promise<void> {
    const list = join(this.folder, "list.csv");
    writeFileSync(
      list,
      `source,duration_s\n${Array.from({ length: videos }, (_, at) => `/videos/${at}.mp4,1\n`).join("")}`,
    );
    const answer = await this.hidb(["add", list], { HIDB_SQLITE_FILE: file });
    expect(answer).toMatchObject({ code: 0, stderr: "" });
  }

  query<T>(sql: string, file = this.file): T[] {
    return queryFile(file, sql);
  }

  /** A small file system of its own; undefined where that is not permitted. */
  mount(size: string): string | undefined {
    const target = join(this.folder, `disk-${this.#mounts.length}`);
    mkdirSync(target);
    const { status, stderr, error } = spawnSync(
      "mount",
      ["-t", "tmpfs", "-o", `size=${size},mode=777`, "tmpfs", target],
      {
        encoding: "utf8",
      },
    );
    if (status !== 0) {
      console.warn(`skipped: mounting a small tmpfs is not permitted here (${(error?.message ?? stderr).trim()})`);
      return undefined;
    }
    this.#mounts.push(target);
    return target;
  }

  async end(): Promise<void> {
    for (const child of this.#children) if (child.exitCode === null) child.kill("SIGKILL");
    for (const target of this.#mounts) execFileSync("umount", ["--lazy", target]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Why file modes cannot be tried here, if so. */
export function modesMeanNothing(): string | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const { status, error, stderr } = spawnSync(process.execPath, [CLI, "--help"], {
    uid: NOBODY,
    gid: NOBODY,
    encoding: "utf8",
  });
  if (status === 0) return undefined;
  return `root ignores file modes, and nobody cannot run ${CLI}: ${error?.message ?? stderr.trim().split("\n")[0]}`;
}

/** One `error:` line, one `fix:` line, nothing like a stack trace, and the exit code of the table. */
export function expectRefusal({ code, stdout, stderr }: Answer, exitCode: number, said: RegExp): void {
  const lines = stderr.split("\n").filter((line) => line !== "");
  const ours = lines.filter((line) => /^(error|fix):/.test(line));
  expect(ours, stderr).toEqual([expect.stringMatching(/^error: \S/), expect.stringMatching(/^fix: {3}\S/)]);
  expect(ours[0], stderr).toMatch(said);
  expect(stderr).not.toMatch(/^\s+at |node_modules|Error:/m);
  expect({ code, stdout }).toEqual({ code: exitCode, stdout: "" });
}

/** The same of an instance: one line, and PM2 shall not try again, unless time may mend it. */
export function expectLastWord({ code, stdout, stderr }: Answer, said: RegExp, exitCode = 42): void {
  const lines = stderr.split("\n").filter((line) => line !== "");
  expect(lines, stderr).toEqual([expect.stringMatching(/^hidb: \S.*\. Fix: \S.*\.$/)]);
  expect(lines[0]).toMatch(said);
  expect({ code, stdout }).toEqual({ code: exitCode, stdout: "" });
}
