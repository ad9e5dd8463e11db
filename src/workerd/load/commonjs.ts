// CommonJS modules of a Worker: our own small `require`, because Node's knows its modules by path alone, shares them
// between Workers, and hands out the loader itself.
import { compileFunction, constants } from "node:vm";
import type { Builtins } from "../modules/builtins.js";
import type { Realm } from "../realm.js";
import { noSuchModule } from "./names.js";
import { type Place, plainUrl } from "./place.js";
import { shadowedIn, shadowsOf } from "./shadow.js";

interface CommonJsModule {
  id: string;
  exports: unknown;
  loaded: boolean;
}

interface Parts {
  builtins: Builtins;
  /** The module that `require` means; undefined for none. */
  find: (specifier: string, importer: Place) => Place | undefined;
  /** What a module that is no JavaScript exports. */
  value: (place: Place) => unknown;
  realm: Realm;
}

const PARAMETERS = ["exports", "require", "module", "__filename", "__dirname"];

export class CommonJsModules {
  readonly #parts: Parts;
  readonly #modules = new Map<string, CommonJsModule>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** `module.exports` of the module, evaluated at its first use. */
  exportsOf(place: Place): unknown {
    const known = this.#modules.get(place.url);
    if (known !== undefined) return known.exports; // Possibly unfinished: a cycle.
    const module: CommonJsModule = { id: place.name, exports: {}, loaded: false };
    this.#modules.set(place.url, module);
    try {
      const name = place.file ?? `/${place.name}`;
      const folder = name.slice(0, name.lastIndexOf("/")) || "/";
      const require = (specifier: string) => this.require(String(specifier), place);
      const shadows = shadowsOf(this.#parts.realm);
      const shadowed = shadowedIn(place.text(), this.#parts.realm);
      const given = [module.exports, require, module, name, folder, ...shadowed.map((shadow) => shadows[shadow])];
      compile(place, shadowed).apply(module.exports, given);
      module.loaded = true;
    } catch (error) {
      this.#modules.delete(place.url);
      throw error;
    }
    return module.exports;
  }

  require(specifier: string, importer: Place): unknown {
    const builtin = this.#parts.builtins.find(specifier);
    if (builtin !== undefined) {
      const exported = builtin.load() as Record<string, unknown>;
      return builtin.names.includes("default") ? exported.default : exported;
    }
    const place = this.#parts.find(specifier, importer);
    if (place === undefined) throw noSuchModule({ specifier, importer: importer.name }, false);
    if (place.kind === "CommonJS") return this.exportsOf(place);
    if (place.kind !== "ESModule") return this.#parts.value(place);
    throw new Error(`require() of the ES module "${place.name}" is not supported; import it`);
  }
}

type Compiled = (this: unknown, ...given: unknown[]) => unknown;

function compile(place: Place, shadowed: readonly string[]): Compiled {
  const source = place.text();
  // Node warns of an experiment when asked for this, so only those that import() anything get it. The file name has the
  // mark of the Worker, and so have the imports that come from there.
  const importing = /\bimport\s*\(/.test(source)
    ? { filename: place.url, importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER }
    : { filename: plainUrl(place.url) };
  return compileFunction(source.replace(/^#!.*/, ""), [...PARAMETERS, ...shadowed], importing) as Compiled;
}
