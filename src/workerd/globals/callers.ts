// Globals that depend on their reader. Node's own code (above all fetch) and packages of the host read `Buffer`,
// `process` and timers off the global object while they run, after the Worker's have been installed there. So these
// names have getters that check whether the reader is code of the host.
import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { getCallSites } from "node:util";
import type { Target } from "../realm.js";

/** Packages of the host that read such names while they run. */
const HOST_PACKAGES = ["better-sqlite3", "ws", "html-rewriter-wasm"];

/** Defines a global with one value for the Worker and another for the host; undefined hides it. */
export function defineByCaller(target: Target, name: string, values: { worker: unknown; host: unknown }): void {
  let { worker } = values;
  const { host } = values;
  Object.defineProperty(target, name, {
    get: () => (isHostAsking() ? host : worker),
    set: (value: unknown) => {
      worker = value;
    },
    configurable: true,
    enumerable: false,
  });
}

/** For the getter that calls this: whether its reader is code of the host. Costs two microseconds. */
function isHostAsking(): boolean {
  // This function, the getter, its reader. A `sourceURL` comment does not change what is reported here.
  const script = getCallSites(3)[2]?.scriptName;
  if (script === undefined || script === "") return false;
  return script.startsWith("node:") || hostFolders().some((folder) => script.startsWith(folder));
}

let folders: string[] | undefined;

/** Scripts go by path or by URL, depending on how they were loaded. */
function hostFolders(): string[] {
  folders ??= [fileURLToPath(new URL("../../", import.meta.url)), ...packageFolders()].flatMap((folder) => [
    folder,
    pathToFileURL(folder).href,
  ]);
  return folders;
}

function packageFolders(): string[] {
  const require = createRequire(import.meta.url);
  return HOST_PACKAGES.map((name) => dirname(require.resolve(name)) + sep);
}
