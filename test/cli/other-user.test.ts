// A first run as another user, in folders that may not be written, and on a file system that is mounted read-only.
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ROOT } from "../pm2/pool.js";
import { runProgram } from "./world.js";

const isRoot = process.getuid?.() === 0;
const canMount = isRoot && succeeds("unshare", "--mount", "true");
if (!canMount) console.log("other-user: tests are skipped: they need root, setpriv and leave to mount");

const TWO_LINES = /^error: expected .*\nfix: {3}.*\n$/;
const USER = ["setpriv", "--reuid=4321", "--regid=4321", "--clear-groups"];

/** A clone of root's: everybody may read it. */
let clone: string;
beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), "hu-"));
  chmodSync(clone, 0o755);
  for (const name of ["dist", "data/samples", "data/migrations", "package.json", "ecosystem.cluster.config.cjs"]) {
    cpSync(join(ROOT, name), join(clone, name), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(clone, "node_modules"));
});
afterEach(() => rmSync(clone, { recursive: true, force: true }));

function succeeds(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** With no home that could be written, as a service has it. */
function run(within: string[], args: string[], settings: Record<string, string> = {}) {
  const [program = "", ...words] = [...within, process.execPath, "dist/cli/hidb.cjs", ...args];
  const env = { HOME: "/nonexistent", PM2_HOME: "", HIDB_PORT: "0", HIDB_FORCE: "1", NO_COLOR: "1", ...settings };
  return runProgram(program, words, { cwd: clone, stdin: "", env });
}

const files = () => readdirSync(join(clone, "data")).sort();

describe.skipIf(!canMount)("another user in root's clone", () => {
  it.each([
    { args: ["status"], code: 5 },
    { args: ["list"], code: 5 },
    { args: ["start"], code: 5 },
    { args: ["start", "data/samples"], code: 5 },
    { args: ["add", "data/samples"], code: 5 },
  ])("is told in one line why `hidb $args.0` cannot work", async ({ args, code }) => {
    const before = files();
    expect(await run(USER, args)).toEqual({ code, stdout: "", stderr: expect.stringMatching(TWO_LINES) });
    expect(files()).toEqual(before);
  });

  it("is told of a database of root's, which stays as it is", async () => {
    expect(await run([], ["add", "data/samples/tone.mp3"])).toMatchObject({ code: 0 });
    const before = files();
    for (const args of [["status"], ["start"], ["retry", "1"], ["pause"], ["uninstall", "--yes"]]) {
      expect(await run(USER, args), args.join(" ")).toEqual({
        ...{ code: 5, stdout: "" },
        stderr: expect.stringMatching(TWO_LINES),
      });
    }
    expect(files()).toEqual(before);
  });

  it("is told of a folder for logs that cannot be written before a database is made", async () => {
    const own = join(clone, "own");
    mkdirSync(own, { mode: 0o777 });
    chmodSync(own, 0o777);
    const settings = { HIDB_SQLITE_FILE: join(own, "hidb.sqlite") };
    const refused = await run(USER, ["start", "data/samples/tone.mp3"], settings);
    expect(refused).toMatchObject({ code: 3, stdout: "", stderr: expect.stringMatching(TWO_LINES) });
    expect(refused.stderr).toContain("HIDB_LOG_DIR");
    expect(readdirSync(own)).toEqual([]);
    // Neither a home nor a folder for temporary files is needed.
    const free = { ...settings, HIDB_LOG_DIR: join(own, "logs"), TMPDIR: "/nonexistent" };
    expect(await run(USER, ["start", "data/samples/tone.mp3"], free)).toMatchObject({ code: 0 });
    expect(readdirSync(own).sort()).toEqual(["hidb.sqlite", "logs"]);
  });

  it("and root alike are told of a file system that is mounted read-only", async () => {
    const mount = `mount --bind "${clone}" "${clone}" && mount -o remount,ro,bind "${clone}" && cd "${clone}" && exec "$@"`;
    const readOnly = ["unshare", "--mount", "sh", "-c", mount, "sh"];
    for (const args of [["status"], ["start"], ["start", "data/samples"], ["add", "data/samples"]]) {
      expect(await run(readOnly, args), args.join(" ")).toEqual({
        ...{ code: 5, stdout: "" },
        stderr: expect.stringMatching(TWO_LINES),
      });
    }
  });
});
