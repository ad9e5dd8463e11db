// What a path to built code names: a module, the output folder of a build, or a Pages project.
import { existsSync, statSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import type { AssetsPlan } from "../plan.js";
import { workerBroken } from "./error.js";
import { findPagesWorker, isPagesWorker, pagesAssets, refuseFunctions } from "./pages.js";

export interface Code {
  /** Absolute. */
  entry: string;
  root: string;
  /** The files of a Pages project, which `env.ASSETS` gives out. */
  assets?: AssetsPlan;
}

const BUILT = ["index.js", "index.mjs", "worker.js", "worker.mjs"];
const SOURCE = /^\.([cm]?ts|[jt]sx)$/;

/** Errors: WORKER_BROKEN. */
export function findCode(given: string): Code {
  const path = resolve(given);
  const kind = statSync(path, { throwIfNoEntry: false });
  if (kind === undefined) throw noCode(path, "nothing there");
  if (kind.isDirectory()) return findInFolder(path);
  if (needsBuild(path)) throw notBuilt(path);
  const folder = dirname(path);
  if (isPagesWorker(path)) return { entry: path, root: folder, assets: pagesAssets(folder) };
  // The first module of a Pages Worker that is a folder.
  if (isPagesWorker(folder) && basename(path) === "index.js") return findInFolder(folder);
  return { entry: path, root: folder };
}

export function needsBuild(file: string): boolean {
  return SOURCE.test(extname(file));
}

function findInFolder(folder: string): Code {
  // The folder `_worker.js` of a Pages project lies in its output folder.
  const pages = findPagesWorker(isPagesWorker(folder) ? dirname(folder) : folder);
  if (pages !== undefined) return pages;
  const built = BUILT.map((name) => join(folder, name)).find((file) => existsSync(file));
  if (built !== undefined) return { entry: built, root: folder };
  refuseFunctions(folder);
  throw noCode(folder, `a folder without _worker.js or ${BUILT[0]}`);
}

function noCode(path: string, got: string): Error {
  return workerBroken({
    expected: `a built Worker or a Pages output folder at ${path}`,
    got,
    fix: "correct the path, or build the project first (`npx wrangler deploy --dry-run --outdir dist`)",
  });
}

function notBuilt(path: string): Error {
  return workerBroken({
    expected: "built JavaScript",
    got: `the source ${basename(path)}`,
    fix: `name the wrangler config that has ${basename(path)} as its main, or build it and name dist/index.js`,
  });
}
