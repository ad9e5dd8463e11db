// A project folder with a wrangler config, and real wrangler at work in it.
import { join, resolve } from "node:path";
import { expect } from "vitest";
import { makeFile, makeFolder } from "../catalogue/world.js";
import { runProgram } from "../cli/world.js";

const WRANGLER = resolve(import.meta.dirname, "../../node_modules/wrangler/bin/wrangler.js");

export function makeProject(...databases: object[]) {
  const folder = makeFolder();
  const config = { name: "films", compatibility_date: "2026-01-01", d1_databases: databases };
  makeFile(folder, "wrangler.jsonc", JSON.stringify(config));
  const env = {
    CI: "1",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_HIDE_BANNER: "true",
    XDG_CONFIG_HOME: join(folder, "settings"),
  };
  return {
    folder,
    /** Resolves to what it says; it has to succeed. */
    async wrangler(...args: string[]): Promise<string> {
      const ran = await runProgram(process.execPath, [WRANGLER, ...args], { cwd: folder, stdin: "", env });
      expect(ran.code, ran.stdout + ran.stderr).toBe(0);
      return ran.stdout;
    },
  };
}
