// The folder that `data/` and `.env` belong to; the ecosystem file asks here, too.
import { existsSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of this package: it holds package.json, data/migrations/ and ecosystem.cluster.config.cjs. */
export const PROJECT_ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/**
 * A clone's own folder; where hidb is a package of a project, that project: `npm ci` makes `node_modules` anew. Installed
 * for all projects, or fetched by `npx` or `pnpm dlx` for one run, it works in the folder where the command is typed.
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
