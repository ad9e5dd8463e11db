// Where the code of a wrangler config is: built with wrangler, as it lies there, or in a Pages output folder.
import { existsSync } from "node:fs";
import { dirname, extname, join, resolve } from "node:path";
import type { Clock } from "../../clock.js";
import { wranglerConfigError } from "../../database/wrangler/error.js";
import type { WorkerKeys } from "../../database/wrangler/keys.js";
import type { WranglerConfig } from "../../database/wrangler/read.js";
import { HidbError } from "../../errors.js";
import { buildWorker, wranglerMissing } from "./build.js";
import { type Code, needsBuild } from "./entry.js";
import { workerBroken } from "./error.js";
import { findPagesWorker, refuseFunctions } from "./pages.js";
import { findWrangler } from "./wrangler.js";

interface Source {
  config: WranglerConfig;
  keys: WorkerKeys;
  compatibilityDate: string;
  environment: NodeJS.ProcessEnv;
  clock: Clock;
}

/** Errors: WORKER_BROKEN, WORKER_UNSUPPORTED, WRANGLER_CONFIG. */
export async function findSource({ config, keys, ...given }: Source): Promise<Code> {
  const folder = dirname(config.file);
  if (keys.pages_build_output_dir !== undefined) return findPages(resolve(folder, keys.pages_build_output_dir));
  if (keys.main === undefined) throw noMain(config, keys);
  const main = resolve(folder, keys.main);
  if (extname(main) === ".py") throw python(config);
  const command = keys.build?.command;
  if (!existsSync(main) && command === undefined) throw noSuchMain(config, main);

  if (keys.no_bundle && command === undefined) {
    return { entry: main, root: keys.base_dir === undefined ? dirname(main) : resolve(folder, keys.base_dir) };
  }
  const wrangler = findWrangler(folder);
  const why = whyBuild(main, keys);
  if (wrangler !== undefined) {
    const unsure = command !== undefined || keys.find_additional_modules === true;
    return buildWorker({ config, main, unsure, ...given }, wrangler);
  }
  if (why !== undefined) throw wranglerMissing({ main, config }, why);
  return { entry: main, root: keys.base_dir === undefined ? folder : resolve(folder, keys.base_dir) };
}

/** What only a build can do for it; undefined if it may run as it is. */
function whyBuild(main: string, { alias, define, build }: WorkerKeys): string | undefined {
  if (needsBuild(main)) return `${extname(main)} is no JavaScript`;
  if (build?.command !== undefined) return `by its command ${build.command}`;
  if (alias !== undefined) return "the config has aliases";
  return Object.keys(define).length > 0 ? "the config has defines" : undefined;
}

function findPages(folder: string): Code {
  const pages = findPagesWorker(folder);
  if (pages !== undefined) return pages;
  refuseFunctions(folder);
  throw workerBroken({
    expected: `a _worker.js in ${folder}`,
    got: existsSync(folder) ? "a folder without one" : "no such folder",
    fix: "build the project first, or correct pages_build_output_dir",
  });
}

function noMain(config: WranglerConfig, { assets }: WorkerKeys): Error {
  return wranglerConfigError({
    expected: `${config.file} to name the Worker's code as "main"`,
    got: assets === undefined ? "none" : "only assets, which hidb has no work for",
    fix: "add main, or name a built module instead of the config",
  });
}

function noSuchMain(config: WranglerConfig, main: string): Error {
  return workerBroken({
    expected: `the file ${main}, the ${config.place(["main"])}`,
    got: "no such file",
    fix: config.redirected ? "build the project first" : "correct main, or build the project first",
  });
}

function python(config: WranglerConfig): Error {
  return new HidbError({
    code: "WORKER_UNSUPPORTED",
    message: `expected a Worker in JavaScript or TypeScript, got Python (${config.place(["main"])})`,
    fix: `leave it on Cloudflare, and call it with HIDB_PROCESSOR=http`,
  });
}

/** The folder of static files that a config names, checked. */
export function assetsFolder(config: WranglerConfig, directory: string | undefined): string {
  const folder = directory === undefined ? undefined : join(resolve(dirname(config.file)), directory);
  if (folder !== undefined && existsSync(folder)) return folder;
  throw wranglerConfigError({
    expected: folder === undefined ? `a directory of ${config.place(["assets"])}` : `the folder ${folder} for assets`,
    got: folder === undefined ? "none" : "no such folder",
    fix: "correct assets.directory, or build the project first",
  });
}
