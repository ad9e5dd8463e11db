// fetch as workerd has it: over the network and nowhere else, with nothing added to what the Worker asks for, and with
// each hop of a redirect counted.
import { currentInvocation } from "../invocation.js";
import { keepNativeWeb } from "../native.js";
import { define, type Realm, type Target } from "../realm.js";
import { installAbortReason } from "./abort.js";
import { Body, bodyOf, makeBodiesFor } from "./body.js";
import { readDataUrl } from "./connection/data-url.js";
import { type Exchange, exchange, type ReceivedHead } from "./connection/exchange.js";
import { type Packing, receivedBody } from "./connection/received-body.js";
import { promiseBytes } from "./content.js";
import { Headers, headerPairs, receivedHeaders } from "./headers.js";
import { refuseGlobalScope, wrongType } from "./refusals.js";
import { outgoingParts, REQUEST_TYPES, Request } from "./request.js";
import { makeReceivedResponse, Response } from "./response.js";

const MAX_REDIRECTS = 20;
const ONE_TIME_BODY =
  "A request with a one-time-use body (it was initialized from a stream, not a buffer) encountered a redirect requiring the body to be retransmitted. To avoid this error in the future, construct this request from a buffer-like body initializer.";

export function installFetch(target: Target, realm: Realm): void {
  const stripsAuthorization = stripsAuthorizationAt(realm.compatibility);
  async function fetch(...args: [input?: unknown, init?: unknown]): Promise<Response> {
    refuseGlobalScope(realm);
    if (args.length === 0) throw wrongType("fetch", "ServiceWorkerGlobalScope", 1, REQUEST_TYPES.input);
    if (args[1] !== undefined && args[1] !== null && typeof args[1] !== "object") {
      throw wrongType("fetch", "ServiceWorkerGlobalScope", 2, REQUEST_TYPES.init);
    }
    return runFetch(new Request(...args), { stripsAuthorization, warn: (text) => realm.log("warn", text) });
  }
  if (!realm.isolated) keepNativeWeb();
  installAbortReason();
  makeBodiesFor(realm);
  for (const [name, value] of Object.entries({ Body, Headers, Request, Response, fetch })) define(target, name, value);
}

function stripsAuthorizationAt({ date, flags }: Realm["compatibility"]): boolean {
  if (flags.includes("retain_authorization_on_cross_origin_redirect")) return false;
  return date >= "2025-09-01" || flags.includes("strip_authorization_on_cross_origin_redirect");
}

interface FetchRules {
  stripsAuthorization: boolean;
  warn: (text: string) => void;
}

/** What changes from hop to hop. */
interface Hop {
  url: URL;
  method: string;
  headers: Headers;
  body: Uint8Array | Blob | ReadableStream<Uint8Array> | null;
  length: number | null;
}

async function runFetch(request: Request, rules: FetchRules): Promise<Response> {
  const { signal, decodes } = outgoingParts(request);
  signal?.throwIfAborted();
  const url = new URL(request.url);
  if (url.protocol === "data:") return answerDataUrl(url);
  const { headers } = request;
  if (isUpgrade(headers)) return connect(url, headers);
  const { content } = bodyOf(request);
  const length = content === null ? 0 : content.length;
  let hop: Hop = { url, method: request.method, headers, body: content?.send() ?? null, length };
  const urls: string[] = [];
  while (true) {
    urls.push(hop.url.href);
    const head = await ask(hop, signal, rules);
    const location = head.headers.find(([name]) => name.toLowerCase() === "location")?.[1];
    if (location === undefined || request.redirect === "manual" || !isRedirect(head.status)) {
      return respond(head, { hop, signal, decodes, redirected: urls.length > 1 });
    }
    head.message.resume();
    if (urls.length > MAX_REDIRECTS) throw new TypeError(`Too many redirects.${urls.join(", ")}`);
    hop = nextHop(hop, { status: head.status, location, rules });
  }
}

async function ask(hop: Hop, signal: AbortSignal | null, { warn }: FetchRules): Promise<ReceivedHead> {
  const { url, method, length } = hop;
  if (url.protocol !== "http:" && url.protocol !== "https:") throw new TypeError(`Fetch API cannot load: ${url.href}`);
  const invocation = currentInvocation();
  invocation?.meter.count("subrequests");
  const body = hop.body instanceof Blob ? hop.body.stream() : hop.body;
  const asked: Exchange = { url, method, headers: headerPairs(hop.headers), body, length, signal };
  const work = () => {
    signal?.throwIfAborted();
    return exchange(asked);
  };
  try {
    return await (invocation === undefined ? work() : invocation.connect(work));
  } catch (error) {
    // The Worker is told no more than in workerd; whoever runs it is.
    if (error instanceof Error && error.cause instanceof Error) {
      warn(`fetch ${method} ${url.origin}${url.pathname}: ${error.cause.message || String(error.cause)}`);
    }
    throw error;
  }
}

function respond(
  { status, statusText, headers, message }: ReceivedHead,
  { hop, signal, decodes, redirected }: { hop: Hop; signal: AbortSignal | null; decodes: boolean; redirected: boolean },
): Response {
  const received = receivedHeaders(headers);
  const url = new URL(hop.url.href);
  url.hash = "";
  const parts = { status, statusText, headers: received, url: url.href, redirected, isEncoded: !decodes };
  if (hop.method === "HEAD" || status === 101 || status === 204 || status === 205 || status === 304) {
    message.resume();
    return makeReceivedResponse(parts, null);
  }
  const packing = decodes ? packingOf(received) : null;
  const body = receivedBody(message, { packing, signal });
  const length = Number(received.get("content-length") ?? Number.NaN);
  promiseBytes(body, packing === null && Number.isSafeInteger(length) ? length : null);
  return makeReceivedResponse(parts, body);
}

/** Others than these workerd hands on as they are. */
function packingOf(headers: Headers): Packing {
  const encoding = headers.get("content-encoding")?.toLowerCase();
  return encoding === "gzip" || encoding === "br" ? encoding : null;
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

function nextHop(hop: Hop, parts: { status: number; location: string; rules: FetchRules }): Hop {
  const { status, location, rules } = parts;
  const url = URL.parse(location, hop.url.href);
  if (url === null) throw new TypeError("Invalid Location header; unable to follow redirect.");
  const headers = new Headers(hop.headers);
  if (rules.stripsAuthorization && url.origin !== hop.url.origin) headers.delete("authorization");
  const becomesGet =
    (hop.method === "POST" && (status === 301 || status === 302)) ||
    (status === 303 && hop.method !== "GET" && hop.method !== "HEAD");
  // The content type stays, as in workerd.
  if (hop.body instanceof ReadableStream && status !== 303) throw new TypeError(ONE_TIME_BODY);
  if (becomesGet) return { url, method: "GET", headers, body: null, length: 0 };
  return { ...hop, url, headers };
}

function answerDataUrl(url: URL): Response {
  const { type, bytes } = readDataUrl(url.href);
  const parts = {
    status: 200,
    statusText: "OK",
    headers: new Headers({ "content-type": type }),
    url: "",
    redirected: false,
  };
  return makeReceivedResponse(parts, bytes);
}

function isUpgrade(headers: Headers): boolean {
  return headers.get("upgrade")?.toLowerCase() === "websocket";
}

/** A WebSocket of the Worker's own to somebody else; whoever answers without one is asked as if there was no such header. */
async function connect(url: URL, headers: Headers): Promise<Response> {
  const { connectWebSocket } = await import("./websocket.js");
  const { webSocket, ...parts } = await connectWebSocket(url, headerPairs(headers));
  return makeReceivedResponse({ ...parts, url: url.href, redirected: false, webSocket }, null);
}
