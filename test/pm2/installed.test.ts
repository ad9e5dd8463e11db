// hidb as a package of somebody's project, as `npm install` puts it there: what it makes belongs to the project.
import { copyFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { queryFile } from "../support/query.js";
import { ROOT } from "./pool.js";
import { Project } from "./project.js";

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
    const started = await project.pm2(["start", file, "-i", "1"], { cwd: tmpdir() });
    expect(started, started.stderr).toMatchObject({ code: 0 });
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
