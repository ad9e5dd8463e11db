// Finds the media files of a folder, however deep, however named, each once, in an order that is the same every time.
import { type Dirent, readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../errors.js";
import type { Refusal, VideoList } from "./entry.js";
import { isMedia } from "./media.js";
import { listUnreadable } from "./unreadable.js";

/** Errors: LIST_UNREADABLE when the folder itself cannot be read; a folder below it becomes a refusal. */
export function scanFolder(root: string): VideoList {
  const scan = new Scan();
  try {
    scan.walk(root);
  } catch (cause) {
    const fix = "give this user read permission on it";
    throw listUnreadable({ name: root, expected: "to read the folder", got: messageOf(cause), fix, cause });
  }
  scan.followLinks();
  return scan.list();
}

class Scan {
  /** Real path -> the name that leads to it: a link anywhere above the folder must not make two of one. */
  readonly #files = new Map<string, string>();
  readonly #refused: Refusal[] = [];
  readonly #links: string[] = [];
  /** By their real paths: what keeps a loop of links from going round for ever. */
  readonly #folders = new Set<string>();

  /** Walks the folder and the real folders below it; links are kept for later. */
  walk(root: string): void {
    const waiting = [root];
    for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
      for (const below of this.#read(folder, folder === root)) waiting.push(below);
    }
  }

  /** Links come last, those to folders before those to files, so that what is also there in person keeps its own name. */
  followLinks(): void {
    const toFiles: [target: string, path: string][] = [];
    // Grows while it is gone through: folders behind links have links of their own.
    for (const path of this.#links) {
      const target = this.#resolveLink(path);
      if (target === undefined) continue;
      if (!target.folder) toFiles.push([target.path, path]);
      else if (!this.#folders.has(target.path)) this.#tryWalk(path);
    }
    for (const [target, path] of toFiles) {
      if (isMedia(path) && !this.#files.has(target)) this.#files.set(target, path);
    }
  }

  list(): VideoList {
    const sources = [...this.#files.values()].sort();
    return {
      entries: sources.map((source) => ({ line: null, id: null, source, title: null, durationS: null })),
      refused: this.#refused.sort((a, b) => ((a.source ?? "") < (b.source ?? "") ? -1 : 1)),
    };
  }

  #tryWalk(path: string): void {
    try {
      this.walk(path);
    } catch (error) {
      this.#refuse(path, `expected to read the folder, got ${messageOf(error)}`);
    }
  }

  /** Takes the folder's files; returns its folders. Only the first folder of a walk may throw. */
  #read(folder: string, first: boolean): string[] {
    let entries: Dirent<NonSharedBuffer>[];
    let real: string;
    try {
      real = realpathSync(folder);
      if (this.#folders.has(real)) return [];
      // Names are bytes: read as text, one that is not UTF-8 would turn into the name of a file that does not exist.
      entries = readdirSync(folder, { withFileTypes: true, encoding: "buffer" });
      this.#folders.add(real);
    } catch (error) {
      if (first) throw error;
      this.#refuse(folder, `expected to read the folder, got ${messageOf(error)}`);
      return [];
    }
    entries.sort((a, b) => Buffer.compare(a.name, b.name));
    return entries.flatMap((entry) => this.#take(folder, real, entry) ?? []);
  }

  /** Returns the path of a folder to walk. */
  #take(folder: string, real: string, entry: Dirent<NonSharedBuffer>): string | undefined {
    const name = entry.name.toString("utf8");
    const path = join(folder, name);
    if (!Buffer.from(name).equals(entry.name)) {
      if (entry.isDirectory() || isMedia(name)) this.#refuse(path, "expected a name in UTF-8, got other bytes");
    } else if (entry.isDirectory()) return path;
    else if (entry.isSymbolicLink()) this.#links.push(path);
    else if (!isMedia(name)) return undefined;
    else if (entry.isFile()) this.#files.set(join(real, name), path);
    else this.#refuse(path, "expected a regular file, got a device, pipe or socket");
    return undefined;
  }

  #resolveLink(path: string): { path: string; folder: boolean } | undefined {
    try {
      const stat = statSync(path);
      if (stat.isDirectory() || stat.isFile()) return { path: realpathSync(path), folder: stat.isDirectory() };
      if (isMedia(path)) this.#refuse(path, "expected a link to a file, got one to a device, pipe or socket");
    } catch {
      if (isMedia(path)) this.#refuse(path, "expected a link to a file, got one that leads nowhere");
    }
    return undefined;
  }

  #refuse(source: string, reason: string): void {
    this.#refused.push({ line: null, source, reason });
  }
}
