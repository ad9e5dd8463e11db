// hidb as a package of somebody's project, as `npm install` puts it there: what it makes belongs to the project.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { queryFile } from "../query.js";
import { type Answer, ROOT, run, TestPool } from "./pool.js";

let packed: string;
let archive: string;
beforeAll(() => {
  packed = mkdtempSync(join(tmpdir(), "hidb-packed-"));
  const options = { cwd: ROOT, encoding: "utf8" } as const;
  const words = ["pack", "--ignore-scripts", "--json", "--pack-destination", packed];
  const [{ filename }] = JSON.parse(execFileSync("npm", words, options)) as [{ filename: string }];
  archive = join(packed, filename);
});
afterAll(() => rmSync(packed, { recursive: true, force: true }));

class Project {
  /** For its PM2 home and its end. */
  readonly pool = new TestPool({});
  readonly folder = join(this.pool.folder, "my app");
  readonly package = join(this.folder, "node_modules", "hidb");

  constructor() {
    mkdirSync(join(this.folder, "media"), { recursive: true });
    writeFileSync(join(this.folder, "package.json"), '{ "name": "my-app" }');
    copyFileSync(join(ROOT, "data/samples/tone.mp3"), join(this.folder, "media", "tone.mp3"));
  }

  /** As `npm ci`: `node_modules` is made anew. The packages that hidb needs are linked, so that nothing is fetched. */
  install(): void {
    const modules = join(this.folder, "node_modules");
    rmSync(modules, { recursive: true, force: true });
    mkdirSync(this.package, { recursive: true });
    execFileSync("tar", ["-xzf", archive, "-C", this.package, "--strip-components=1"]);
    for (const name of readdirSync(join(ROOT, "node_modules"))) {
      if (!name.startsWith(".")) symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
    }
  }

  hidb(args: string[], { cwd = this.folder, settings = {} } = {}): Promise<Answer> {
    const hidb = join(this.package, "dist", "cli", "hidb.cjs");
    return run(process.execPath, [hidb, ...args], { ...this.#environment, PM2_HOME: "", ...settings }, cwd);
  }

  pm2(args: string[], cwd = this.folder): Promise<Answer> {
    return run(process.execPath, [join(this.folder, "node_modules/pm2/bin/pm2"), ...args], this.#environment, cwd);
  }

  get #environment(): Record<string, string> {
    const unset = Object.fromEntries(Object.keys(this.pool.settings).map((name) => [name, ""]));
    return { ...this.pool.environment, ...unset, HIDB_PORT: "0", HIDB_FORCE: "1" };
  }

  query<T>(sql: string): T[] {
    return queryFile(join(this.folder, "data", "hidb.sqlite"), sql);
  }

  /** What there is of it: none of hidb's files may be added. */
  packageFiles(): string[] {
    return readdirSync(this.package, { recursive: true, encoding: "utf8" }).sort();
  }
}

let project: Project;
beforeEach(() => {
  project = new Project();
  project.install();
});
afterEach(() => project.pool.end());

const COMPLETED = [{ state: "completed" }];

describe("hidb in the node_modules of a project", () => {
  it("keeps its results through `npm ci`, whatever folder a command is typed in", async () => {
    const before = project.packageFiles();
    expect(await project.hidb(["start", "media", "-i", "1"])).toMatchObject({ code: 0 });
    expect(project.query("SELECT state FROM hidb_videos")).toEqual(COMPLETED);
    expect(readdirSync(join(project.folder, "data")).sort()).toEqual(expect.arrayContaining(["hidb.sqlite", "logs"]));
    expect(project.packageFiles()).toEqual(before);
    project.install();
    for (const cwd of [project.folder, join(project.folder, "media"), tmpdir()]) {
      const { stdout } = await project.hidb(["status", "--json"], { cwd });
      expect(JSON.parse(stdout), cwd).toMatchObject({ counts: { total: 1, completed: 1 } });
    }
  });

  it("reads the project's .env, whose paths start there", async () => {
    writeFileSync(join(project.folder, ".env"), "HIDB_SQLITE_FILE=mine/films.sqlite\n");
    expect(await project.hidb(["add", "."], { cwd: join(project.folder, "media") })).toMatchObject({ code: 0 });
    expect(queryFile(join(project.folder, "mine", "films.sqlite"), "SELECT state FROM hidb_videos")).toEqual([
      { state: "pending" },
    ]);
  });

  it.each([
    ["the package's ecosystem file", "node_modules/hidb/ecosystem.cluster.config.cjs"],
    ["a copy of it in the project", "ecosystem.cluster.config.cjs"],
  ])("works on the same files under PM2, started by %s", async (_, name) => {
    const before = project.packageFiles();
    const file = join(project.folder, name);
    if (!name.startsWith("node_modules")) copyFileSync(join(ROOT, name), file);
    writeFileSync(join(project.folder, ".env"), "HIDB_ORDER=longest\n");
    expect(await project.hidb(["add", "media"])).toMatchObject({ code: 0 });
    expect(await project.pm2(["start", file, "-i", "1"], tmpdir())).toMatchObject({ code: 0 });
    await project.pool.waitFor("the video", () => project.query("SELECT state FROM hidb_videos")[0] !== undefined);
    await project.pool.waitFor("its end", async () => {
      const [{ state } = { state: "" }] = project.query<{ state: string }>("SELECT state FROM hidb_videos");
      return state === "completed";
    });
    // Only an instance with that order makes this index.
    expect(project.query("SELECT name FROM sqlite_schema WHERE name = 'hidb_longest'")).toHaveLength(1);
    const { stdout } = await project.hidb(["status", "--json"]);
    expect(JSON.parse(stdout).instances).toHaveLength(1);
    expect(project.packageFiles()).toEqual(before);
  });
});
