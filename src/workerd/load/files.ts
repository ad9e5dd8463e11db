// Modules that are files: below the Worker's root, or in a package that it has in node_modules.
import { existsSync, realpathSync, statSync } from "node:fs";
import { createRequire, isBuiltin, type ResolveFnOutput, type ResolveHookContext } from "node:module";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { WorkerPlan } from "../plan.js";
import { packageFileOf } from "./kinds.js";
import { filePlace, type Place } from "./place.js";

/** Node's own resolution, with its conditions. */
export type Next = (specifier: string, context?: Partial<ResolveHookContext>) => ResolveFnOutput;

/** The conditions that wrangler bundles with. */
const CONDITIONS = ["workerd", "worker", "browser", "import", "module", "default"];

export class WorkerFiles {
  readonly #plan: WorkerPlan;
  readonly #worker: number;
  /** Folders of packages that were reached by name: linked ones may stand anywhere. */
  readonly #packages = new Set<string>();

  constructor(plan: WorkerPlan, worker: number) {
    this.#plan = plan;
    this.#worker = worker;
  }

  /** A path that an importer names, as it stands: there is no guessing of endings. */
  beside(importer: Place, specifier: string, name: string | null): Place | undefined {
    if (importer.file === null || !importer.isPackage) return name === null ? undefined : this.#below(name);
    const [path = "", query] = specifier.split("?");
    const file = resolve(dirname(importer.file), path);
    return this.#isAllowed(file) ? this.#place(file, true, query) : undefined;
  }

  entry(file: string): Place | undefined {
    return this.#place(file, false);
  }

  /** A package by name, as Node finds it from the importer on upwards. */
  package(importer: Place, specifier: string, next: Next): Place | undefined {
    const from = importer.file ?? join(this.#plan.root, importer.name);
    try {
      const conditions = this.#plan.compatibility.node === "full" ? ["node", ...CONDITIONS] : CONDITIONS;
      const url = isBuiltin(specifier)
        ? pathToFileURL(createRequire(from).resolve(`${specifier}/`)).href // An npm package of a name that Node has, too.
        : next(specifier, { parentURL: pathToFileURL(from).href, conditions, importAttributes: {} }).url;
      return url.startsWith("file:") ? this.#packaged(fileURLToPath(url)) : undefined;
    } catch {
      return undefined;
    }
  }

  /** What `require` means in a package: Node's rules, endings and folders included. */
  required(importer: Place, specifier: string): Place | undefined {
    if (importer.file === null) return undefined;
    try {
      const file = createRequire(importer.file).resolve(isBuiltin(specifier) ? `${specifier}/` : specifier);
      if (!isAbsolute(file)) return undefined;
      if (!/^[./]/.test(specifier)) return this.#packaged(file);
      return this.#isAllowed(file) ? this.#place(file, importer.isPackage) : undefined;
    } catch {
      return undefined;
    }
  }

  #below(name: string): Place | undefined {
    const [path = "", query] = name.split("?");
    return this.#place(join(this.#plan.root, path), false, query);
  }

  #packaged(file: string): Place | undefined {
    const real = realpathSync(file);
    const described = packageFileOf(dirname(real));
    if (described !== undefined) this.#packages.add(dirname(described));
    return this.#place(real, true);
  }

  #place(file: string, isPackage: boolean, query?: string): Place | undefined {
    if (!existsSync(file) || !statSync(file).isFile()) return undefined;
    // Only `.wasm?module` has a meaning; any other query is part of a name that no file has.
    if (query !== undefined && !(query === "module" && file.endsWith(".wasm"))) return undefined;
    const name = relative(this.#plan.root, file).split(sep).join("/");
    return filePlace({ name, file, worker: this.#worker, isPackage, rules: this.#plan.rules });
  }

  #isAllowed(file: string): boolean {
    return isBelow(file, this.#plan.root) || [...this.#packages].some((folder) => isBelow(file, folder));
  }
}

function isBelow(file: string, folder: string): boolean {
  const path = relative(folder, file);
  return !isAbsolute(path) && !path.startsWith("..");
}
