import { type ChildProcess, execFile, spawn } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { afterEach, describe, expect, it } from "vitest";
import { makeProject } from "../database/wrangler-world.js";
import { freePort } from "../support/ports.js";
import { type Answer, isRunning, kill, run } from "../support/process.js";
import { ROOT } from "./pool.js";

const WITHOUT_SCRIPT = await new Promise<boolean>((resolve) => {
  execFile("script", ["--version"], (error, stdout) => resolve(error !== null || !stdout.includes("util-linux")));
});
if (WITHOUT_SCRIPT) console.log("first-run: the tests in a terminal are skipped: no `script` of util-linux here");

/** A fresh clone after `npm ci`, without a database, and a person in it. */
class Clone {
  readonly folder = mkdtempSync(join(tmpdir(), "hf-"));
  readonly #hidb = join(this.folder, "dist/cli/hidb.cjs");
  readonly #environment: Record<string, string>;

  constructor(settings: Record<string, string> = {}) {
    for (const name of ["dist", "data/samples", "data/migrations", "src/dashboard/page", "package.json"]) {
      cpSync(join(ROOT, name), join(this.folder, name), { recursive: true });
    }
    copyFileSync(join(ROOT, "ecosystem.cluster.config.cjs"), join(this.folder, "ecosystem.cluster.config.cjs"));
    symlinkSync(join(ROOT, "node_modules"), join(this.folder, "node_modules"));
    const { PATH = "", HOME = "" } = process.env;
    const own = { HIDB_INSTANCES: "3", HIDB_PORT: "0", HIDB_FORCE: "1" };
    this.#environment = { PATH, HOME, NO_COLOR: "1", PM2_DISABLE_VERSION_CHECK: "true", ...own, ...settings };
  }

  hidb(...args: string[]): Promise<Answer> {
    return run(process.execPath, [this.#hidb, ...args], this.#environment, this.folder);
  }

  /** With a terminal around it. */
  terminal(...args: string[]): ChildProcess {
    const typed = [process.execPath, this.#hidb, ...args].map((word) => `'${word}'`).join(" ");
    return spawn("script", ["-qefc", typed, "/dev/null"], { env: this.#environment, cwd: this.folder });
  }

  databases(): string[] {
    return readdirSync(join(this.folder, "data")).filter((name) => name.endsWith(".sqlite"));
  }

  query(file: string, sql: string): unknown[] {
    const database = new BetterSqlite3(join(this.folder, "data", file), { readonly: true });
    try {
      return database.prepare(sql).all();
    } finally {
      database.close();
    }
  }

  ownFolder(): string {
    const media = join(this.folder, "my videos");
    mkdirSync(media);
    for (const name of ["h264-aac.mp4", "tone.wav", "opus.ogg"]) {
      copyFileSync(join(ROOT, "data/samples", name), join(media, name));
    }
    return media;
  }

  processes(): number[] {
    return readdirSync("/proc")
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && isRunning(pid) && carries(pid, `PM2_HOME=${this.folder}`));
  }

  end(): void {
    for (let round = 0; round < 2; round++) for (const pid of this.processes()) kill(pid);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

function carries(pid: number, variable: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").includes(variable);
  } catch {
    return false;
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return (server.address() as AddressInfo).port;
}

let clone: Clone;
afterEach(() => clone.end());

// Each `start` is a daemon, three instances and their end: seconds on a busy machine.

describe("the first run", () => {
  it("is followed by a pull of a Worker's own data, and rows of one's own are not pulled over", async () => {
    clone = new Clone();
    expect(await clone.hidb("start")).toMatchObject({ code: 0 });
    const { folder, wrangler } = makeProject({ binding: "DB" });
    const table =
      "CREATE TABLE videos (id INTEGER PRIMARY KEY, source TEXT NOT NULL UNIQUE, title TEXT, duration_s REAL)";
    const rows = "INSERT INTO videos (source) VALUES ('/worker/a.mp4'), ('/worker/b.mp4')";
    await wrangler("d1", "execute", "DB", "--local", "--command", `${table}; ${rows}`);
    const pull = () => clone.hidb("mirror", "pull", "--from-local", folder);
    expect(await pull()).toMatchObject({ code: 0, stdout: expect.stringContaining("2 rows of 1 table") });
    expect(clone.query("hidb.sqlite", "SELECT source FROM videos ORDER BY id")).toEqual([
      { source: "/worker/a.mp4" },
      { source: "/worker/b.mp4" },
    ]);

    rmSync(join(clone.folder, "data", "hidb.sqlite"));
    expect(await clone.hidb("add", clone.ownFolder())).toMatchObject({ code: 0 });
    expect(await pull()).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/^error: .*table videos .*\nfix: .*HIDB_SQLITE_FILE.*`hidb remove`\n$/m),
    });
    // Each advice works.
    const elsewhere = ["--sqlite-file", join(clone.folder, "data", "worker.sqlite")];
    expect(await clone.hidb("mirror", "pull", "--from-local", folder, ...elsewhere)).toMatchObject({ code: 0 });
    expect(await clone.hidb("remove", "1", "2", "3")).toMatchObject({ code: 0 });
    expect(await pull()).toMatchObject({ code: 0 });
    expect(clone.query("hidb.sqlite", "SELECT count(*) AS n FROM videos")).toEqual([{ n: 2 }]);
  });

  it("processes all samples with all instances, and leaves the user's own database to the user's videos", async () => {
    clone = new Clone();
    const first = await clone.hidb("start");
    expect(first).toMatchObject({ code: 0 });
    expect(first.stdout).toMatch(
      /^17 videos: 17 completed in [\d.]+ s, on average [\d.]+ side by side\n( {2}instance [012] .*\n){3}next:\n {2}hidb show 1 .*\n {2}hidb start <folder> .*\n$/,
    );
    // On a busy machine all may be done before the third has its turn.
    const busy = "SELECT id FROM hidb_instances WHERE completed > 0";
    expect(clone.query("samples.sqlite", busy).length).toBeGreaterThan(1);
    expect(clone.databases()).toEqual(["samples.sqlite"]);

    const shown = await clone.hidb("show", "1");
    expect(shown.stderr).toBe(
      "hidb: these are the samples (data/samples.sqlite); there are no videos of your own yet\n",
    );
    expect(shown.stdout).toMatch(/^video 1\n {2}source .*data\/samples\//);

    const again = await clone.hidb("start");
    expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining("once more") });
    expect(again.stdout).toMatch(/^17 videos: 17 completed in /);

    const own = await clone.hidb("start", clone.ownFolder());
    expect(own).toMatchObject({ code: 0 });
    expect(own.stdout).toMatch(/^3 videos: 3 completed in /);
    expect((await clone.hidb("list")).stdout.trim().split("\n")).toHaveLength(3);
    expect(await clone.hidb("start")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^3 videos: 3 completed\n/),
    });
    expect(clone.processes()).toEqual([]);
  });

  it("shows by the broken samples how failures look, and says nothing of side by side with one instance", async () => {
    clone = new Clone();
    const broken = await clone.hidb("start", join(clone.folder, "data/samples/broken"), "-i", "1");
    expect(broken).toMatchObject({ code: 1 });
    expect(broken.stdout).toMatch(
      /^3 videos: 3 failed in [\d.]+ s\n {2}instance 0 .*\nwhy videos failed:\n( {2}1 {2}.*\n){3}next:\n/,
    );
    expect(clone.databases()).toEqual(["samples.sqlite"]);
  });

  it("puts no samples into a database that was named", async () => {
    clone = new Clone({ HIDB_SQLITE_FILE: "named.sqlite" });
    const { code, stdout } = await clone.hidb("start");
    expect({ code, stdout }).toEqual({ code: 5, stdout: "" });
    expect(existsSync(join(clone.folder, "named.sqlite"))).toBe(false);
    expect(clone.databases()).toEqual([]);
  });

  it("says that the page is not there when somebody else has its port, and who", async () => {
    const other = createServer((_, response) => response.end("somebody else's page"));
    const port = await listen(other);
    clone = new Clone({ HIDB_PORT: String(port) });
    try {
      const { code, stdout, stderr } = await clone.hidb("start");
      expect(code).toBe(0);
      const lines = stderr.split("\n").filter((line) => line.includes("the page"));
      expect(lines).toEqual([
        expect.stringMatching(
          new RegExp(
            `^hidb: the page is not there: port ${port} is taken by .*pid ${process.pid}\\); HIDB_PORT=<port> takes`,
          ),
        ),
      ]);
      expect(stdout + stderr).not.toContain("http://");
    } finally {
      other.close();
    }
  });
});

describe.skipIf(WITHOUT_SCRIPT)("the first run in a terminal", () => {
  it.each([
    ["q", "q"],
    ["Enter", "\r"],
    ["Ctrl-C", "\u0003"],
  ])("keeps the page until %s is pressed", async (_name, key) => {
    const port = await freePort();
    clone = new Clone({ HIDB_PORT: String(port) });
    const child = clone.terminal("start");
    const { code, screen, page } = await pressWhenDone(child, { key, port });
    expect(page).toContain("<title>hidb");
    expect(code).toBe(0);
    expect(screen).toMatch(/17 videos: 17 completed/);
    expect(screen).toMatch(new RegExp(`http://127.0.0.1:${port} +the page, until this command ends`));
    expect(clone.processes()).toEqual([]);
  });

  it("ends at once with --exit", async () => {
    clone = new Clone({ HIDB_PORT: String(await freePort()) });
    const child = clone.terminal("start", "--exit");
    child.stdout?.resume();
    expect(await new Promise((exited) => child.once("exit", exited))).toBe(0);
  });
});

/** Looks at the page while it stays, then presses the key. */
async function pressWhenDone(child: ChildProcess, { key, port }: { key: string; port: number }) {
  let screen = "";
  let page = "";
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  child.stdout?.on("data", async (chunk: Buffer) => {
    const before = screen;
    screen += chunk.toString();
    const invites = (text: string) => text.includes("q, Enter or Ctrl-C ends them");
    if (invites(before) || !invites(screen)) return;
    page = await (await fetch(`http://127.0.0.1:${port}/`)).text();
    child.stdin?.write(key);
  });
  return { code: await exited, screen, page };
}
