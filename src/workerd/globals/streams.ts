// What workerd adds to the streams of the platform, and the words it has for their misuse.
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
      this.#pipe = makePipe(highWaterMark === undefined ? null : Number(highWaterMark), expected ?? null);
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

interface Pipe {
  readable: ReadableStream<Uint8Array>;
  writable: WritableStream;
}

interface Write {
  bytes: Uint8Array;
  done(): void;
  refuse(reason: unknown): void;
}

function makePipe(highWaterMark: number | null, expected: number | null): Pipe {
  let reading: ReadableByteStreamController;
  let writing: WritableStreamDefaultController;
  let waiting: Write | null = null;
  let demand: (() => void) | null = null;
  let left = expected ?? Number.POSITIVE_INFINITY;

  /** Both sides end; whoever has written only sees it at the next write, as in workerd. */
  const fail = (text: string) => {
    const error = new TypeError(text);
    reading.error(error);
    writing.error(error);
    demand?.();
  };
  const deliver = () => {
    if (waiting === null || demand === null) return;
    const { bytes, done } = waiting;
    const { byobRequest } = reading;
    if (byobRequest?.view) {
      const view = new Uint8Array(byobRequest.view.buffer, byobRequest.view.byteOffset, byobRequest.view.byteLength);
      const size = Math.min(view.byteLength, bytes.byteLength);
      view.set(bytes.subarray(0, size));
      waiting.bytes = bytes.subarray(size);
      byobRequest.respond(size);
    } else {
      reading.enqueue(new Uint8Array(bytes));
      waiting.bytes = new Uint8Array(0);
    }
    const met = demand;
    demand = null;
    if (waiting.bytes.byteLength === 0) {
      waiting = null;
      done();
    }
    met();
  };
  const readable = new native.ReadableStream(
    {
      type: "bytes",
      start: (controller) => {
        reading = controller as ReadableByteStreamController;
      },
      pull: () =>
        new Promise<void>((resolve) => {
          demand = resolve;
          deliver();
        }),
      cancel: (reason) => {
        const error: unknown = reason ?? new Error("Stream was cancelled.");
        writing.error(error);
        waiting?.refuse(error);
        waiting = null;
      },
    },
    { highWaterMark: 0 },
  );
  const writable = new native.WritableStream(
    {
      start: (controller) => {
        writing = controller;
      },
      write: (chunk) => {
        const bytes = writtenBytes(chunk, (error) => reading.error(error));
        if (bytes.byteLength === 0) return;
        left -= bytes.byteLength;
        if (left < 0) return fail("Attempt to write too many bytes through a FixedLengthStream.");
        return new Promise<void>((resolve, reject) => {
          waiting = { bytes, done: resolve, refuse: reject };
          deliver();
        });
      },
      close: () => {
        if (expected !== null && left > 0) {
          return fail("FixedLengthStream did not see all expected bytes before close().");
        }
        reading.close();
        reading.byobRequest?.respond(0);
        demand?.();
      },
      abort: (reason) => {
        reading.error(reason);
        demand?.();
      },
    },
    highWaterMark === null ? undefined : { highWaterMark, size: (chunk) => writtenBytes(chunk).byteLength },
  );
  promiseBytes(readable, expected);
  return { readable, writable };
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
