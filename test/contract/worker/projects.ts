// Projects as people have them, built as people build them: by wrangler, offline, in a folder that is gone afterwards.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { WorkerCase } from "./case.ts";

const MODULES = resolve(import.meta.dirname, "../../../node_modules");
/** wrangler's own rules for what is no JavaScript. */
const TYPES = { ".sql": "Text", ".txt": "Text", ".html": "Text", ".bin": "Data", ".wasm": "CompiledWasm" } as const;

type Built = Pick<WorkerCase, "source" | "modules">;
const built = new Map<string, Promise<Built>>();

/** The same case with the modules that wrangler makes of its project; once a run for each project. */
export async function builtCase(worker: WorkerCase): Promise<WorkerCase> {
  const { project, ...rest } = worker;
  if (project === undefined) return worker;
  const modules = built.get(project) ?? build(project);
  built.set(project, modules);
  return { ...rest, ...(await modules) };
}

async function build(project: string): Promise<Built> {
  const folder = mkdtempSync(join(tmpdir(), "hidb-project-"));
  try {
    cpSync(join(import.meta.dirname, project), folder, { recursive: true });
    symlinkSync(MODULES, join(folder, "node_modules"));
    const wrangler = spawn(
      process.execPath,
      [join(MODULES, "wrangler/bin/wrangler.js"), "deploy", "--dry-run", "--outdir", "dist"],
      {
        cwd: folder,
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, WRANGLER_SEND_METRICS: "false", XDG_CONFIG_HOME: folder, CI: "1", FORCE_COLOR: "0" },
      },
    );
    const [said, complained, [code]] = await Promise.all([
      text(wrangler.stdout),
      text(wrangler.stderr),
      once(wrangler, "exit"),
    ]);
    if (code !== 0) throw new Error(`wrangler did not build ${project}:\n${said}${complained}`);
    return readBuilt(join(folder, "dist"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readBuilt(folder: string): Built {
  const modules: NonNullable<WorkerCase["modules"]> = {};
  for (const name of readdirSync(folder)) {
    const type = Object.entries(TYPES).find(([ending]) => name.endsWith(ending))?.[1];
    if (type === undefined) continue;
    modules[name] = {
      type,
      contents: type === "Text" ? readFileSync(join(folder, name), "utf8") : readFileSync(join(folder, name)),
    };
  }
  return { source: readFileSync(join(folder, "index.js"), "utf8"), modules };
}
