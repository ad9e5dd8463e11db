// Which file holds the user's wrangler config: the nearest one upwards, or the one that a build tool has put in its place.
import { readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { wranglerConfigError } from "./error.js";
import { parseJsonc } from "./parse.js";

export interface WranglerLocation {
  /** The file to read; relative paths in it are meant from its folder. */
  file: string;
  /** Where the user's own config lies; `.wrangler/state` is beside it. */
  projectFolder: string;
  /** Whether `.wrangler/deploy/config.json` led to a generated file. */
  redirected: boolean;
}

/** In wrangler's order: a wrangler.json further up comes before a wrangler.toml at hand. */
const NAMES = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];
const REDIRECT = join(".wrangler", "deploy", "config.json");

/** Takes a folder to start in or a file; undefined when no folder upwards has a config; errors: WRANGLER_CONFIG. */
export function findWranglerConfig(start: string): WranglerLocation | undefined {
  const path = resolve(start);
  const kind = statSync(path, { throwIfNoEntry: false });
  if (kind === undefined) {
    throw wranglerConfigError({
      expected: `a wrangler config, or a folder to look for one, at ${path}`,
      got: "nothing there",
      fix: "correct the path",
    });
  }
  if (kind.isFile()) return { file: path, projectFolder: dirname(path), redirected: false };
  const file = NAMES.map((name) => findUpwards(path, name)).find((found) => found !== undefined);
  const redirect = findUpwards(path, REDIRECT);
  if (redirect !== undefined) return followRedirect(redirect, file);
  return file === undefined ? undefined : { file, projectFolder: dirname(file), redirected: false };
}

function findUpwards(folder: string, name: string): string | undefined {
  const candidate = join(folder, name);
  if (statSync(candidate, { throwIfNoEntry: false })?.isFile()) return candidate;
  const parent = dirname(folder);
  return parent === folder ? undefined : findUpwards(parent, name);
}

function followRedirect(redirect: string, userFile: string | undefined): WranglerLocation {
  const projectFolder = resolve(dirname(redirect), "..", "..");
  if (userFile !== undefined && dirname(userFile) !== projectFolder) {
    throw wranglerConfigError({
      expected: `${redirect} to lie beside the config ${userFile}`,
      got: "two different folders",
      fix: "remove the one that is not meant, or name the config file itself",
    });
  }
  const { configPath } = parseJsonc(readFileSync(redirect, "utf8"), redirect).data;
  if (typeof configPath !== "string" || configPath === "") {
    throw wranglerConfigError({
      expected: `${redirect} to name a file as "configPath"`,
      got: JSON.stringify(configPath) ?? "none",
      fix: "build the project again, or remove that file",
    });
  }
  const file = resolve(dirname(redirect), configPath);
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
    throw wranglerConfigError({
      expected: `the config ${file}, to which ${redirect} leads`,
      got: "no such file",
      fix: "build the project again, or remove the file that leads there",
    });
  }
  return { file, projectFolder, redirected: true };
}
