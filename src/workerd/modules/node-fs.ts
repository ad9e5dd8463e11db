// `node:fs` and `node:fs/promises`: one tree in memory for each Worker, with the calls in all three forms.
import { constants } from "node:fs";
import type * as NodeStream from "node:stream";
import { encodingOf, fileCalls, optionsOf } from "./fs-calls.js";
import { Dirent, Stats } from "./fs-stats.js";
import { type Bundle, FileTree } from "./fs-tree.js";
import { nodeModule } from "./native-module.js";
import { invalidArgument, unsupported } from "./node-errors.js";

type Call = (...given: unknown[]) => unknown;
type Calls = Record<string, Call>;

export interface FsModule extends Record<string, unknown> {
  promises: Record<string, unknown>;
}

/** Only `fs` itself has them: they are about open files. */
const BY_NUMBER = new Set(
  "close exists fchmod fchown fdatasync fstat fsync ftruncate futimes read readv write writev".split(" "),
);

export function makeFs(bundle: Bundle, cwd: () => string): FsModule {
  const calls = fileCalls(new FileTree(bundle), cwd) as unknown as Calls;
  Object.assign(calls, { lchmod: calls.chmod, lchown: calls.chown, lutimes: calls.utimes, opendir: openFolder(calls) });
  const fs: Record<string, unknown> = { constants, F_OK: 0, X_OK: 1, W_OK: 2, R_OK: 4, Stats, Dirent };
  const promises: Record<string, unknown> = { constants };
  for (const [name, call] of Object.entries(calls)) {
    fs[`${name}Sync`] = named(`${name}Sync`, (...given) => call(...given));
    fs[name] = named(name, name === "exists" ? existsWithCallback(call) : withCallback(call));
    if (!BY_NUMBER.has(name)) promises[name] = named(name, async (...given) => call(...given));
  }
  promises.open = async (...given: unknown[]) => new FileHandle(calls, (calls.open as Call)(...given) as number);
  for (const name of ["watch", "watchFile", "unwatchFile"]) fs[name] = named(name, refuse);
  promises.watch = named("watch", refuse);
  // It finds nothing in workerd either.
  fs.globSync = () => [];
  fs.glob = withCallback(() => []);
  promises.glob = async function* glob() {};
  promises.FileHandle = FileHandle;
  fs.openAsBlob = async (path: unknown) => new Blob([(calls.readFile as Call)(path) as Uint8Array<ArrayBuffer>]);
  Object.assign(fs, { promises }, streams(calls));
  return fs as FsModule;
}

function named(name: string, call: Call): Call {
  return Object.defineProperty(call, "name", { value: name });
}

function refuse(): never {
  throw unsupported();
}

function withCallback(call: Call): Call {
  return (...given) => {
    const done = given.pop();
    if (typeof done !== "function") throw invalidArgument("callback", "of type function", undefined);
    let result: unknown;
    try {
      result = call(...given);
    } catch (error) {
      // A wrong argument is thrown at once; what the files say comes to the callback.
      if (error instanceof TypeError) throw error;
      queueMicrotask(() => done(error));
      return;
    }
    queueMicrotask(() => done(null, result));
  };
}

function existsWithCallback(call: Call): Call {
  return (path, done) => queueMicrotask(() => (done as Call)(call(path)));
}

function openFolder(calls: Calls): Call {
  return (path) => {
    const entries = calls.readdir?.(path, { withFileTypes: true }) as Dirent[];
    return {
      path,
      readSync: () => entries.shift() ?? null,
      read: async () => entries.shift() ?? null,
      closeSync: () => undefined,
      close: async () => undefined,
      async *[Symbol.asyncIterator]() {
        yield* entries.splice(0);
      },
    };
  };
}

/** What `fs.promises.open` gives. */
class FileHandle {
  readonly fd: number;
  readonly #calls: Calls;

  constructor(calls: Calls, fd: number) {
    this.#calls = calls;
    this.fd = fd;
  }
  async read(buffer: unknown, ...where: unknown[]): Promise<unknown> {
    return { bytesRead: this.#call("read", buffer, ...where), buffer };
  }
  async write(data: unknown, ...where: unknown[]): Promise<unknown> {
    return { bytesWritten: this.#call("write", data, ...where), buffer: data };
  }
  async readFile(options?: unknown): Promise<unknown> {
    return this.#call("readFile", options);
  }
  async writeFile(data: unknown, options?: unknown): Promise<void> {
    this.#call("writeFile", data, options);
  }
  async appendFile(data: unknown, options?: unknown): Promise<void> {
    this.#call("writeFile", data, options);
  }
  async stat(options?: unknown): Promise<unknown> {
    return this.#call("fstat", options);
  }
  async truncate(length?: number): Promise<void> {
    this.#call("ftruncate", length);
  }
  async sync(): Promise<void> {}
  async datasync(): Promise<void> {}
  async close(): Promise<void> {
    this.#call("close");
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #call(name: string, ...given: unknown[]): unknown {
    return (this.#calls[name] as Call)(this.fd, ...given);
  }
}

function streams(calls: Calls): Record<string, Call> {
  const { Readable, Writable } = nodeModule<typeof NodeStream>("node:stream");
  const createReadStream = (path: unknown, options?: unknown) => {
    const { start = 0, end } = optionsOf(options) as { start?: number; end?: number };
    const encoding = encodingOf(options);
    let isRead = false;
    const stream = new Readable({
      read() {
        if (isRead) return;
        isRead = true;
        try {
          const bytes = calls.readFile?.(path) as Uint8Array;
          const part = bytes.subarray(start, end === undefined ? undefined : end + 1);
          if (part.byteLength > 0) this.push(part);
          this.push(null);
        } catch (error) {
          this.destroy(error as Error);
        }
      },
    });
    if (encoding !== undefined) stream.setEncoding(encoding);
    return Object.assign(stream, { path });
  };
  const createWriteStream = (path: unknown, options?: unknown) => {
    const { flags = "w" } = optionsOf(options);
    calls.writeFile?.(path, "", { flag: flags });
    const written = { path, bytesWritten: 0 };
    const stream = new Writable({
      write(chunk: Uint8Array, _encoding, done) {
        try {
          calls.appendFile?.(path, chunk);
          written.bytesWritten += chunk.byteLength;
          Object.assign(stream, written);
          done();
        } catch (error) {
          done(error as Error);
        }
      },
    });
    return Object.assign(stream, written);
  };
  return {
    createReadStream,
    createWriteStream,
    // Also called with `new`.
    ReadStream: function ReadStream(path: unknown, options?: unknown) {
      return createReadStream(path, options);
    },
    WriteStream: function WriteStream(path: unknown, options?: unknown) {
      return createWriteStream(path, options);
    },
  };
}
