// One request over the network and the head of its response, over node:http with connections that are kept. Only what is
// given is sent: no header of Node's own.
import type { ClientRequest, IncomingMessage } from "node:http";
import { native } from "../../native.js";
import type { HeaderPair } from "../headers.js";

type HttpModule = typeof import("node:http");
type HttpsModule = typeof import("node:https");

export type SentBody = Uint8Array | ReadableStream<Uint8Array> | null;

export interface Exchange {
  url: URL;
  method: string;
  headers: readonly HeaderPair[];
  body: SentBody;
  /** In bytes; null for a stream without end. */
  length: number | null;
  signal: AbortSignal | null;
}

export interface ReceivedHead {
  status: number;
  statusText: string;
  headers: HeaderPair[];
  message: IncomingMessage;
}

/** Of the connection, so that nobody else may set them. */
const OWN = new Set([
  "host",
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "upgrade",
  "transfer-encoding",
  "content-length",
  "expect",
  "cf-connecting-ip",
  "cf-worker",
]);
const REPEATABLE = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"];
const MAX_HEADER_BYTES = 128 * 1024;
/** A response with headers that are not HTTP, a name that nobody knows, a certificate that is not valid. */
const NOT_A_LOST_CONNECTION = /^(HPE_|ENOTFOUND|EAI_|ERR_TLS|ERR_SSL|EPROTO|CERT_|DEPTH_|SELF_|UNABLE_)/;

export async function exchange(asked: Exchange): Promise<ReceivedHead> {
  try {
    return await send(asked, { mayBeStale: true });
  } catch (error) {
    // A kept connection that the server has just closed: nothing of the request was seen.
    if (!(error instanceof StaleConnection)) throw error;
    return send(asked, { mayBeStale: false });
  }
}

class StaleConnection extends Error {}

function send(asked: Exchange, { mayBeStale }: { mayBeStale: boolean }): Promise<ReceivedHead> {
  const { promise, resolve, reject } = Promise.withResolvers<ReceivedHead>();
  const { signal, body } = asked;
  const { request: open, agent } = protocolOf(asked.url);
  const request = open(asked.url, {
    method: asked.method,
    agent,
    // Who has a name and a password in the URL is nobody's to know, as in workerd.
    auth: null,
    maxHeaderSize: MAX_HEADER_BYTES,
    setHost: false,
  });
  for (const [name, value] of sentHeaders(asked)) request.appendHeader(name, value);
  request.removeHeader("connection");
  const abort = () => {
    reject(signal?.reason);
    request.destroy();
  };
  request.on("error", (error) => {
    const isStale = request.reusedSocket && !(body instanceof ReadableStream) && REPEATABLE.includes(asked.method);
    reject(mayBeStale && isStale ? new StaleConnection() : lostConnection(error));
  });
  request.on("response", (message) => resolve(headOf(message)));
  // Nobody asked for another protocol.
  request.on("upgrade", (_, socket) => {
    socket.destroy();
    reject(lostConnection(new Error("a switch to another protocol")));
  });
  request.on("close", () => signal?.removeEventListener("abort", abort));
  signal?.addEventListener("abort", abort, { once: true });
  if (body instanceof ReadableStream) {
    void sendStream(request, body).catch((error: unknown) => {
      reject(error);
      request.destroy();
    });
  } else {
    request.end(body ?? undefined);
  }
  return promise;
}

/** Headers in pairs, as bytes: Node writes characters as such, and workerd UTF-8. */
function* sentHeaders({ url, method, headers, body, length }: Exchange): Generator<HeaderPair> {
  yield ["Host", url.host];
  if (length !== null && (body !== null || !(method === "GET" || method === "HEAD"))) {
    yield ["Content-Length", String(length)];
  } else if (body !== null) {
    yield ["Transfer-Encoding", "chunked"];
  }
  for (const [name, value] of headers) if (!OWN.has(name)) yield [toBytes(name), toBytes(value)];
}

async function sendStream(request: ClientRequest, body: ReadableStream<Uint8Array>): Promise<void> {
  // The first piece may wait for the answer.
  request.flushHeaders();
  const reader = body.getReader();
  request.on("close", () => void reader.cancel().catch(() => undefined));
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    if (request.write(read.value)) continue;
    await new Promise<void>((resume) => {
      request.once("drain", resume);
      request.once("close", resume);
    });
  }
  request.end();
}

function headOf(message: IncomingMessage): ReceivedHead {
  const { statusCode = 0, statusMessage = "", rawHeaders } = message;
  const headers: HeaderPair[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    headers.push([fromBytes(rawHeaders[at] ?? ""), fromBytes(rawHeaders[at + 1] ?? "")]);
  }
  return { status: statusCode, statusText: fromBytes(statusMessage), headers, message };
}

/** workerd tells a program no more; the cause is for people. */
export function lostConnection(cause: Error & { code?: string }): Error {
  if (!NOT_A_LOST_CONNECTION.test(cause.code ?? "")) return new Error("Network connection lost.", { cause });
  return new Error(`internal error; reference = ${native.crypto.randomUUID().replaceAll("-", "").slice(0, 24)}`, {
    cause,
  });
}

interface Protocol {
  request: HttpModule["request"];
  agent: InstanceType<HttpModule["Agent"]>;
}

const protocols = new Map<string, Protocol>();

/** Loaded at first use, and not by import: that would load all of undici for the names in node:http. */
function protocolOf({ protocol }: URL): Protocol {
  let known = protocols.get(protocol);
  if (known === undefined) {
    const name = protocol === "https:" ? "node:https" : "node:http";
    const { request, Agent } = native.process.getBuiltinModule(name) as HttpModule & HttpsModule;
    known = { request, agent: new Agent({ keepAlive: true }) };
    protocols.set(protocol, known);
  }
  return known;
}

function toBytes(text: string): string {
  return isAscii(text) ? text : native.Buffer.from(text, "utf8").toString("latin1");
}

function fromBytes(text: string): string {
  return isAscii(text) ? text : native.Buffer.from(text, "latin1").toString("utf8");
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}
