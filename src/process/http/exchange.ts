// Part of the processor `http`: one request and its answer, through redirects and up to a size.
// Not Node's fetch: it gives up on an answer after 300 s (measured: 300.9 s, UND_ERR_HEADERS_TIMEOUT) and cannot be told
// otherwise, refuses URLs with credentials, and keeps its sockets where nobody can close them.
import * as http from "node:http";
import * as https from "node:https";

export interface Request {
  url: URL;
  method: string;
  headers: Readonly<Record<string, string>>;
  /** Null for none. */
  body: string | null;
}

export type Exchange =
  | { kind: "answer"; status: number; retryAfter: string | undefined; text: string }
  /** Asking again would end the same way. */
  | { kind: "refused"; reason: string };

const MAX_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];
/** A server that gets one of these twice is left as after one. */
const REPEATABLE = ["GET", "PUT"];
/** Headers that describe a body; all others may be secret, and go to no other host than the one they were set for. */
export const HARMLESS_HEADERS = ["content-type", "accept"];

/** The sockets of one instance; an idle one is closed after 4 s, before the 5 s of a Node server at the other end. */
export class Connections {
  readonly #agents: Record<string, http.Agent>;

  constructor({ idle }: { idle: number }) {
    const options = { keepAlive: true, maxFreeSockets: idle, timeout: 4000 };
    this.#agents = { "http:": new http.Agent(options), "https:": new https.Agent(options) };
  }

  agentFor(url: URL): http.Agent | undefined {
    return this.#agents[url.protocol];
  }

  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }
}

/** Rejects when the connection fails or the signal is aborted. */
export async function exchange(
  first: Request,
  { connections, signal, maxBytes }: { connections: Connections; signal: AbortSignal; maxBytes: number },
): Promise<Exchange> {
  let request = first;
  for (let redirects = 0; ; redirects++) {
    const response = await send(request, connections.agentFor(request.url), signal);
    const status = response.statusCode ?? 0;
    if (!REDIRECTS.includes(status)) {
      const text = await readText(response, maxBytes);
      if (text === null) return { kind: "refused", reason: "an answer above HIDB_HTTP_MAX_MB" };
      return { kind: "answer", status, retryAfter: response.headers["retry-after"], text };
    }
    response.destroy();
    if (redirects === MAX_REDIRECTS) return { kind: "refused", reason: `more than ${MAX_REDIRECTS} redirects` };
    const next = redirect(request, status, response.headers.location);
    if (next === null) return { kind: "refused", reason: `status ${status} without an http(s) address to go on to` };
    request = next;
  }
}

async function send(
  request: Request,
  agent: http.Agent | undefined,
  signal: AbortSignal,
): Promise<http.IncomingMessage> {
  const { url, method, headers, body } = request;
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  const start: (url: URL, options: http.RequestOptions) => http.ClientRequest =
    url.protocol === "https:" ? https.request : http.request;
  const outgoing = start(url, { method, headers, signal, ...(agent && { agent }) });
  outgoing.once("response", resolve);
  outgoing.on("error", (error) => {
    // Most likely the server closed the idle socket just as we took it. It may as well have broken down over this very
    // request, and only what may be asked twice is sent twice; for a POST the error becomes a retry.
    const stale = outgoing.reusedSocket && "code" in error && error.code === "ECONNRESET";
    if (stale && REPEATABLE.includes(method)) send(request, undefined, signal).then(resolve, reject);
    else reject(error);
  });
  outgoing.end(body ?? undefined);
  return promise;
}

/** Null when it is longer than `maxBytes`; reading ends there. */
async function readText(response: http.IncomingMessage, maxBytes: number): Promise<string | null> {
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
  return new TextDecoder().decode(Buffer.concat(chunks));
}

function redirect(from: Request, status: number, location: string | undefined): Request | null {
  if (location === undefined || !URL.canParse(location, from.url.href)) return null;
  const url = new URL(location, from.url.href);
  if (url.protocol !== "http:" && url.protocol !== "https:") return null;
  const isHome = url.origin === from.url.origin;
  if (isHome) Object.assign(url, { username: from.url.username, password: from.url.password });
  const isHarmless = ([name]: [string, string]) => HARMLESS_HEADERS.includes(name.toLowerCase());
  const headers = isHome ? from.headers : Object.fromEntries(Object.entries(from.headers).filter(isHarmless));
  // As browsers do: 303 asks for a GET, and so do 301 and 302 after a POST.
  const becomesGet = status === 303 || ((status === 301 || status === 302) && from.method === "POST");
  return becomesGet ? { url, headers, method: "GET", body: null } : { ...from, url, headers };
}
