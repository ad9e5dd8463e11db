// One port of an instance. One that cannot be had is reported once and tried again; videos are processed all the same.
// Loaded by every instance: an ESM import of node:http would bring Node's fetch along, and 6 MB.
import type { RequestListener, Server } from "node:http";
import type { Clock } from "../clock.js";
import { codeOf, messageOf } from "../errors.js";
import type { Millis } from "../video.js";

export interface ListenerOptions {
  port: number;
  host: string;
  clock: Clock;
  onRequest: RequestListener;
  onTaken: (why: string) => void;
  /** For tests. */
  bounds?: Partial<Bounds>;
}

/** What one who is slow, or many, may take at most. */
interface Bounds {
  /** For the head of a request, and for all of it. */
  headersMs: Millis;
  requestMs: Millis;
  /** Without a byte that moves in either direction; clients of the event stream hear something four times as often. */
  idleMs: Millis;
  /** How often that is looked at: without a connection it costs an idle instance nothing that could be measured. */
  lookMs: Millis;
  connections: number;
}

/** While a reload overlaps, the old instance may still have the port. */
const FIRST_AGAIN_MS: Millis = 500;
const LAST_AGAIN_MS: Millis = 30_000;
const BOUNDS: Bounds = { headersMs: 10_000, requestMs: 30_000, idleMs: 60_000, lookMs: 10_000, connections: 512 };
const HEADERS = 100;
const HEADER_BYTES = 16_384;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  #again: NodeJS.Timeout | undefined;
  #againMs = FIRST_AGAIN_MS;
  #told = false;
  #closed = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    const { headersMs, requestMs, idleMs, lookMs, connections } = { ...BOUNDS, ...options.bounds };
    const times = { headersTimeout: headersMs, requestTimeout: requestMs, connectionsCheckingInterval: lookMs };
    const { createServer } = process.getBuiltinModule("node:http");
    this.#server = createServer({ ...times, maxHeaderSize: HEADER_BYTES }, options.onRequest);
    // Whoever does not read what he asked for would keep it in memory for ever.
    this.#server.timeout = idleMs;
    this.#server.maxHeadersCount = HEADERS;
    this.#server.maxConnections = connections;
    this.#server.on("error", (error) => this.#endure(error));
    this.#server.on("listening", () => {
      this.#againMs = FIRST_AGAIN_MS;
      this.#told = false;
    });
    this.#listen();
  }

  /** The port as it is, for tests that ask for any; undefined while it cannot be had. */
  get port(): number | undefined {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : undefined;
  }

  /** Takes no more connections; those under way have `graceMs`. */
  async close(graceMs: Millis): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#again);
    const over = new AbortController();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    await Promise.race([closed, this.#options.clock.sleep(graceMs, over.signal)]);
    over.abort();
    this.#server.closeAllConnections();
  }

  #listen(): void {
    const { port, host } = this.#options;
    this.#server.listen({ port, host });
  }

  #endure(error: Error): void {
    if (this.#closed || this.#server.listening) return;
    if (!this.#told) this.#options.onTaken(codeOf(error) === "EADDRINUSE" ? "somebody else has it" : messageOf(error));
    this.#told = true;
    this.#again = setTimeout(() => this.#listen(), this.#againMs).unref();
    this.#againMs = Math.min(2 * this.#againMs, LAST_AGAIN_MS);
  }
}
