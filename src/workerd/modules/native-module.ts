// Node's own modules, for those of the runtime that are made of them.
import { createRequire } from "node:module";

const nodeRequire = createRequire(import.meta.url);

/** Node's own module, loaded when first asked for. */
export function nodeModule<T>(name: string): T {
  return nodeRequire(name) as T;
}
