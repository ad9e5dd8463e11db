// Shadows Node's globals for a Worker in this process: its modules get variables of the same names in their own scope.
// In a thread the global object itself is the Worker's.
import { makeProcess } from "../modules/process.js";
import type { Realm } from "../realm.js";

/** What modules import their shadows from; the Worker may do so, too. */
export const SHADOWS = "hidb:shadows";

const NAMES = ["process", "global"] as const;
type Name = (typeof NAMES)[number];

export function shadowsOf(realm: Realm): Record<Name, unknown> {
  const isCompat = realm.compatibility.node === "compat";
  return { process: isCompat ? makeProcess(realm) : undefined, global: isCompat ? globalThis : undefined };
}

/** The names that a source uses and does not declare: to declare one twice would be a syntax error. */
export function shadowedIn(source: string, realm: Realm): Name[] {
  if (realm.isolated || realm.compatibility.node === "full") return [];
  return NAMES.filter((name) => new RegExp(`\\b${name}\\b`).test(source) && !declares(source, name));
}

/** May say yes by mistake: then that module sees Node's own. */
function declares(source: string, name: Name): boolean {
  const variable = `\\b(?:const|let|var)\\s+(?:[^;=(]*[\\s,{:[])?${name}\\b(?!\\s*\\.)`;
  const later = `\\b(?:const|let|var)\\b[^;\\n]*[,{:[]\\s*${name}\\s*[=,}\\]]`;
  const other = `\\b(?:class|function)\\s*\\*?\\s*${name}\\b`;
  const imported = `\\bimport\\b[^;("']*\\b${name}\\b[^;("']*\\bfrom\\b`;
  return new RegExp([variable, later, other, imported].join("|")).test(source);
}
