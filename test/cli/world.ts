// The command line as a person meets it: a real process in a folder of its own, with a database of its own.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { makeFolder } from "../catalogue/world.js";

export const HIDB = fileURLToPath(new URL("../../dist/cli/hidb.cjs", import.meta.url));

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  stdin?: string;
  env?: NodeJS.ProcessEnv;
}

export function setup() {
  const folder = makeFolder();
  const file = join(folder, "hidb.sqlite");
  const run = (args: string[], { stdin = "", env = {} }: RunOptions = {}) =>
    runProgram(process.execPath, [HIDB, ...args], {
      cwd: folder,
      stdin,
      env: { HIDB_SQLITE_FILE: file, HIDB_PORT: "0", ...env },
    });
  const json = async (...args: string[]) => JSON.parse((await run([...args, "--json"])).stdout);
  return { folder, file, run, json };
}

interface ProgramOptions extends Required<RunOptions> {
  cwd: string;
}

export async function runProgram(program: string, args: string[], { cwd, stdin, env }: ProgramOptions): Promise<Ran> {
  // Without npm's marks either: how hidb was called decides what it tells people to type.
  const inherited = Object.entries(process.env).filter(([name]) => !/^(HIDB|npm)_/.test(name));
  const child = spawn(program, args, { cwd, env: { ...Object.fromEntries(inherited), ...env } });
  const exited = new Promise<number | null>((resolve) => child.on("close", resolve));
  child.stdin.on("error", () => undefined); // It may have ended without reading.
  child.stdin.end(stdin);
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { code, stdout, stderr };
}
