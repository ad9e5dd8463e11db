// The folder of this package, and the base folder: the one that `data/` and `.env` are in.
import { existsSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of this package: it holds package.json, data/migrations/ and ecosystem.cluster.config.cjs. */
export const PROJECT_ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/**
 * In a clone, the clone. Where hidb is a dependency, that project, since `npm ci` deletes `node_modules`. Installed globally,
 * or fetched by `npx` or `pnpm dlx` for one run, the folder where the command is typed.
 */
export function findBase(packageRoot: string, cwd: string): string {
  if (!isInstalled(packageRoot)) return packageRoot;
  const project = beforeModules(packageRoot);
  const isForAll = /[\\/](_npx|dlx)([\\/]|-)|[\\/]global([\\/]\d+)?$/.test(project);
  return !isForAll && existsSync(join(project, "package.json")) ? project : beforeModules(resolve(cwd));
}

export function isInstalled(packageRoot: string): boolean {
  return beforeModules(packageRoot) !== packageRoot;
}

function beforeModules(folder: string): string {
  const at = `${folder}${sep}`.indexOf(`${sep}node_modules${sep}`);
  return at < 0 ? folder : folder.slice(0, at) || sep;
}
