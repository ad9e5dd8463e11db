// The log files of a folder, held open: however they are renamed or removed meanwhile, each is read to its end once.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { codeOf } from "../../errors.js";
import type { Millis } from "../../video.js";
import { describe, isAside, type LogFile, listLogFiles } from "./files.js";

export interface OpenLogFile extends LogFile {
  descriptor: number;
  /** Behind the last whole line; a line that is being written ends later. */
  end: number;
  /** Up to here a follower has read. */
  position: number;
}

/** A file that was set aside and has not been written to for so long will not be again. */
const QUIET_MS = 60_000;

export class OpenLogFiles {
  readonly #folder: string;
  /** By identity. While a file is open no other gets its inode. */
  readonly #files = new Map<string, OpenLogFile>();
  /** Names that lead to nothing new: a file that was set aside keeps its name. */
  readonly #done = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** In the order in which equal moments are told: by process id, the older file first. */
  get files(): OpenLogFile[] {
    return [...this.#files.values()].sort(compareFiles);
  }

  /** Opens what is new and finds out how far each file reaches. A folder that is not there (yet) has no files. */
  refresh(): void {
    const listed = new Set<string>();
    // A file that is renamed between being listed and being opened shows up under its new name in the next list.
    while (this.#refreshOnce(listed));
    for (const file of this.#files.values()) measure(file);
    for (const [identity, file] of this.#files) if (!listed.has(identity)) file.current = false;
  }

  #refreshOnce(listed: Set<string>): boolean {
    let isNew = false;
    for (const entry of list(this.#folder)) {
      if (this.#done.has(entry.name)) continue;
      const identity = this.#files.has(entry.identity) ? entry.identity : this.#open(entry);
      if (identity === undefined) continue;
      isNew ||= !listed.has(identity);
      listed.add(identity);
      const file = this.#files.get(identity);
      if (file !== undefined && identity === entry.identity) Object.assign(file, entry);
    }
    return isNew;
  }

  #open(entry: LogFile): string | undefined {
    const descriptor = openIfThere(entry.path);
    if (descriptor === undefined) return undefined;
    const { identity } = describe(fstatSync(descriptor, { bigint: true }));
    if (this.#files.has(identity)) closeSync(descriptor);
    else this.#files.set(identity, { ...entry, identity, descriptor, end: 0, position: 0 });
    return identity;
  }

  /** For a follower that has read everything: lets go of files that nobody writes to any more. */
  closeFinished(now: Millis): void {
    for (const [identity, file] of this.#files) {
      if (file.current || file.position < file.size || now - file.mtimeMs < QUIET_MS) continue;
      closeSync(file.descriptor);
      this.#files.delete(identity);
      if (isAside(file.name)) this.#done.add(file.name);
    }
  }

  close(): void {
    for (const { descriptor } of this.#files.values()) closeSync(descriptor);
    this.#files.clear();
  }
}

function compareFiles(a: LogFile, b: LogFile): number {
  return a.processId - b.processId || Number(a.current) - Number(b.current) || (a.name < b.name ? -1 : 1);
}

function list(folder: string): LogFile[] {
  try {
    return listLogFiles(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function measure(file: OpenLogFile): void {
  const { size, mtimeMs } = describe(fstatSync(file.descriptor, { bigint: true }));
  Object.assign(file, { size, mtimeMs });
  if (size !== file.end) file.end = lastLineEnd(file.descriptor, size);
  // Somebody has emptied it.
  if (file.end < file.position) file.position = 0;
}

const STEP = 65_536;

function lastLineEnd(descriptor: number, size: number): number {
  const bytes = Buffer.alloc(1);
  if (size === 0 || (readSync(descriptor, bytes, 0, 1, size - 1) === 1 && bytes[0] === 10)) return size;
  for (let end = size; end > 0; end -= STEP) {
    const start = Math.max(0, end - STEP);
    const block = Buffer.alloc(end - start);
    const length = readSync(descriptor, block, 0, block.length, start);
    const at = block.subarray(0, length).lastIndexOf(10);
    if (at >= 0) return start + at + 1;
  }
  return 0;
}
