// Projects as people have them, built as people build them: by wrangler, offline, in a folder that is gone afterwards.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { WorkerCase } from "./case.ts";

const MODULES = resolve(import.meta.dirname, "../../../node_modules");
const built = new Map<string, Promise<string>>();

/** The same case with the source that wrangler makes of its project; once a run for each project. */
export async function builtCase(worker: WorkerCase): Promise<WorkerCase> {
  const { project, ...rest } = worker;
  if (project === undefined) return worker;
  const source = built.get(project) ?? build(project);
  built.set(project, source);
  return { ...rest, source: await source };
}

async function build(project: string): Promise<string> {
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
    const extra = readdirSync(join(folder, "dist")).filter(
      (name) => !/^(index\.js|index\.js\.map|README\.md)$/.test(name),
    );
    if (extra.length > 0) throw new Error(`expected one module of ${project}, got ${extra.join(", ")} besides`);
    return readFileSync(join(folder, "dist/index.js"), "utf8");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
