// The two streams of a Worker's socket.
import type { Socket as NetSocket } from "node:net";

const CANCELLED = "Stream was cancelled.";
const READABLE_CLOSING = "This ReadableStream belongs to an object that is closing.";
const WRITABLE_CLOSING = "This WritableStream belongs to an object that is closing.";
const WRITABLE_CLOSED = "This WritableStream has been closed.";
const NO_BYTES =
  "This TransformStream is being used as a byte stream, but received an object of non-ArrayBuffer/ArrayBufferView type on its writable side.";

/** Types of Node's globals know streams of values only. */
interface ByteSource {
  type: "bytes";
  start: (controller: ReadableByteStreamController) => void;
  pull: () => Promise<void>;
  cancel: () => void;
}
type ByteStream = new (source: ByteSource) => ReadableStream<Uint8Array>;

export class SocketStreams {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<unknown>;
  readonly #allowsHalfOpen: boolean;
  readonly #attached = Promise.withResolvers<NetSocket | null>();
  #input: ReadableByteStreamController | undefined;
  #output: WritableStreamDefaultController | undefined;
  #net: NetSocket | null = null;
  /** Settles what waits for something to read. */
  #pulled: (() => void) | undefined;
  #isOver = false;
  #drop = () => {};

  constructor({ allowHalfOpen }: { allowHalfOpen: boolean }) {
    this.#allowsHalfOpen = allowHalfOpen;
    const source: ByteSource = {
      type: "bytes",
      start: (controller) => {
        this.#input = controller;
      },
      pull: () => this.#pull(),
      cancel: () => {
        this.#isOver = true;
        this.#net?.resume();
      },
    };
    this.readable = new (ReadableStream as unknown as ByteStream)(source);
    this.writable = new WritableStream<unknown>({
      start: (controller) => {
        this.#output = controller;
      },
      write: (chunk) => this.#write(bytesOf(chunk)),
      close: async () => {
        (await this.#attached.promise)?.end();
      },
      abort: async () => {
        (await this.#attached.promise)?.destroy();
      },
    });
  }

  attach(net: NetSocket): void {
    this.#net = net;
    this.#attached.resolve(net);
    const onData = (chunk: Buffer) => {
      if (this.#isOver) return;
      this.#input?.enqueue(new Uint8Array(chunk));
      this.#settle();
      if ((this.#input?.desiredSize ?? 0) <= 0) net.pause();
    };
    const onEnd = () => {
      this.#finish();
      if (this.#allowsHalfOpen) return;
      net.end();
      this.#output?.error(new TypeError(WRITABLE_CLOSED));
    };
    // A connection that breaks ends there like one that is closed.
    const onGone = () => {
      this.#finish();
      this.#output?.error(new TypeError(WRITABLE_CLOSED));
    };
    net.on("data", onData).on("end", onEnd).on("error", onGone).on("close", onGone);
    if (this.#pulled === undefined) net.pause();
    this.#drop = () => {
      net.off("data", onData).off("end", onEnd).off("error", onGone).off("close", onGone);
      net.pause();
    };
  }

  /** Nothing has come of the connection. */
  fail(error: unknown): void {
    this.#attached.resolve(null);
    this.#finish();
    this.#output?.error(error);
  }

  /** The Worker has closed the socket. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#input?.error(this.#pulled === undefined ? new TypeError(READABLE_CLOSING) : new Error(CANCELLED));
    this.#settle();
    this.#output?.error(new TypeError(WRITABLE_CLOSING));
  }

  /** The connection is about to be another socket's. */
  lock(): void {
    if (!this.readable.locked) this.readable.getReader();
    if (!this.writable.locked) this.writable.getWriter();
  }

  release(_net: NetSocket): void {
    this.#drop();
    this.#finish();
  }

  #pull(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pulled = resolve;
    this.#net?.resume();
    return promise;
  }

  #settle(): void {
    const pulled = this.#pulled;
    this.#pulled = undefined;
    pulled?.();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#input?.close();
    // Whoever reads into a buffer of his own waits for it to come back.
    this.#input?.byobRequest?.respond(0);
    this.#settle();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const net = await this.#attached.promise;
    if (net === null) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    net.write(bytes, (error) => (error ? reject(new TypeError(WRITABLE_CLOSED)) : resolve()));
    return promise;
  }
}

function bytesOf(chunk: unknown): Uint8Array {
  if (typeof chunk === "string") return new TextEncoder().encode(chunk);
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk);
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw new TypeError(NO_BYTES);
}
