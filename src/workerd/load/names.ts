// What workerd calls a module: a path below the root of the Worker, whoever imports it and in whatever spelling.

/** Prefixes of modules that belong to the runtime. */
const RUNTIME = /^(?:node|cloudflare|workerd|cloudflare-internal|node-internal|workerd-internal):/;

/**
 * The name that a specifier means to an importer; null above the root. There is no URL in it: `https://a/b` is the path
 * `https:/a/b`, and a bare name is looked for beside the importer.
 */
export function nameOf(specifier: string, importer: string): string | null {
  if (RUNTIME.test(specifier)) return specifier;
  const parts = specifier.startsWith("/") ? [] : importer.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return null;
  }
  return parts.join("/") || ".";
}

export interface Missing {
  specifier: string;
  /** Name of the module that asks for it. */
  importer: string;
}

/** Which errors are ours, and what they are about: the Worker may throw one with the same text. */
const known = new WeakMap<object, Missing>();

/** workerd's own error; `isStatic` where the importer names it in an import declaration. */
export function noSuchModule({ specifier, importer }: Missing, isStatic: boolean): Error {
  const name = nameOf(specifier, importer);
  const text = name === null ? `No such module "${specifier}"` : `No such module "${name}".`;
  const error = new Error(isStatic ? `${text}\n  imported from "${importer}"` : text);
  known.set(error, { specifier, importer });
  return error;
}

export function missingOf(error: unknown): Missing | undefined {
  return typeof error === "object" && error !== null ? known.get(error) : undefined;
}

/** A guess from the text, made only once a module is missing: declarations name it, and calls of `import()` do not. */
export function importsStatically(source: string, specifier: string): boolean {
  const quoted = specifier.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`(?:^|[\\s;}])(?:import|export)\\b[^;'"()]*["']${quoted}["']`).test(source);
}
