// A Pages project: a folder of static files with a Worker in it, and `_routes.json` that says which requests are its.
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import * as v from "valibot";
import { parseJsonc } from "../../database/wrangler/parse.js";
import type { AssetsPlan } from "../plan.js";
import { workerBroken } from "./error.js";

export interface PagesOutput {
  entry: string;
  root: string;
  assets: AssetsPlan;
}

/** The Worker of a Pages output folder; undefined where there is none. */
export function findPagesWorker(folder: string): PagesOutput | undefined {
  const worker = join(folder, "_worker.js");
  const kind = statSync(worker, { throwIfNoEntry: false });
  if (kind?.isFile()) return { entry: worker, root: folder, assets: pagesAssets(folder) };
  if (!kind?.isDirectory()) return undefined;
  const entry = join(worker, "index.js");
  if (existsSync(entry)) return { entry, root: worker, assets: pagesAssets(folder) };
  throw workerBroken({
    expected: `the Worker in ${worker} to begin with index.js`,
    got: "no such file",
    fix: "build the project again, or correct the path",
  });
}

/** For a folder whose functions have not been made a Worker yet. */
export function refuseFunctions(folder: string): void {
  const functions = [join(folder, "functions"), join(dirname(folder), "functions")].find((path) => existsSync(path));
  if (functions === undefined) return;
  throw workerBroken({
    expected: `a _worker.js in ${folder}`,
    got: `only the sources in ${functions}`,
    fix: `run \`npx wrangler pages functions build --outdir ${join(folder, "_worker.js")}\` in ${dirname(functions)}`,
  });
}

/** Whether a file is the Worker of a Pages project by its name. */
export function isPagesWorker(file: string): boolean {
  return basename(file) === "_worker.js";
}

export function pagesAssets(directory: string): AssetsPlan {
  const routes = readRoutes(join(directory, "_routes.json"));
  return {
    directory,
    htmlHandling: "auto-trailing-slash",
    notFound: "pages",
    navigation: false,
    assetPaths: routes?.exclude ?? [],
    workerPaths: routes?.include ?? [],
    otherwise: routes === undefined ? "worker" : "assets",
  };
}

const RULES = v.array(v.pipe(v.string(), v.startsWith("/")));
const ROUTES = v.object({
  version: v.exactOptional(v.literal(1), 1),
  include: v.optional(RULES, []),
  exclude: v.optional(RULES, []),
});

function readRoutes(file: string): { include: string[]; exclude: string[] } | undefined {
  if (!existsSync(file)) return undefined;
  const { data } = parseJsonc(readFileSync(file, "utf8"), file);
  const routes = v.safeParse(ROUTES, data);
  if (routes.success) return routes.output;
  const [issue] = routes.issues;
  throw workerBroken({
    expected: `${file} to have the version 1 and lists of paths as "include" and "exclude"`,
    got: `${v.getDotPath(issue) ?? "the file"}: ${issue.received}`,
    fix: "correct it, or remove it: then every request is the Worker's",
  });
}
