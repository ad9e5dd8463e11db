// Carries hidb's requests to D1 and the answers back, and lets something happen to one of them on the way.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { isJourney, type Journey, type Strike } from "./fault.ts";

const FAILED = JSON.stringify({
  success: false,
  errors: [{ code: 7500, message: "internal error; reference = nth" }],
  messages: [],
  result: null,
});

export class Carrier {
  readonly #target: URL;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #server = createServer((incoming, outgoing) => {
    this.#carry(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  #strike: Strike | undefined;
  #count = 0;
  #hit: string | undefined;
  /** The process that is killed. */
  victim: ChildProcess | undefined;

  private constructor(target: string) {
    this.#target = new URL(target);
  }

  static async to(target: string): Promise<Carrier> {
    const carrier = new Carrier(target);
    carrier.#server.listen(0, "127.0.0.1");
    await once(carrier.#server, "listening");
    return carrier;
  }

  get baseUrl(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}${this.#target.pathname}`;
  }

  /** Counts anew. */
  arm(strike: Strike | undefined): void {
    this.#strike = strike;
    this.#count = 0;
    this.#hit = undefined;
  }

  /** The request that was hit. */
  get hit(): string | undefined {
    return this.#hit;
  }

  get requests(): number {
    return this.#count;
  }

  async #carry(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    const kind = this.#next();
    if (kind !== undefined) this.#hit = `${incoming.method} ${body.toString().replace(/\s+/g, " ").slice(0, 120)}`;
    if (kind?.endsWith("before")) return this.#fail(kind, incoming, outgoing);
    const answer = await this.#ask(incoming, body);
    const text = await buffer(answer);
    if (kind !== undefined) return this.#fail(kind, incoming, outgoing);
    outgoing.writeHead(answer.statusCode ?? 500, answer.headers).end(text);
  }

  /** What happens to this request. */
  #next(): Journey | undefined {
    this.#count++;
    const { mode, at } = this.#strike ?? {};
    return mode !== undefined && isJourney(mode) && this.#count === at ? mode : undefined;
  }

  #ask({ url = "/", method, headers }: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const { hostname, port } = this.#target;
    const asking = request({ hostname, port, path: url, method, headers, agent: this.#agent }, resolve);
    asking.on("error", reject).end(body);
    return promise;
  }

  async #fail(kind: Journey, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    if (kind.startsWith("500")) {
      outgoing.writeHead(500, { "content-type": "application/json" }).end(FAILED);
      return;
    }
    if (kind.startsWith("killed")) this.victim?.kill("SIGKILL");
    incoming.socket.destroy();
  }

  end(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
  }
}
