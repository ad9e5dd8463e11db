// Large values: files of their own, written aside and renamed, so that nobody ever reads half of one.
import { closeSync, existsSync, openSync, read } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { systemClock } from "../../clock.js";
import { closeWhenOver } from "../invocation.js";
import { native } from "../native.js";

export type Bytes = Uint8Array<ArrayBuffer>;

export interface Span {
  start: number;
  length: number;
}

export interface Blobs {
  /** Keeps everything the source yields, under a new name. A source that throws leaves nothing behind. */
  put(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string>;
  /** Null when it is not there any more. What was opened can be read to its end whatever happens to the name. */
  open(name: string, span: Span): ReadableStream<Bytes> | null;
  drop(names: readonly (string | null)[]): void;
}

export class MemoryBlobs implements Blobs {
  readonly #values = new Map<string, Bytes>();

  async put(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of source) chunks.push(chunk.slice());
    const name = systemClock.uniqueId();
    this.#values.set(name, concat(chunks));
    return name;
  }

  open(name: string, { start, length }: Span): ReadableStream<Bytes> | null {
    const value = this.#values.get(name);
    return value === undefined ? null : streamOf(value.slice(start, start + length));
  }

  drop(names: readonly (string | null)[]): void {
    for (const name of names) if (name !== null) this.#values.delete(name);
  }
}

const CHUNK = 64 * 1024;
/** A value that is still being written is touched more often than this. */
const ABANDONED_MS = 24 * 3600_000;
/** How long what was replaced can still be read by whoever was given it before. */
const GRACE_MS = 60_000;

export class FileBlobs implements Blobs {
  readonly #folder: string;
  readonly #aside: string;
  readonly #old: string;
  #sweptAt = 0;

  constructor(folder: string) {
    this.#folder = folder;
    this.#aside = join(folder, "new");
    this.#old = join(folder, "old");
  }

  async put(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
    const name = systemClock.uniqueId();
    await mkdir(this.#aside, { recursive: true });
    void this.#sweep();
    const aside = join(this.#aside, name);
    const file = await open(aside, "wx");
    try {
      for await (const chunk of source) await file.writev([chunk]);
      // Before the name is written down elsewhere: a power cut may not leave a name for an empty file.
      await file.datasync();
      await file.close();
      await mkdir(join(this.#folder, name.slice(0, 2)), { recursive: true });
      await rename(aside, this.#path(name));
      return name;
    } catch (error) {
      await file.close().catch(() => undefined);
      await rm(aside, { force: true });
      throw error;
    }
  }

  /** The file is opened at the first read: a Worker that only looks whether there is an object leaves none open. */
  open(name: string, span: Span): ReadableStream<Bytes> | null {
    if (this.#find(name) === undefined) return null;
    return fileStream(() => openSync(this.#find(name) ?? this.#path(name), "r"), span);
  }

  drop(names: readonly (string | null)[]): void {
    for (const name of names) if (name !== null) void this.#retire(name);
  }

  async #retire(name: string): Promise<void> {
    try {
      await mkdir(this.#old, { recursive: true });
      await rename(this.#path(name), join(this.#old, name));
    } catch {
      // Another process was faster, or the folder is gone: nothing to do about a value that nobody names any more.
    }
    await this.#sweep();
  }

  /** What was replaced a while ago, and what processes have left behind that were killed while they wrote. */
  async #sweep(): Promise<void> {
    const now = systemClock.now();
    if (now - this.#sweptAt < GRACE_MS) return;
    this.#sweptAt = now;
    await removeOlder(this.#aside, now - ABANDONED_MS);
    await removeOlder(this.#old, now - GRACE_MS);
  }

  #path(name: string): string {
    return join(this.#folder, name.slice(0, 2), name);
  }

  #find(name: string): string | undefined {
    return [this.#path(name), join(this.#old, name)].find((path) => existsSync(path));
  }
}

/** By the time of the last change to the file's entry, which a rename is. */
async function removeOlder(folder: string, before: number): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const path = join(folder, name);
    const seen = await stat(path).catch(() => undefined);
    if (seen !== undefined && seen.ctimeMs < before) await rm(path, { force: true }).catch(() => undefined);
  }
}

function fileStream(openFile: () => number, span: Span): ReadableStream<Bytes> {
  const end = span.start + span.length;
  let at = span.start;
  let descriptor: number | undefined;
  let isReading = false;
  let isOver = false;
  let keep = () => {};
  const close = () => {
    isOver = true;
    keep();
    // Under a read its number could become another file's.
    if (descriptor === undefined || isReading) return;
    closeSync(descriptor);
    descriptor = undefined;
  };
  const readNext = async (): Promise<Bytes | null> => {
    descriptor ??= openFile();
    isReading = true;
    try {
      return at < end ? await readAt(descriptor, { at, length: Math.min(CHUNK, end - at) }) : null;
    } finally {
      isReading = false;
      if (isOver) close();
    }
  };
  return new native.ReadableStream<Bytes>(
    {
      async pull(controller) {
        // A reader may leave off in the middle.
        if (descriptor === undefined) {
          keep = closeWhenOver(() => {
            close();
            controller.error(new Error("Network connection lost."));
          });
        }
        if (isOver) return;
        try {
          const chunk = await readNext();
          if (isOver) return;
          if (chunk !== null) {
            at += chunk.byteLength;
            controller.enqueue(chunk);
          }
          if (chunk === null || at >= end) {
            close();
            controller.close();
          }
        } catch (error) {
          close();
          throw error;
        }
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
}

const readFile = promisify(read);

/** Null at the end of the file. */
async function readAt(descriptor: number, { at, length }: { at: number; length: number }): Promise<Bytes | null> {
  const { bytesRead, buffer } = await readFile(descriptor, new Uint8Array(length), 0, length, at);
  return bytesRead === 0 ? null : buffer.subarray(0, bytesRead);
}

export function streamOf(bytes: Bytes): ReadableStream<Bytes> {
  return new native.ReadableStream<Bytes>({
    start(controller) {
      if (bytes.byteLength > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
}

export function concat(chunks: readonly Uint8Array[]): Bytes {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

/** All of a stream; the stream's own trouble comes through. */
export async function readAll(stream: ReadableStream<Uint8Array>): Promise<Bytes> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return concat(chunks);
}
