// A project that has hidb as a package, as `npm install` puts it there; nothing is fetched.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { type Answer, run } from "../support/process.js";
import { queryFile } from "../support/query.js";
import { ROOT, TestPool } from "./pool.js";

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

export class Project {
  readonly folder: string;
  readonly package: string;

  /** The pool has the PM2 home, and ends what runs in it. */
  constructor(
    readonly pool = new TestPool({}),
    name = "my app",
  ) {
    this.folder = join(pool.folder, name);
    this.package = join(this.folder, "node_modules", "hidb");
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

  pm2(args: string[], { cwd = this.folder, settings = {} } = {}): Promise<Answer> {
    const pm2 = join(this.folder, "node_modules/pm2/bin/pm2");
    return run(process.execPath, [pm2, ...args], { ...this.#environment, ...settings }, cwd);
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
