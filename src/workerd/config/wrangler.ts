// Runs the user's own wrangler for a build: `wrangler deploy --dry-run`, which sends nothing anywhere.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { isRecord } from "../../database/wrangler/parse.js";
import type { WranglerConfig } from "../../database/wrangler/read.js";
import { native } from "../native.js";
import { workerBroken } from "./error.js";

export interface Wrangler {
  /** Its program, JavaScript. */
  program: string;
  version: string;
}

/** The wrangler of a project: the nearest one upwards, as npm would find it. */
export function findWrangler(folder: string): Wrangler | undefined {
  const home = join(folder, "node_modules", "wrangler");
  if (existsSync(join(home, "package.json"))) {
    const manifest: unknown = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
    const { bin, version } = isRecord(manifest) ? manifest : {};
    const program = isRecord(bin) ? bin.wrangler : bin;
    if (typeof program === "string") return { program: join(home, program), version: String(version) };
  }
  const parent = dirname(folder);
  return parent === folder ? undefined : findWrangler(parent);
}

interface Run {
  config: WranglerConfig;
  /** The entry in the sources, absolute. */
  main: string;
  compatibilityDate: string;
  environment: NodeJS.ProcessEnv;
  outdir: string;
}

/** Errors: WORKER_BROKEN. */
export async function runWrangler({ program, version }: Wrangler, run: Run): Promise<void> {
  const { config, main, environment, outdir } = run;
  const { code, output } = await runNode([program, ...argumentsOf(run, version)], {
    cwd: dirname(config.file),
    env: environmentOf(environment, outdir),
  });
  if (code === 0) return;
  throw workerBroken({
    expected: `wrangler ${version} to build ${main}`,
    got: errorOf(output) || `the exit code ${code}`,
    fix: `mend what it says, then check with \`npx wrangler deploy --dry-run\` in ${config.projectFolder}`,
  });
}

function argumentsOf({ config, compatibilityDate, outdir }: Run, version: string): string[] {
  const { file, env, redirected, name, raw } = config;
  return [
    ...["deploy", "--dry-run", "--outdir", outdir, "--config", file],
    // What went into the bundle; older ones do not tell.
    ...(Number.parseInt(version, 10) >= 4 ? ["--metafile"] : []),
    // A generated config was made for one environment.
    ...(env === undefined || redirected ? [] : ["--env", env]),
    ...(name === undefined ? ["--name", nameOf(dirname(file))] : []),
    ...(raw.compatibility_date === undefined ? ["--compatibility-date", compatibilityDate] : []),
  ];
}

function nameOf(folder: string): string {
  return (
    basename(folder)
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "") || "worker"
  );
}

function environmentOf(environment: NodeJS.ProcessEnv, outdir: string): NodeJS.ProcessEnv {
  // The environment to build is the one that was asked for, and nobody is there to answer questions.
  const { CLOUDFLARE_ENV: _env, NODE_OPTIONS: _options, FORCE_COLOR: _color, ...rest } = environment;
  return {
    ...rest,
    CI: "1",
    NO_COLOR: "1",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_LOG_PATH: join(dirname(outdir), "wrangler.log"),
  };
}

const MARK = /^.*\[ERROR\]\s*/;
const SAID_LINES = 6;

/** The first lines from the first error on, as one. */
function errorOf(output: string): string {
  const lines = stripVTControlCharacters(output).split("\n");
  const start = lines.findIndex((line) => MARK.test(line));
  const said = lines.slice(start < 0 ? 0 : start).map((line) => line.replace(MARK, "").trim());
  return said
    .filter((line) => line !== "" && !line.startsWith("🪵"))
    .slice(0, SAID_LINES)
    .join(" ");
}

interface Ended {
  code: number | null;
  output: string;
}

function runNode(args: string[], { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv }): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(native.process.execPath, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const take = (chunk: string) => {
      if (output.length < 1_000_000) output += chunk;
    };
    child.stdout.setEncoding("utf8").on("data", take);
    child.stderr.setEncoding("utf8").on("data", take);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}
