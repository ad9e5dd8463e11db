// GET requests for a source of the catalogue, through redirects, each of them looked at anew. Not Node's fetch: it neither
// tells nor lets anybody say which address it connects to.
import type * as http from "node:http";
import { type Allowed, checkHost, lookupWithin } from "./addresses.js";
import { Refusal } from "./failure.js";

export interface Answer {
  status: number;
  statusText: string;
  headers: http.IncomingHttpHeaders;
  body: http.IncomingMessage;
}

const REDIRECTS = [301, 302, 303, 307, 308];
const MAX_REDIRECTS = 10;
/** Before the 5 s after which many servers close an idle connection. */
const IDLE_MS = 4000;

/** The connections of one source. */
export class Requests {
  readonly #allowed: Allowed;
  readonly #agents = new Map<string, http.Agent>();

  constructor(allowed: Allowed) {
    this.#allowed = allowed;
  }

  /** Rejects when the connection fails or the signal is aborted, and with a Refusal for an address that may not be asked. */
  async get(address: URL, headers: Record<string, string>, signal: AbortSignal): Promise<Answer> {
    let url = address;
    for (let redirects = 0; ; redirects++) {
      checkHost(url, this.#allowed);
      const login: Record<string, string> = url.username || url.password ? { authorization: basic(url) } : {};
      const response = await this.#send(url, { ...headers, ...login }, signal);
      const status = response.statusCode ?? 0;
      const { location } = response.headers;
      if (!REDIRECTS.includes(status) || location === undefined) {
        return { status, statusText: response.statusMessage ?? "", headers: response.headers, body: response };
      }
      response.destroy();
      if (redirects === MAX_REDIRECTS)
        throw new Refusal(`expected an answer, got more than ${MAX_REDIRECTS} redirects`);
      url = follow(location, url);
    }
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  async #send(
    url: URL,
    headers: Record<string, string>,
    signal: AbortSignal,
    isNew = false,
  ): Promise<http.IncomingMessage> {
    // To import it would cost each instance 6 MB, whether or not it ever has a source behind http.
    const { request } = process.getBuiltinModule(url.protocol === "https:" ? "node:https" : "node:http");
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    const target = new URL(url);
    target.username = "";
    target.password = "";
    const lookup = lookupWithin(this.#allowed);
    const options = { headers, signal, agent: isNew ? false : this.#agentFor(url), ...(lookup && { lookup }) };
    const outgoing = request(target, options);
    outgoing.once("response", resolve);
    outgoing.on("error", (error) => {
      // Most likely the server has closed the idle connection just as it was taken again.
      const isStale = outgoing.reusedSocket && "code" in error && error.code === "ECONNRESET";
      if (isStale) this.#send(url, headers, signal, true).then(resolve, reject);
      else reject(error);
    });
    outgoing.end();
    return promise;
  }

  #agentFor({ protocol }: URL): http.Agent {
    const { Agent } = process.getBuiltinModule(protocol === "https:" ? "node:https" : "node:http");
    const agent = this.#agents.get(protocol) ?? new Agent({ keepAlive: true, maxFreeSockets: 1, timeout: IDLE_MS });
    this.#agents.set(protocol, agent);
    return agent;
  }
}

/** A login goes on to the same origin, and nowhere else. */
function follow(location: string, from: URL): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new Refusal("expected a redirect to an http(s) URL, got one to something else");
  }
  if (url.origin !== from.origin || url.username !== "" || url.password !== "") return url;
  url.username = from.username;
  url.password = from.password;
  return url;
}

function basic({ username, password }: URL): string {
  return `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")}`;
}
