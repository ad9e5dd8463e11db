// What a build was made from, and whether all of it is still as it was.
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import * as v from "valibot";
import { systemClock } from "../../clock.js";
import type { WranglerConfig } from "../../database/wrangler/read.js";
import type { Wrangler } from "./wrangler.js";

const RECORD = v.object({
  /** Below the folder of builds. */
  folder: v.string(),
  entry: v.string(),
  builtAt: v.number(),
  /** Time of change and size by absolute path; null for a file that must not be there. */
  inputs: v.record(v.string(), v.nullable(v.tuple([v.number(), v.number()]))),
  /** Something went in whose source is not known: fresh only for those who waited for this very build. */
  unsure: v.boolean(),
});

export type BuildRecord = v.InferOutput<typeof RECORD>;

export function readRecord(file: string): BuildRecord | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const record = v.safeParse(RECORD, JSON.parse(readFileSync(file, "utf8")));
    return record.success && existsSync(join(dirname(file), record.output.folder)) ? record.output : undefined;
  } catch {
    return undefined; // Of another version, or half written by a machine that went down: built again.
  }
}

export function writeRecord(file: string, record: BuildRecord): void {
  const temporary = `${file}.${systemClock.uniqueId()}`;
  writeFileSync(temporary, JSON.stringify(record));
  renameSync(temporary, file);
}

export function isFresh({ inputs }: BuildRecord): boolean {
  return Object.entries(inputs).every(([file, was]) => {
    const is = stampOf(file);
    return is?.[0] === was?.[0] && is?.[1] === was?.[1];
  });
}

const BESIDE = ["package.json", "package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "tsconfig.json"];
const META = "bundle-meta.json";
const NO_MODULE = /^(README\.md|bundle-meta\.json|.*\.js(\.map)?)$/;

/** The files that a build in `outdir` was made from, by what the bundler says and by the modules it copied. */
export function findInputs(
  outdir: string,
  config: WranglerConfig,
  main: string,
  wrangler: Wrangler,
): Pick<BuildRecord, "inputs" | "unsure"> {
  const folder = dirname(config.file);
  const sources = readSources(join(outdir, META), folder);
  const copied = readdirSync(outdir, { recursive: true, encoding: "utf8" }).filter(
    (name) => !NO_MODULE.test(name) && statSync(join(outdir, name)).isFile(),
  );
  const project = copied.length === 0 ? [] : walk(config.projectFolder);
  const originals = copied.map((name) => findOriginal(join(outdir, name), name, project));
  const lockfiles = BESIDE.map((name) => join(config.projectFolder, name));
  const files = [main, config.file, wrangler.program, ...lockfiles, ...(sources ?? []), ...originals];
  const known = files.filter((file) => file !== undefined);
  return {
    inputs: Object.fromEntries(known.map((file) => [file, stampOf(file)])),
    unsure: !sources?.includes(main) || originals.includes(undefined),
  };
}

const METAFILE = v.object({ inputs: v.record(v.string(), v.unknown()) });

function readSources(file: string, folder: string): string[] | undefined {
  if (!existsSync(file)) return undefined;
  const meta = v.safeParse(METAFILE, JSON.parse(readFileSync(file, "utf8")));
  if (!meta.success) return undefined;
  // A name with a scheme in front is the bundler's own.
  const names = Object.keys(meta.output.inputs).filter((name) => !/^[\w-]{2,}:/.test(name));
  return names.map((name) => resolve(folder, name)).filter((path) => existsSync(path));
}

/** The file of the project that was copied under a name with its hash in front. */
function findOriginal(copy: string, name: string, project: readonly string[]): string | undefined {
  const wanted = name.replace(/^[0-9a-f]{40}-/, "");
  const bytes = readFileSync(copy);
  const candidates = project.filter((path) => path.endsWith(`${sep}${wanted}`));
  return candidates.find((path) => readFileSync(path).equals(bytes));
}

const TOO_MANY = 20_000;

function walk(folder: string, found: string[] = []): string[] {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === "node_modules" || entry.name.startsWith(".") || found.length > TOO_MANY) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) walk(path, found);
    else found.push(path);
  }
  return found;
}

function stampOf(file: string): [number, number] | null {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats === undefined ? null : [stats.mtimeMs, stats.size];
}
