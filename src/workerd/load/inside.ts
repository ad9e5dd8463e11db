// A module that Node's own loader has loaded, whatever loaded this file: it imports other modules, and passes values to
// modules that are made of values instead of source.
import { createRequire } from "node:module";

/** Only what this folder makes may import it: a Worker's own imports are resolved elsewhere. */
export const INSIDE = "hidb:inside";
export const INSIDE_URL = "file:///hidb/inside.mjs";
export const INSIDE_SOURCE = "export const values = new Map();\nexport const load = (url) => import(url);\n";

interface Inside {
  values: Map<string, () => unknown>;
  load: (url: string) => Promise<Record<string, unknown>>;
}

let loaded: Inside | undefined;

/** The hooks must be there first. */
export function inside(): Inside {
  loaded ??= createRequire(import.meta.url)(INSIDE) as Inside;
  return loaded;
}

/**
 * The source of a module whose exports are those of a value: `make` is called when the module is evaluated, and may take
 * its time if `isLazy`. Names but `default` must be known before.
 */
export function valueSource(
  key: string,
  make: () => unknown,
  { names = [], isLazy = false }: { names?: readonly string[]; isLazy?: boolean } = {},
): string {
  inside().values.set(key, make);
  const exported = names.filter((name) => name !== "default" && name !== "module.exports");
  const picked = exported.map((name, index) => `${JSON.stringify(name)}: $${index}`);
  const named = exported.map((name, index) => `$${index} as ${JSON.stringify(name)}`);
  return [
    `import { values } from "${INSIDE}";`,
    `const $ = ${isLazy ? "await " : ""}values.get(${JSON.stringify(key)})();`,
    `const { ${picked.join(", ")} } = $;`,
    `export { ${named.join(", ")} };`,
    ...(names.includes("default") ? ["export default $.default;"] : []),
  ].join("\n");
}
