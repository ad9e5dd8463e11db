// Where the lines of one instance go: a file that is set aside when it is full or old, while the oldest in the folder go.
// A reload lets two processes write to one file. So a file is only ever renamed, never cut or written over: whoever
// still has it open writes on to it under its new name, nothing is lost, and notices within a second.
import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { type Clock, systemClock } from "../../clock.js";
import { codeOf } from "../../errors.js";
import type { Millis } from "../../video.js";
import { asideName, currentName, describe, listLogFiles, statFile } from "./files.js";

export interface LogBounds {
  /** All log files of the folder together. */
  maxBytes: number;
  /** One file. */
  fileBytes: number;
  fileMs: Millis;
}

export interface RotationOptions extends LogBounds {
  folder: string;
  processId: number;
  instance: string;
  clock?: Clock;
}

/** Between two looks at whether the file is still the one under its name. */
const LOOK_MS = 1000;
/** Before the next try when a file could not be set aside. */
const RETRY_MS = 60_000;

/** Takes lines; each is on disk when `write` returns. */
export class RotatedFile {
  readonly #options: RotationOptions;
  readonly #clock: Clock;
  readonly #path: string;
  readonly #stream: ReturnType<typeof pino.destination>;
  #identity = "";
  #begunAt = 0;
  #bytes = 0;
  #fileBytes: number;
  #lookAt = 0;
  #lastAside = 0;
  #roomMade = false;

  constructor(options: RotationOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#path = join(options.folder, currentName(options.processId));
    this.#fileBytes = options.fileBytes;
    this.#stream = pino.destination({ dest: this.#path, sync: true });
    this.#begin();
  }

  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    const look = this.#bytes + bytes > this.#fileBytes || this.#clock.now() >= this.#lookAt;
    const trouble = look ? this.#look(bytes) : undefined;
    this.#stream.write(line);
    this.#bytes += bytes;
    // The line is safe; that it lies in a file which is too large is told to whoever wrote it.
    if (trouble !== undefined) throw trouble.error;
  }

  /** pino calls it after a fatal line. */
  flushSync(): void {
    this.#stream.flushSync();
  }

  /** Follows the name to another file, and sets the file aside when it is due. Trouble is returned: the line comes first. */
  #look(bytesToCome: number): { error: unknown } | undefined {
    const now = this.#clock.now();
    this.#lookAt = now + LOOK_MS;
    try {
      const file = statFile(this.#path);
      if (file?.identity !== this.#identity) this.#reopen();
      else this.#bytes = file.size;
      const due = this.#bytes + bytesToCome > this.#fileBytes || now - this.#begunAt >= this.#options.fileMs;
      if (this.#bytes > 0 && due) this.#setAside(now);
      else if (!this.#roomMade) this.#makeRoom();
    } catch (error) {
      this.#bytes = 0; // Otherwise each line would look again.
      this.#lookAt = now + RETRY_MS;
      return { error };
    }
    return undefined;
  }

  #reopen(): void {
    this.#stream.reopen();
    this.#begin();
  }

  #setAside(now: Millis): void {
    const { folder, processId, instance } = this.#options;
    this.#lastAside = Math.max(now, this.#lastAside + 1);
    renameIfThere(this.#path, join(folder, asideName(processId, this.#lastAside, instance)));
    this.#reopen();
    this.#makeRoom();
  }

  /** What the file that is open now holds already: a restarted instance goes on with the file of the one before. */
  #begin(): void {
    const { identity, size, mtimeMs } = describe(fstatSync(descriptorOf(this.#stream), { bigint: true }));
    this.#identity = identity;
    this.#bytes = size;
    this.#begunAt = size === 0 ? this.#clock.now() : (firstTime(this.#path) ?? mtimeMs);
  }

  /**
   * Removes the oldest files that were set aside, of all instances, so far that those being written to have room to grow
   * full. One that nobody has written to for long is set aside first: its instance, should it live, notices and opens another.
   */
  #makeRoom(): void {
    const { folder, maxBytes, fileBytes, fileMs } = this.#options;
    this.#roomMade = true;
    const files = listLogFiles(folder);
    const now = this.#clock.now();
    const isStale = (mtimeMs: Millis) => now - mtimeMs >= fileMs;
    const stale = files.filter(({ current, path, mtimeMs }) => current && path !== this.#path && isStale(mtimeMs));
    for (const { path, processId, mtimeMs } of stale) {
      renameIfThere(path, join(folder, asideName(processId, Math.floor(mtimeMs), this.#options.instance)));
    }
    const writtenTo = Math.max(1, files.filter(({ current }) => current).length - stale.length);
    this.#fileBytes = Math.min(fileBytes, Math.floor(maxBytes / 2 / writtenTo));
    const aside = listLogFiles(folder).filter(({ current }) => !current);
    aside.sort((a, b) => a.mtimeMs - b.mtimeMs || (a.name < b.name ? -1 : 1));
    let surplus = aside.reduce((sum, { size }) => sum + size, 0) - (maxBytes - writtenTo * this.#fileBytes);
    for (const { path, size } of aside) {
      if (surplus <= 0) break;
      rmSync(path, { force: true });
      surplus -= size;
    }
  }
}

/** Another process of this number may have been quicker. */
function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

/** What is written to, whatever the name leads to by now. sonic-boom's types leave it out. */
function descriptorOf(stream: object): number {
  if ("fd" in stream && typeof stream.fd === "number") return stream.fd;
  throw new Error("sonic-boom no longer tells its descriptor");
}

/**
 * The time of the file's first line: file systems do not agree on whether they know when a file was made. Undefined also
 * when another process has just set it aside.
 */
function firstTime(path: string): Millis | undefined {
  const head = Buffer.alloc(256);
  const length = readHead(path, head);
  const time = Date.parse(/"time":"([^"]+)"/.exec(head.toString("latin1", 0, length))?.[1] ?? "");
  return Number.isNaN(time) ? undefined : time;
}

function readHead(path: string, head: Buffer): number {
  try {
    const descriptor = openSync(path, "r");
    const length = readSync(descriptor, head, 0, head.length, 0);
    closeSync(descriptor);
    return length;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return 0;
    throw error;
  }
}
