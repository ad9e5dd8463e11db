// `cloudflare:node`: servers made with `node:http` answer the Worker's requests. Their ports are names, known to nobody
// outside; their requests and responses are Node's own classes, so that frameworks find what they look for.
import { EventEmitter } from "node:events";
import type * as Http from "node:http";
import { native } from "../native.js";
import type { Realm } from "../realm.js";
import { nodeModule } from "./native-module.js";

type Listener = (request: Http.IncomingMessage, response: Http.ServerResponse) => void;

/** Servers by port, for each Worker. */
const listening = new WeakMap<Realm, Map<number, EventEmitter>>();
/** Where ports begin that nobody has asked for. */
const FIRST_FREE_PORT = 32_768;

function portsOf(realm: Realm): Map<number, EventEmitter> {
  const ports = listening.get(realm) ?? new Map<number, EventEmitter>();
  listening.set(realm, ports);
  return ports;
}

export function makeServerClass(realm: Realm): new (...given: unknown[]) => EventEmitter {
  return class Server extends EventEmitter {
    #port: number | null = null;

    constructor(...given: unknown[]) {
      super();
      const listener = given.find((part) => typeof part === "function");
      if (listener !== undefined) this.on("request", listener as Listener);
    }

    get listening(): boolean {
      return this.#port !== null;
    }

    listen(...given: unknown[]): this {
      const ports = portsOf(realm);
      const port = askedPort(given) || FIRST_FREE_PORT + ports.size;
      if (this.#port !== null || ports.has(port)) {
        const text = "Listen method has been called more than once without closing.";
        throw Object.assign(new Error(text), { code: "ERR_SERVER_ALREADY_LISTEN" });
      }
      this.#port = port;
      ports.set(port, this);
      const done = given.find((part) => typeof part === "function");
      if (done !== undefined) this.once("listening", done as () => void);
      queueMicrotask(() => this.emit("listening"));
      return this;
    }

    address(): object | null {
      return this.#port === null ? null : { port: this.#port, family: "IPv4", address: "127.0.0.1" };
    }

    close(done?: () => void): this {
      if (this.#port !== null) portsOf(realm).delete(this.#port);
      this.#port = null;
      if (done !== undefined) this.once("close", done);
      queueMicrotask(() => this.emit("close"));
      return this;
    }
  };
}

export function nodeServerModule(realm: Realm): Record<string, unknown> {
  const handleAsNodeRequest = async (port: unknown, request: Request): Promise<Response> => {
    const server = portsOf(realm).get(Number(port));
    if (server === undefined) throw noServer(Number(port));
    return answer(server, request);
  };
  const httpServerHandler = (server: unknown) => {
    if (server === null || server === undefined) throw new Error("Server descriptor cannot be null or undefined");
    const port = portOf(server);
    return { fetch: (request: Request) => handleAsNodeRequest(port, request) };
  };
  return { handleAsNodeRequest, httpServerHandler };
}

function portOf(server: unknown): unknown {
  if (typeof server !== "object" || server === null) return server;
  const { port, address, listen } = server as { port?: unknown; address?: () => unknown; listen?: () => unknown };
  if (port !== undefined) return port;
  if (typeof address !== "function" || typeof listen !== "function") {
    throw new Error("Failed to determine port for server");
  }
  // A server that does not listen yet is made to.
  if (address.call(server) === null) listen.call(server);
  return (address.call(server) as { port: number }).port;
}

function noServer(port: number): Error {
  const hint = `You should check if server.listen() was called with the same port (${port})`;
  const text = `Http server with port ${port} not found. This is likely a bug with your code. ${hint}`;
  return Object.assign(new Error(text), { code: "ERR_INVALID_ARG_VALUE" });
}

function askedPort([first]: readonly unknown[]): number {
  const port = typeof first === "object" && first !== null && "port" in first ? first.port : first;
  return typeof port === "function" ? 0 : Number(port ?? 0) || 0;
}

async function answer(server: EventEmitter, request: Request): Promise<Response> {
  const http = nodeModule<typeof Http>("node:http");
  const message = incoming(http, request);
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const response = outgoing(http, message, resolve);
  const body = new Uint8Array(await request.arrayBuffer());
  if (body.byteLength > 0) message.push(native.Buffer.from(body));
  message.push(null);
  try {
    server.emit("request", message, response);
  } catch (error) {
    reject(error);
  }
  return promise;
}

/** What of a socket frameworks read. */
const SOCKET = {
  remoteAddress: "127.0.0.1",
  encrypted: false,
  readable: true,
  on: () => SOCKET,
  once: () => SOCKET,
  removeListener: () => SOCKET,
  destroy: () => SOCKET,
  setTimeout: () => SOCKET,
};

function incoming(http: typeof Http, request: Request): Http.IncomingMessage {
  const { IncomingMessage } = http;
  const message = new IncomingMessage(SOCKET as unknown as ConstructorParameters<typeof IncomingMessage>[0]);
  const { pathname, search } = new URL(request.url);
  const headers = [...request.headers];
  Object.assign(message, {
    method: request.method,
    url: `${pathname}${search}`,
    httpVersion: "1.1",
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    rawHeaders: headers.flat(),
    headers: Object.fromEntries(headers),
    complete: true,
  });
  message._read = () => undefined;
  return message;
}

/** Node's response, whose head and body go to a `Response` instead of a socket. */
function outgoing(
  http: typeof Http,
  message: Http.IncomingMessage,
  respond: (response: Response) => void,
): Http.ServerResponse {
  const response = new http.ServerResponse(message);
  const { promise: controlled, resolve: start } = Promise.withResolvers<ReadableStreamDefaultController<Uint8Array>>();
  const readable = new native.ReadableStream<Uint8Array>({ start });
  // Writes wait for one another, and for nobody who reads: as with a socket, they are kept until then.
  const toBody = (work: (body: ReadableStreamDefaultController<Uint8Array>) => void) =>
    void controlled.then(work).catch(() => undefined);
  const sendHead = () => {
    if (response.headersSent) return;
    Object.assign(response, { _header: " " }); // What `headersSent` looks at.
    const { statusCode: status, statusMessage: statusText = "" } = response;
    const isEmpty = [204, 205, 304].includes(status) || message.method === "HEAD";
    respond(new Response(isEmpty ? null : readable, { status, statusText, headers: headersOf(response) }));
  };
  const send = (chunk: unknown, encoding: unknown) => {
    const bytes =
      typeof chunk === "string"
        ? native.Buffer.from(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8")
        : (chunk as Uint8Array);
    toBody((body) => body.enqueue(new Uint8Array(bytes)));
  };
  const callback = (given: readonly unknown[]) =>
    given.find((part) => typeof part === "function") as (() => void) | undefined;
  return Object.assign(response, {
    writeHead: (status: number, ...given: unknown[]) => {
      response.statusCode = status;
      if (typeof given[0] === "string") response.statusMessage = given.shift() as string;
      const headers = Array.isArray(given[0]) ? pairs(given[0]) : Object.entries(given[0] ?? {});
      for (const [name, value] of headers) response.setHeader(name, value as string);
      return response;
    },
    flushHeaders: sendHead,
    write: (chunk: unknown, ...given: unknown[]) => {
      sendHead();
      send(chunk, given[0]);
      queueMicrotask(() => callback(given)?.());
      return true;
    },
    end: (...given: unknown[]) => {
      const [chunk] = given;
      const hasBody = chunk !== undefined && chunk !== null && typeof chunk !== "function";
      sendHead();
      if (hasBody) send(chunk, given[1]);
      toBody((body) => body.close());
      Object.assign(response, { finished: true });
      queueMicrotask(() => {
        response.emit("finish");
        response.emit("close");
        callback(given)?.();
      });
      return response;
    },
  });
}

function headersOf(response: Http.ServerResponse): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(response.getHeaders())) {
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, String(one));
  }
  return headers;
}

/** `[name, value, name, value]`, or `[[name, value]]`. */
function pairs(list: readonly unknown[]): [string, unknown][] {
  const flat = list.flat() as unknown[];
  return flat.flatMap((name, at) => (at % 2 === 0 ? [[String(name), flat[at + 1]] as [string, unknown]] : []));
}
