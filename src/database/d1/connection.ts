// One request to Cloudflare's API and its answer; of a failure, whether D1 can have executed the request.
import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { codeOf, messageOf } from "../../errors.js";
import { HttpClient, readBody } from "../../http-client.js";
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

export class Connection {
  readonly #client = new HttpClient({ maxSockets: MAX_SOCKETS });
  /** One for each request: one that waits for a socket would not notice the end of all sockets. */
  readonly #aborts = new Set<AbortController>();

  /** Ends the requests under way, too. */
  close(): void {
    for (const abort of this.#aborts) abort.abort(new Error("the database was closed"));
    this.#client.close();
  }

  /** Never rejects. */
  async exchange({ method, url, token, body, deadlineMs, maxBytes }: ExchangeParts): Promise<Exchanged> {
    const headers = {
      authorization: `Bearer ${token}`,
      accept: "application/json",
      "accept-encoding": "gzip",
      ...(body !== undefined && { "content-type": "application/json" }),
    };
    const abort = new AbortController();
    this.#aborts.add(abort);
    const timer = setTimeout(() => abort.abort(new Error(`no answer within ${deadlineMs} ms`)), deadlineMs);
    let isConnected = false;
    const onConnected = () => {
      isConnected = true;
    };
    try {
      const response = await this.#client.request({ method, url, headers, body, signal: abort.signal, onConnected });
      const text = await readText(response, maxBytes);
      if (text === null) return { kind: "too long" };
      const answer = { status: response.statusCode ?? 0, retryAfter: response.headers["retry-after"], text };
      return { kind: "http", answer };
    } catch (error) {
      const cause = abort.signal.aborted ? abort.signal.reason : error;
      const got = nameFailure(cause);
      // Until a connection stands nothing can have been sent on it.
      if (!isConnected) return { kind: "not executed", got, waitMs: 0, isLimit: false, cause };
      return { kind: "unknown", got, isLoad: false, cause };
    } finally {
      clearTimeout(timer);
      this.#aborts.delete(abort);
    }
  }
}

/** Null when it is longer than `maxBytes`, as it comes or unpacked. */
async function readText(response: IncomingMessage, maxBytes: number): Promise<string | null> {
  const bytes = await readBody(response, maxBytes);
  if (bytes === null || response.headers["content-encoding"] !== "gzip") return bytes?.toString() ?? null;
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
