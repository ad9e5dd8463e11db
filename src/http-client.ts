// HTTP requests over node:http: of the processors `http` and `probe`, to D1, and for notices. Not Node's fetch: it costs
// an instance 6 MB, gives up on an answer after 300 s (measured: 300.9 s, UND_ERR_HEADERS_TIMEOUT), refuses URLs with a
// login, chooses the address by itself, and does not tell whether a request had left when its connection failed.
import type * as http from "node:http";
import type { LookupFunction, Socket } from "node:net";
import type { Millis } from "./video.js";

export interface HttpRequest {
  url: URL;
  method: string;
  headers: Readonly<Record<string, string>>;
  body?: string | undefined;
  signal: AbortSignal;
  /** Called once a connection stands; with an error before that nothing was sent. */
  onConnected?: () => void;
}

export interface HttpClientOptions {
  /** Connections to one origin at most. */
  maxSockets?: number;
  /** Idle ones among them that are kept. */
  maxFreeSockets?: number;
  /** Without it redirects are answers like any other. */
  maxRedirects?: number;
  /** Headers that go to other origins, too; all others may be secret. */
  publicHeaders?: readonly string[];
  /** Throws for a URL that may not be requested; redirects are checked as well. */
  checkUrl?: (url: URL) => void;
  lookup?: LookupFunction | undefined;
}

/** A redirect that is not followed. */
export class RedirectError extends Error {}

const REDIRECTS = [301, 302, 303, 307, 308];
/** A server that gets one of these twice is left as after one. */
const IDEMPOTENT = ["GET", "PUT"];
/** Before the 5 s after which many servers close an idle connection. */
const IDLE_MS: Millis = 4000;

export class HttpClient {
  readonly #options: HttpClientOptions;
  /** By protocol. */
  readonly #agents = new Map<string, http.Agent>();

  constructor(options: HttpClientOptions) {
    this.#options = options;
  }

  /** Rejects when the connection fails, the signal is aborted or a redirect is not followed, and as `checkUrl` does. */
  async request(first: HttpRequest): Promise<http.IncomingMessage> {
    const { maxRedirects, checkUrl } = this.#options;
    let request = first;
    for (let redirects = 0; ; redirects++) {
      checkUrl?.(request.url);
      const response = await this.#send(request, this.#agentFor(request.url));
      if (maxRedirects === undefined || !REDIRECTS.includes(response.statusCode ?? 0)) return response;
      response.destroy();
      if (redirects === maxRedirects) throw new RedirectError(`more than ${maxRedirects} redirects`);
      request = this.#redirect(request, response);
    }
  }

  /** Closes all connections, those in use as well. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  #agentFor({ protocol }: URL): http.Agent {
    const { maxSockets = Number.POSITIVE_INFINITY, maxFreeSockets = 256 } = this.#options;
    const { Agent } = moduleOf(protocol);
    const agent =
      this.#agents.get(protocol) ?? new Agent({ keepAlive: true, maxSockets, maxFreeSockets, timeout: IDLE_MS });
    this.#agents.set(protocol, agent);
    return agent;
  }

  #send(request: HttpRequest, agent: http.Agent | false): Promise<http.IncomingMessage> {
    const { url, method, headers, body, signal, onConnected } = request;
    const { lookup } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    const outgoing = moduleOf(url.protocol).request(url, { method, headers, signal, agent, ...(lookup && { lookup }) });
    if (onConnected !== undefined) outgoing.once("socket", (socket) => whenConnected(socket, url, onConnected));
    outgoing.once("response", resolve);
    // Nobody asked for another protocol; without a listener the request would end without an event.
    outgoing.once("upgrade", (_, socket) => {
      socket.destroy();
      reject(new Error("a switch to another protocol"));
    });
    outgoing.on("error", (error) => {
      // Most likely the server closed the idle connection just as it was taken again. It may as well have failed over this
      // very request, so only what is idempotent is sent twice.
      const isStale = outgoing.reusedSocket && "code" in error && error.code === "ECONNRESET";
      if (isStale && IDEMPOTENT.includes(method)) this.#send(request, false).then(resolve, reject);
      else reject(error);
    });
    outgoing.end(body);
    return promise;
  }

  #redirect(from: HttpRequest, { statusCode, headers: { location = "" } }: http.IncomingMessage): HttpRequest {
    const url = location !== "" && URL.canParse(location, from.url.href) ? new URL(location, from.url) : null;
    if (url === null || !/^https?:$/.test(url.protocol))
      throw new RedirectError(`status ${statusCode} without an http(s) address to go on to`);
    const isSameOrigin = url.origin === from.url.origin;
    if (isSameOrigin && url.username === "" && url.password === "") {
      url.username = from.url.username;
      url.password = from.url.password;
    }
    const isPublic = (name: string) => this.#options.publicHeaders?.includes(name.toLowerCase());
    const headers = Object.entries(from.headers).filter(([name]) => isSameOrigin || isPublic(name));
    const next = { ...from, url, headers: Object.fromEntries(headers) };
    // As browsers do: 303 asks for a GET, and so do 301 and 302 after a POST.
    const becomesGet = statusCode === 303 || ((statusCode === 301 || statusCode === 302) && from.method === "POST");
    return becomesGet ? { ...next, method: "GET", body: undefined } : next;
  }
}

/** The body, or null when it is longer than `maxBytes`; reading ends there. */
export async function readBody(response: http.IncomingMessage, maxBytes: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  if (Number(response.headers["content-length"] ?? 0) > maxBytes) {
    response.destroy();
    return null;
  }
  // Leaving the loop destroys the response, and the socket with it.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Not imported: that would cost each instance 6 MB, whether it makes requests or not, since Node loads its fetch along. */
function moduleOf(protocol: string): typeof http | typeof import("node:https") {
  return process.getBuiltinModule(protocol === "https:" ? "node:https" : "node:http");
}

function whenConnected(socket: Socket, { protocol }: URL, onConnected: () => void): void {
  // Node sets the second property of every TLS socket, though its types do not have it.
  if (!socket.connecting && Reflect.get(socket, "secureConnecting") !== true) onConnected();
  else socket.once(protocol === "https:" ? "secureConnect" : "connect", onConnected);
}
