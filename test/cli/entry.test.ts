import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const ENTRY = resolve(import.meta.dirname, "../../dist/entry.cjs");
const HOSTILE = "{ get stack() { throw 1 }, toString() { throw 2 } }";

const folder = mkdtempSync(join(tmpdir(), "hidb-entry-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the instance's entry, in whose process somebody's code throws this a moment later. */
function throwIn(thrown: string, how: "throw" | "reject") {
  const act = how === "throw" ? `throw ${thrown}` : `Promise.reject(${thrown})`;
  const code = `setTimeout(() => { ${act} }, 300)`;
  const preload = `data:text/javascript,${encodeURIComponent(code)}`;
  const settings = { HIDB_SQLITE_FILE: join(folder, "hidb.sqlite"), HIDB_LOG_DIR: folder, HIDB_PORT: "0" };
  const env = { PATH: process.env.PATH, ...settings };
  const { status, stderr } = spawnSync(process.execPath, ["--import", preload, ENTRY], {
    encoding: "utf8",
    env,
    cwd: folder,
    timeout: 120_000,
  });
  return { status, stderr };
}

describe("an instance in whose process a Worker throws what is no error", () => {
  it.each(["null", "undefined", HOSTILE, "Symbol('odd')", "new Proxy({}, { get() { throw 3 } })"])(
    "ends as crashed, with a line: %s",
    (thrown) => {
      for (const how of ["throw", "reject"] as const) {
        const { status, stderr } = throwIn(thrown, how);
        expect({ how, status }).toEqual({ how, status: 1 });
        expect(stderr).toMatch(/^hidb: /m);
      }
    },
  );
});
