// What a source in a list means: a URL stays, a path that leads to a file becomes absolute, anything else stays as it is.
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Names that begin or end with blanks are legal, so blanks are cut off only where no such file exists. */
export function resolveSource(source: string, base: string): string {
  if (isUrl(source.trim())) return readUrl(source.trim());
  for (const candidate of [source, source.trim()]) {
    const path = resolve(base, candidate);
    if (isFile(path)) return path;
  }
  // For example the id of a video on some site, for a processor that knows what to do with it.
  return source.trim();
}

function isUrl(source: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(source);
}

function readUrl(source: string): string {
  if (!/^file:/i.test(source)) return source;
  try {
    const path = fileURLToPath(source);
    // No file has `%00` in its name, and a database's text would end there.
    return path.includes("\0") ? source : path;
  } catch {
    return source;
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch {
    return false; // Such as a name that is too long for a file.
  }
}
