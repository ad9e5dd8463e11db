// What workerd adds to the streams of the platform, and the words it has for their misuse.
import type { UnderlyingByteSource, UnderlyingSink } from "node:stream/web";
import { native } from "../native.js";
import { define, type Realm, type Target } from "../realm.js";
import { asBytes, promiseBytes } from "./content.js";
import { nameInstances, refuseGlobalScope, wrongConstructorType, wrongType } from "./refusals.js";

const LOCKED = "This ReadableStream is currently locked to a reader.";
const NO_BYTES_WRITTEN =
  "This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/ArrayBufferView type on its writable side.";

export function installStreams(target: Target, realm: Realm): void {
  /** Bytes go through as they are, and a write is done when somebody has read it. */
  class IdentityTransformStream extends native.TransformStream {
    readonly #pipe: Pipe;

    constructor(strategy?: unknown, expected?: number) {
      refuseGlobalScope(realm);
      super();
      const highWaterMark = (strategy as { highWaterMark?: unknown } | undefined)?.highWaterMark;
      this.#pipe = new Pipe(highWaterMark === undefined ? null : Number(highWaterMark), expected ?? null);
    }

    override get readable(): ReadableStream<Uint8Array> {
      return this.#pipe.readable;
    }

    override get writable(): WritableStream {
      return this.#pipe.writable;
    }
  }
  nameInstances(IdentityTransformStream, "IdentityTransformStream");

  class FixedLengthStream extends IdentityTransformStream {
    constructor(...args: [expectedLength: unknown, strategy?: unknown]) {
      super(args[1], checkedLength(args));
    }
  }
  nameInstances(FixedLengthStream, "FixedLengthStream");

  define(target, "IdentityTransformStream", IdentityTransformStream);
  define(target, "FixedLengthStream", FixedLengthStream);
  speakLikeWorkerd();
}

interface Write {
  bytes: Uint8Array;
  done(): void;
  refuse(reason: unknown): void;
}

/** Two streams: a write on the one is done once its bytes have been read from the other. */
class Pipe {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream;
  readonly #expected: number | null;
  #left: number;
  #reading!: ReadableByteStreamController;
  #writing!: WritableStreamDefaultController;
  /** The write whose bytes have not all been read. */
  #waiting: Write | null = null;
  /** Resolves the read that waits for bytes. */
  #demand: (() => void) | null = null;

  constructor(highWaterMark: number | null, expected: number | null) {
    this.#expected = expected;
    this.#left = expected ?? Number.POSITIVE_INFINITY;
    this.readable = new native.ReadableStream(this.#source(), { highWaterMark: 0 });
    const strategy = { highWaterMark: highWaterMark ?? 0, size: (chunk: unknown) => writtenBytes(chunk).byteLength };
    this.writable = new native.WritableStream(this.#sink(), highWaterMark === null ? undefined : strategy);
    promiseBytes(this.readable, expected);
  }

  #source(): UnderlyingByteSource {
    return {
      type: "bytes",
      start: (controller) => {
        this.#reading = controller;
      },
      pull: () =>
        new Promise<void>((resolve) => {
          this.#demand = resolve;
          this.#deliver();
        }),
      cancel: (reason) => {
        const error: unknown = reason ?? new Error("Stream was cancelled.");
        this.#writing.error(error);
        this.#waiting?.refuse(error);
        this.#waiting = null;
      },
    };
  }

  #sink(): UnderlyingSink {
    return {
      start: (controller) => {
        this.#writing = controller;
      },
      write: (chunk) => {
        const bytes = writtenBytes(chunk, (error) => this.#reading.error(error));
        if (bytes.byteLength === 0) return;
        this.#left -= bytes.byteLength;
        if (this.#left < 0) return this.#fail("Attempt to write too many bytes through a FixedLengthStream.");
        return new Promise<void>((resolve, reject) => {
          this.#waiting = { bytes, done: resolve, refuse: reject };
          this.#deliver();
        });
      },
      close: () => {
        if (this.#expected !== null && this.#left > 0) {
          return this.#fail("FixedLengthStream did not see all expected bytes before close().");
        }
        this.#reading.close();
        this.#reading.byobRequest?.respond(0);
        this.#demand?.();
      },
      abort: (reason) => {
        this.#reading.error(reason);
        this.#demand?.();
      },
    };
  }

  /** Both sides end; the writer is told at its next write only, as in workerd. */
  #fail(text: string): void {
    const error = new TypeError(text);
    this.#reading.error(error);
    this.#writing.error(error);
    this.#demand?.();
  }

  #deliver(): void {
    const write = this.#waiting;
    const demand = this.#demand;
    if (write === null || demand === null) return;
    const { byobRequest } = this.#reading;
    if (byobRequest?.view) {
      const view = new Uint8Array(byobRequest.view.buffer, byobRequest.view.byteOffset, byobRequest.view.byteLength);
      const size = Math.min(view.byteLength, write.bytes.byteLength);
      view.set(write.bytes.subarray(0, size));
      write.bytes = write.bytes.subarray(size);
      byobRequest.respond(size);
    } else {
      this.#reading.enqueue(new Uint8Array(write.bytes));
      write.bytes = new Uint8Array(0);
    }
    this.#demand = null;
    if (write.bytes.byteLength === 0) {
      this.#waiting = null;
      write.done();
    }
    demand();
  }
}

function writtenBytes(chunk: unknown, onRefusal?: (error: TypeError) => void): Uint8Array {
  if (typeof chunk === "string" || chunk instanceof ArrayBuffer || ArrayBuffer.isView(chunk)) return asBytes(chunk);
  const error = new TypeError(NO_BYTES_WRITTEN);
  onRefusal?.(error);
  throw error;
}

function checkedLength(args: readonly unknown[]): number {
  const [given] = args;
  if (args.length === 0) throw wrongConstructorType("FixedLengthStream", 1, "bigint");
  const length = Math.trunc(Number(given));
  if (Number.isNaN(length)) throw new TypeError("The value cannot be converted because it is not an integer.");
  if (length < 0) {
    throw new TypeError("The value cannot be converted because it is negative and this API expects a positive bigint.");
  }
  if (length < 2 ** 53) return length;
  throw new TypeError("FixedLengthStream requires an integer expected length less than 2^53.");
}

type Method = (this: unknown, ...args: unknown[]) => unknown;
type Guard = (self: unknown, args: readonly unknown[]) => void;

let isDone = false;

/** The methods are the platform's own, with workerd's checks before them; Node's own code does not go through these. */
function speakLikeWorkerd(): void {
  if (isDone) return;
  isDone = true;
  const stream = native.ReadableStream.prototype;
  guard(stream, "getReader", (self, [options]) => {
    refuseLocked(self, LOCKED);
    const mode = (options as { mode?: unknown } | undefined)?.mode;
    if (mode !== undefined && mode !== "byob") {
      throw new TypeError("mode must be undefined or 'byob' in call to getReader().");
    }
  });
  guard(stream, "tee", (self) => refuseLocked(self, LOCKED.replace(/\.$/, ",")));
  guard(stream, "pipeThrough", (self) => refuseLocked(self, LOCKED));
  guardAsync(stream, "pipeTo", (self) => refuseLocked(self, LOCKED));
  guardAsync(stream, "cancel", (self) => refuseLocked(self, LOCKED));
  guard(native.WritableStream.prototype, "getWriter", (self) =>
    refuseLocked(self, "This WritableStream is currently locked to a writer."),
  );
  const { getReader } = stream;
  replace(stream, "getReader", function (this: ReadableStream, ...args: unknown[]) {
    try {
      return Reflect.apply(getReader, this, args);
    } catch (error) {
      const isNoByteStream = (error as { code?: unknown }).code === "ERR_INVALID_ARG_VALUE";
      throw isNoByteStream ? new TypeError("This ReadableStream does not support BYOB reads.") : error;
    }
  } as Method);
  replace(ReadableStreamBYOBReader.prototype, "readAtLeast", readAtLeast as Method);
}

/** workerd's elder form of `read(view, { min })`, which Node lacks for streams that end before; what is left then is no end yet. */
async function readAtLeast(this: ReadableStreamBYOBReader, ...args: unknown[]) {
  const [min, view] = args as [number, ArrayBufferView];
  if (!ArrayBuffer.isView(view)) throw wrongType("readAtLeast", "ReadableStreamBYOBReader", 2, "ArrayBufferView");
  if (!(min >= 1)) throw new TypeError(`Requested invalid minimum number of bytes to read (${min}).`);
  if (min > view.byteLength) {
    throw new TypeError(`Minimum bytes to read (${min}) exceeds size of buffer (${view.byteLength}).`);
  }
  const { byteOffset, byteLength } = view;
  let { buffer } = view;
  let filled = 0;
  while (filled < min) {
    const { done, value } = await this.read(new Uint8Array(buffer, byteOffset + filled, byteLength - filled));
    if (value === undefined) return { done, value };
    buffer = value.buffer;
    filled += value.byteLength;
    if (done) break;
  }
  return { done: filled === 0, value: new Uint8Array(buffer, byteOffset, filled) };
}

function refuseLocked(stream: unknown, text: string): void {
  if ((stream as { locked?: unknown } | null)?.locked === true) throw new TypeError(text);
}

function guard(prototype: object, name: string, check: Guard): void {
  const method = Reflect.get(prototype, name) as Method;
  replace(prototype, name, function (this: unknown, ...args: unknown[]) {
    check(this, args);
    return Reflect.apply(method, this, args);
  });
}

function guardAsync(prototype: object, name: string, check: Guard): void {
  const method = Reflect.get(prototype, name) as Method;
  replace(prototype, name, async function (this: unknown, ...args: unknown[]) {
    check(this, args);
    return Reflect.apply(method, this, args);
  });
}

function replace(prototype: object, name: string, method: Method): void {
  Object.defineProperty(method, "name", { value: name });
  Object.defineProperty(prototype, name, { value: method, writable: true, configurable: true, enumerable: true });
}
