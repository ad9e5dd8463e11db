// Two pools on one PM2 daemon, each a project of its own.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TestPool } from "./pool.js";
import { Project } from "./project.js";

const FILE = "node_modules/hidb/ecosystem.cluster.config.cjs";

let pool: TestPool;
let films: Project;
let clips: Project;
beforeEach(async () => {
  pool = new TestPool({});
  [films, clips] = [new Project(pool, "films"), new Project(pool, "clips")];
  for (const project of [films, clips]) {
    project.install();
    expect(await project.hidb(["add", "media"])).toMatchObject({ code: 0 });
  }
});
afterEach(() => pool.end());

async function appsOf(project: Project): Promise<Record<string, string[]>> {
  const list = await pool.jlist();
  const mine = list.filter((one) => (one.pm2_env as { pm_cwd?: string }).pm_cwd === project.folder);
  return { [project.folder]: mine.map(({ name }) => name) };
}

async function working(project: Project): Promise<number> {
  return project.query("SELECT id FROM hidb_instances WHERE state = 'working'").length;
}

describe("a second pool on a PM2 daemon", () => {
  it("is refused under the name of the first, which keeps running", async () => {
    expect(await films.pm2(["start", FILE, "-i", "1"])).toMatchObject({ code: 0 });
    const before = await pool.jlist();
    for (const command of ["start", "restart", "reload", "stop", "delete"]) {
      const { code, stderr } = await clips.pm2([command, FILE]);
      expect({ code, stderr }).toEqual({
        code: 3,
        stderr: expect.stringMatching(
          /^error: expected the PM2 app hidb to be the pool of .*clips, got that of .*films\nfix: .*\n$/,
        ),
      });
      if (command === "start") expect(stderr).toContain("HIDB_APP_NAME=<name>");
    }
    expect((await pool.jlist()).map(({ pid }) => pid)).toEqual(before.map(({ pid }) => pid));
    expect(await working(clips)).toBe(0);
  });

  it("runs beside it under a name of its own, which scale, logs, doctor and `hidb start` use", async () => {
    const settings = { HIDB_APP_NAME: "my_clips" };
    expect(await films.pm2(["start", FILE, "-i", "1"])).toMatchObject({ code: 0 });
    expect(await clips.pm2(["start", FILE, "-i", "1"], { settings })).toMatchObject({ code: 0 });
    expect(await clips.pm2(["scale", "my_clips", "2"])).toMatchObject({ code: 0 });
    await pool.waitFor("both pools", async () => (await working(films)) === 1 && (await working(clips)) === 2);
    expect(await appsOf(films)).toEqual({ [films.folder]: ["hidb"] });
    expect(await appsOf(clips)).toEqual({ [clips.folder]: ["my_clips", "my_clips"] });
    for (const name of ["hidb", "my_clips"]) expect(existsSync(join(pool.home, `${name}-environment.json`))).toBe(true);
    const doctor = await clips.hidb(["doctor"], { settings: { ...settings, PM2_HOME: pool.home } });
    expect(doctor.stdout).not.toMatch(/OTHER_POOL|SETTINGS_DIFFER/);
    expect(await clips.pm2(["delete", FILE], { settings })).toMatchObject({ code: 0 });
    expect(await appsOf(films)).toEqual({ [films.folder]: ["hidb"] });
  });

  it("may be a new release of the first, on the same database", async () => {
    const file = join(pool.folder, "shared", "hidb.sqlite");
    mkdirSync(join(pool.folder, "shared"));
    const settings = { HIDB_SQLITE_FILE: file };
    expect(await films.pm2(["start", FILE, "-i", "1"], { settings })).toMatchObject({ code: 0 });
    expect(await clips.pm2(["restart", FILE], { settings })).toMatchObject({ code: 0 });
    expect((await pool.jlist()).map(({ name }) => name)).toEqual(["hidb"]);
  });

  it("needs a name that PM2 does not take for a number", async () => {
    const answer = await films.pm2(["start", FILE], { settings: { HIDB_APP_NAME: "2" } });
    expect(answer).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error: expected HIDB_APP_NAME to be .*, got "2"\nfix: /),
    });
  });
});
