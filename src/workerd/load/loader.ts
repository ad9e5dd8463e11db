// All modules of one Worker: what each of its imports means, and the source behind it.
import type { LoadFnOutput, ResolveFnOutput, ResolveHookContext } from "node:module";
import { isAbsolute } from "node:path";
import type { Builtin } from "../modules/builtin.js";
import { Builtins } from "../modules/builtins.js";
import type { WorkerPlan } from "../plan.js";
import type { Realm } from "../realm.js";
import { CommonJsModules } from "./commonjs.js";
import { type Next, WorkerFiles } from "./files.js";
import { INSIDE, INSIDE_URL, valueSource } from "./inside.js";
import { importsStatically, nameOf, noSuchModule } from "./names.js";
import { markedUrl, type Place, plainUrl, plannedPlace } from "./place.js";
import { SHADOWS, shadowedIn, shadowsOf } from "./shadow.js";

type Source = Required<LoadFnOutput>;

const WRONG_ATTRIBUTES = "Unrecognized import attributes specified";
/** workerd's `import.meta` is empty. */
const EMPTY_META = "for (const $ of Object.keys(import.meta)) delete import.meta[$]; ";

export class WorkerLoader {
  readonly #plan: WorkerPlan;
  readonly #realm: Realm;
  readonly #worker: number;
  readonly #files: WorkerFiles;
  readonly #builtins: Builtins;
  readonly #commonJs: CommonJsModules;
  readonly #planned = new Map<string, Place>();
  readonly #places = new Map<string, Place>();
  /** Sources that are made here, by URL. */
  readonly #made = new Map<string, string>();

  constructor({ plan, realm, worker }: { plan: WorkerPlan; realm: Realm; worker: number }) {
    this.#plan = plan;
    this.#realm = realm;
    this.#worker = worker;
    this.#files = new WorkerFiles(plan, worker);
    for (const module of plan.modules) {
      const place = plannedPlace({ ...module, path: nameOf(module.path, "") ?? module.path }, plan.root, worker);
      this.#planned.set(place.name, place);
    }
    this.#builtins = new Builtins(realm, () => this.#bundle());
    this.#commonJs = new CommonJsModules({
      builtins: this.#builtins,
      find: (specifier, importer) => this.#findRequired(specifier, importer),
      value: (place) => contentOf(place),
      realm,
    });
  }

  /** A Worker that was handed over as modules has those and no others. */
  get #hasFiles(): boolean {
    return isAbsolute(this.#plan.entry);
  }

  /** To be called before the first import. */
  prepare(): Promise<void> {
    return this.#builtins.prepare();
  }

  /** The URL of the entry module; undefined if there is no such module. */
  entryUrl(): string | undefined {
    const { entry } = this.#plan;
    const place = isAbsolute(entry) ? this.#files.entry(entry) : this.#planned.get(nameOf(entry, "") ?? "");
    return place === undefined ? undefined : this.#keep(place).url;
  }

  /** The programs that were met so far, the latest first. */
  sources(): Map<string, string> {
    const programs = [...this.#places.values()].filter(({ kind }) => kind === "ESModule").reverse();
    return new Map(programs.map((place) => [place.name, place.text()]));
  }

  resolve(specifier: string, context: ResolveHookContext, next: Next): ResolveFnOutput {
    const { parentURL: parent = "" } = context;
    if (specifier === INSIDE && this.#made.has(parent)) return { url: INSIDE_URL, shortCircuit: true };
    const importer = this.#places.get(parent) ?? this.#stranger(parent);
    const found = this.#resolveFrom(specifier, importer, next);
    const isJson = typeof found === "object" && found.kind === "JSON";
    if (!isJson && Object.keys(context.importAttributes ?? {}).length > 0) throw new Error(WRONG_ATTRIBUTES);
    if (found === undefined) {
      const isStatic = importer.kind === "ESModule" && importsStatically(importer.text(), specifier);
      throw noSuchModule({ specifier, importer: importer.name }, isStatic);
    }
    const url = typeof found === "string" ? found : found.url;
    return { url, shortCircuit: true, importAttributes: {} };
  }

  load(url: string): Source {
    const place = this.#places.get(url);
    const source = this.#made.get(url) ?? (place === undefined ? undefined : this.#sourceOf(place));
    if (source === undefined) throw new Error(`No such module "${plainUrl(url)}".`);
    return { format: "module", source, shortCircuit: true };
  }

  #resolveFrom(specifier: string, importer: Place, next: Next): Place | string | undefined {
    if (specifier === SHADOWS) return this.#shadowsUrl();
    const builtin = this.#builtins.find(specifier);
    if (builtin !== undefined) return this.#builtinUrl(builtin);
    const found = this.#find(specifier, importer) ?? this.#findPackage(specifier, importer, next);
    return found === undefined ? undefined : this.#keep(found);
  }

  /** A planned module, or a file where the specifier is a path. */
  #find(specifier: string, importer: Place): Place | undefined {
    const name = nameOf(specifier, importer.name);
    const planned = name === null ? undefined : this.#planned.get(name);
    if (planned !== undefined) return planned;
    return this.#hasFiles && /^[./]/.test(specifier) ? this.#files.beside(importer, specifier, name) : undefined;
  }

  #findPackage(specifier: string, importer: Place, next: Next): Place | undefined {
    return !this.#hasFiles || /^[./]|^[a-z-]+:/i.test(specifier)
      ? undefined
      : this.#files.package(importer, specifier, next);
  }

  #findRequired(specifier: string, importer: Place): Place | undefined {
    const found = this.#find(specifier, importer) ?? this.#files.required(importer, specifier);
    return found === undefined ? undefined : this.#keep(found);
  }

  #keep(place: Place): Place {
    const known = this.#places.get(place.url);
    if (known === undefined) this.#places.set(place.url, place);
    return known ?? place;
  }

  #builtinUrl(builtin: Builtin): string {
    if (builtin.native !== undefined) return builtin.native;
    const url = markedUrl(`hidb:${builtin.name}`, this.#worker);
    if (!this.#made.has(url)) {
      this.#made.set(url, valueSource(url, builtin.load, { names: builtin.names, isLazy: builtin.isLazy }));
    }
    return url;
  }

  #shadowsUrl(): string {
    const url = markedUrl(SHADOWS, this.#worker);
    const shadows = shadowsOf(this.#realm);
    if (!this.#made.has(url))
      this.#made.set(
        url,
        valueSource(url, () => shadows, { names: Object.keys(shadows) }),
      );
    return url;
  }

  #sourceOf(place: Place): string {
    if (place.kind !== "ESModule") return this.#valueSource(place);
    const source = place.text();
    const isEmptied = this.#plan.compatibility.node !== "full" && /\bimport\b\s*\.\s*meta\b/.test(source);
    const shadowed = shadowedIn(source, this.#realm);
    const shadows = shadowed.length === 0 ? "" : `import { ${shadowed.join(", ")} } from "${SHADOWS}"; `;
    // In front of the first line, which keeps its number.
    const prologue = source.startsWith("#!") ? "" : `${shadows}${isEmptied ? EMPTY_META : ""}`;
    // Stack traces name the file as it is, and the mark stays between Node and us.
    return `${prologue}${source}\n//# sourceURL=${plainUrl(place.url)}`;
  }

  #valueSource(place: Place): string {
    if (place.kind !== "CommonJS") {
      const value = contentOf(place);
      return this.#remember(place, () => ({ default: value }), ["default"]);
    }
    if (!place.isPackage) {
      // As in workerd: only the default, and errors come when it is its turn.
      return this.#remember(place, () => ({ default: this.#commonJs.exportsOf(place) }), ["default"]);
    }
    // A package's importers expect its names, too; what they are is known when it has run.
    const exported = this.#commonJs.exportsOf(place);
    const named = Object(exported) as Record<string, unknown>;
    return this.#remember(place, () => ({ ...named, default: exported }), [...Object.keys(named), "default"]);
  }

  #remember(place: Place, make: () => unknown, names: readonly string[]): string {
    const source = valueSource(place.url, make, { names });
    this.#made.set(place.url, source);
    return source;
  }

  /** What the Worker's `/bundle` holds: the modules it was given, and those that it has imported. */
  #bundle(): Map<string, () => Uint8Array> {
    const places = [...this.#places.values(), ...this.#planned.values()].filter(({ isPackage }) => !isPackage);
    return new Map(places.map((place) => [place.name, () => place.bytes()]));
  }

  /** A module of ours imports nothing; what has no place of its own stands at the root. */
  #stranger(url: string): Place {
    return plannedPlace({ type: "ESModule", path: url === "" ? "" : "index.js", contents: "" }, this.#plan.root, 0);
  }
}

function contentOf(place: Place): unknown {
  switch (place.kind) {
    case "Text":
      return place.text();
    case "Data":
      return place.bytes().buffer;
    case "CompiledWasm":
      return new WebAssembly.Module(place.bytes());
    case "JSON":
      return JSON.parse(place.text()) as unknown;
    default:
      throw new Error(`"${place.name}" is a program`);
  }
}
