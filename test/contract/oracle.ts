// D1 itself: Cloudflare's workerd with a Worker in it, and as many empty databases as it is asked for.
import { readFileSync } from "node:fs";
import { createRequire, stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { Miniflare } from "miniflare";
import { AREAS } from "./cases/all.ts";
import type { Task } from "./oracle-worker.ts";
import type { Program } from "./program.ts";

const FOLDER = import.meta.dirname;
/** The first one is the entry; each may import those behind it. */
const MODULES = [
  "oracle-worker.ts",
  "cases/all.ts",
  ...Object.keys(AREAS).map((area) => `cases/${area}.ts`),
  "tools.ts",
  "program.ts",
  "serialise.ts",
];

export interface Oracle {
  version: string;
  runCase(area: string, name: string): Promise<unknown>;
  /** Runs a program on a database that has been emptied, which is much faster than a new one. */
  runProgram(program: Program): Promise<unknown[]>;
  /** On a new database: a connection keeps what it has compiled, and tells errors in another way for it. */
  runProgramAfresh(program: Program): Promise<unknown[]>;
  close(): Promise<void>;
}

/** Starts workerd with so many databases: a recorded case takes one, a program one that could not be emptied. */
export async function startOracle(databases: number): Promise<Oracle> {
  const miniflare = new Miniflare({
    modules: MODULES.map((path) => ({ type: "ESModule" as const, path: join(FOLDER, path), contents: source(path) })),
    modulesRoot: FOLDER,
    // Cases that break D1's transaction on purpose make workerd print stacks; what counts is what the Worker sees.
    handleRuntimeStdio: (stdout: Readable, stderr: Readable) => {
      stdout.resume();
      stderr.resume();
    },
    compatibilityDate: "2026-07-30",
    d1Databases: Object.fromEntries(Array.from({ length: databases }, (_, at) => [`DB${at}`, `db${at}`])),
  });
  await miniflare.ready;
  let used = 0;
  const ask = async (task: Task) => {
    const answer = await miniflare.dispatchFetch("http://oracle/", { method: "POST", body: JSON.stringify(task) });
    if (!answer.ok) throw new Error(`the oracle's Worker failed: ${await answer.text()}`);
    return answer.json();
  };
  const runProgram = async (program: Program) => {
    for (; used < databases; used++) {
      const outcomes = await ask({ program, binding: `DB${used}` });
      if (outcomes !== null) return outcomes as unknown[];
    }
    throw new Error("no database left that can be emptied: start the oracle with more");
  };
  return {
    version: workerdVersion(),
    runCase: (area, name) => ask({ area, name, binding: `DB${used++}` }),
    runProgram,
    runProgramAfresh: (program) => {
      used++;
      return runProgram(program);
    },
    close: () => miniflare.dispose(),
  };
}

function source(path: string): string {
  return stripTypeScriptTypes(readFileSync(join(FOLDER, path), "utf8"));
}

/** The version that miniflare has brought along: behaviour belongs to it. */
function workerdVersion(): string {
  const fromMiniflare = createRequire(createRequire(import.meta.url).resolve("miniflare"));
  const { version } = fromMiniflare("workerd/package.json") as { version: string };
  return version;
}
