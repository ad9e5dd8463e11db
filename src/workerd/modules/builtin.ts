// One module that belongs to the runtime, and how `require` and `process.getBuiltinModule` find it.
import type { Realm } from "../realm.js";

export interface Builtin {
  /** `node:fs`, `cloudflare:workers`. */
  name: string;
  /** What it exports, `default` included. */
  names: readonly string[];
  load: () => Record<string, unknown> | Promise<Record<string, unknown>>;
  /** Its load takes time, so only an import can have it. */
  isLazy: boolean;
  /** The URL of Node's own module, where that is what the Worker gets. */
  native?: string;
}

export type FindBuiltin = (specifier: string) => Builtin | undefined;

const finders = new WeakMap<Realm, FindBuiltin>();

export function registerBuiltins(realm: Realm, find: FindBuiltin): void {
  finders.set(realm, find);
}

/** Undefined, too, while the Worker is not being loaded. */
export function findBuiltin(realm: Realm, specifier: string): Builtin | undefined {
  return finders.get(realm)?.(specifier);
}
