// One request to Cloudflare's API and its answer, with what is known of a failure: had D1 seen it or not?
// Not Node's fetch: it does not tell whether a request had left before its connection failed, and keeps more memory.
import type * as http from "node:http";
import type { Socket } from "node:net";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { codeOf, messageOf } from "../../errors.js";
import type { Millis } from "../../video.js";
import type { HttpAnswer, Verdict } from "./verdict.js";

export interface ExchangeParts {
  method: "GET" | "POST";
  url: URL;
  token: string;
  body: string | undefined;
  deadlineMs: Millis;
  maxBytes: number;
}

export type Exchanged =
  | { kind: "http"; answer: HttpAnswer }
  | Extract<Verdict, { kind: "not executed" | "unknown" | "too long" }>;

const unzip = promisify(gunzip);
/** D1 runs one query of a database at a time; more connections would only queue there. */
const MAX_SOCKETS = 8;
/** Before the 5 s after which many servers close an idle connection, perhaps just as a write travels on it. */
const IDLE_MS: Millis = 4000;

export class Connection {
  readonly #agent: http.Agent;
  readonly #start: (url: URL, options: http.RequestOptions) => http.ClientRequest;
  readonly #readyEvent: "connect" | "secureConnect";
  /** One that waits for a socket would not notice the end of all sockets. */
  readonly #underWay = new Set<(error: Error) => void>();

  constructor(base: URL) {
    const options = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: IDLE_MS };
    const isSecure = base.protocol === "https:";
    // To import it would cost every pool on a local file 6 MB an instance: Node loads its fetch along.
    const { Agent, request } = isSecure
      ? process.getBuiltinModule("node:https")
      : process.getBuiltinModule("node:http");
    this.#agent = new Agent(options);
    this.#start = request;
    this.#readyEvent = isSecure ? "secureConnect" : "connect";
  }

  /** Ends the requests under way, too. */
  close(): void {
    for (const end of this.#underWay) end(new Error("the database was closed"));
    this.#agent.destroy();
  }

  /** Never rejects. */
  async exchange(parts: ExchangeParts): Promise<Exchanged> {
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    const headers = {
      authorization: `Bearer ${parts.token}`,
      accept: "application/json",
      "accept-encoding": "gzip",
      ...(parts.body !== undefined && {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(parts.body),
      }),
    };
    const outgoing = this.#start(parts.url, { method: parts.method, headers, agent: this.#agent });
    // Until a connection stands nothing can have been sent on it.
    let isConnected = false;
    outgoing.once("socket", (socket) => {
      isConnected = !isOpening(socket);
      if (isConnected) return;
      socket.once(this.#readyEvent, () => {
        isConnected = true;
      });
    });
    let isLate = false;
    const end = (error: Error) => {
      outgoing.destroy(error);
      reject(error);
    };
    this.#underWay.add(end);
    const timer = setTimeout(() => {
      isLate = true;
      end(new Error(`no answer within ${parts.deadlineMs} ms`));
    }, parts.deadlineMs);
    outgoing.once("response", resolve);
    outgoing.on("error", reject);
    outgoing.end(parts.body);
    try {
      const response = await promise;
      const text = await readText(response, parts.maxBytes);
      if (text === null) return { kind: "too long" };
      const answer = { status: response.statusCode ?? 0, retryAfter: response.headers["retry-after"], text };
      return { kind: "http", answer };
    } catch (cause) {
      const got = isLate ? `no answer within ${parts.deadlineMs} ms` : nameFailure(cause);
      if (!isConnected) return { kind: "not executed", got, waitMs: 0, isLimit: false, cause };
      return { kind: "unknown", got, isLoad: false, cause };
    } finally {
      clearTimeout(timer);
      this.#underWay.delete(end);
    }
  }
}

function isOpening(socket: Socket): boolean {
  // Node tells the second of every TLS socket, though its types do not.
  return socket.connecting || Reflect.get(socket, "secureConnecting") === true;
}

/** Null when it is longer than `maxBytes`, as it comes or unpacked. */
async function readText(response: http.IncomingMessage, maxBytes: number): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop destroys the response, and the socket with it.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) return null;
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  if (response.headers["content-encoding"] !== "gzip") return bytes.toString();
  try {
    return (await unzip(bytes, { maxOutputLength: maxBytes })).toString();
  } catch (error) {
    if (codeOf(error) === "ERR_BUFFER_TOO_LARGE") return null;
    throw error;
  }
}

function nameFailure(error: unknown): string {
  const code = codeOf(error);
  const text = messageOf(error);
  return code === "" || text.includes(code) ? text : `${text} (${code})`;
}
