// The location and kind of a Worker's module, found by its URL once it has been resolved.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ModuleType, PlannedModule } from "../plan.js";
import { ruledKind, scriptKind } from "./kinds.js";

export interface Place {
  readonly url: string;
  /** The path from the root, as others import it. */
  readonly name: string;
  /** Null for a module that is no file. */
  readonly file: string | null;
  readonly kind: ModuleType;
  /** From a package in node_modules, which is resolved as by Node and not as by workerd. */
  readonly isPackage: boolean;
  text(): string;
  bytes(): Uint8Array<ArrayBuffer>;
}

const MARK = "hidb-worker";
/** As Node passes it on: in a URL, or in a URL that was a path meanwhile. */
const MARKED = new RegExp(`(?:\\?|%3F)${MARK}=(\\d+)$`);

/** Which Worker a URL belongs to; undefined for the host's own. */
export function workerOf(url: string | undefined): number | undefined {
  const found = url === undefined ? null : MARKED.exec(url);
  return found === null ? undefined : Number(found[1]);
}

export function markedUrl(url: string, worker: number): string {
  return `${url}?${MARK}=${worker}`;
}

/** Without the mark: what a stack trace should say. */
export function plainUrl(url: string): string {
  return url.replace(MARKED, "");
}

export function plannedPlace(module: PlannedModule, root: string, worker: number): Place {
  const { contents } = module;
  return {
    url: markedUrl(pathToFileURL(join(root, module.path)).href, worker),
    name: module.path,
    file: null,
    kind: module.type,
    isPackage: false,
    text: () => (typeof contents === "string" ? contents : new TextDecoder().decode(contents)),
    bytes: () => (typeof contents === "string" ? new TextEncoder().encode(contents) : new Uint8Array(contents)),
  };
}

interface FileParts {
  name: string;
  file: string;
  worker: number;
  isPackage: boolean;
  rules: Parameters<typeof ruledKind>[1];
}

export function filePlace({ name, file, worker, isPackage, rules }: FileParts): Place {
  const text = () => readFileSync(file, "utf8");
  return {
    url: markedUrl(pathToFileURL(file).href, worker),
    name,
    file,
    kind: ruledKind(name, rules) ?? scriptKind(file, text(), isPackage),
    isPackage,
    text,
    bytes: () => new Uint8Array(readFileSync(file)),
  };
}
