// How an answer becomes something that can be written down: nothing in it that differs from run to run.
// In process, the Worker's timers take the place of the global ones.
import { clearTimeout, setTimeout } from "node:timers";
import type { Answer, Call } from "./case.ts";

const PATIENCE_MS = 30_000;

/** Of the connection, the moment or miniflare, and not of the Worker: miniflare hides a `content-encoding` behind its own. */
const NOT_OF_THE_WORKER =
  /^(date|content-length|content-encoding|transfer-encoding|connection|keep-alive|mf-.*|cf-connecting-ip)$/;

export type Replies = Pick<Response, "status" | "headers" | "arrayBuffer">;

export async function answerOf(response: Replies, outside: string): Promise<Extract<Answer, { status: number }>> {
  const bytes = await response.arrayBuffer().catch(() => "(breaks off)");
  const headers = [...response.headers].filter(([name]) => !NOT_OF_THE_WORKER.test(name));
  return {
    status: response.status,
    headers: headers.map(([name, value]) => [name, withoutPort(value, outside)]),
    // How much of a body comes before it fails is a matter of chance.
    body: typeof bytes === "string" ? bytes : withoutPort(textOf(Buffer.from(bytes)), outside),
  };
}

/** `http://127.0.0.1:40123` and its host, wherever they come up, are called outside. */
export function withoutPort(text: string, outside: string): string {
  const { host, port } = new URL(outside);
  return text.replaceAll(host, "outside").replaceAll(`localhost:${port}`, "outside");
}

/** How a call is named in the tests and in the table of differences: `POST /a`, `scheduled`, `queue uploads`. */
export function callName(call: Call): string {
  if ("fetch" in call) return `${call.method ?? "GET"} ${call.fetch}`;
  return "queue" in call ? `queue ${call.queue}` : "scheduled";
}

/** Where a Worker is called: a path belongs to this host. */
export function callUrl(fetch: string): string {
  return new URL(fetch, "http://example.com").href;
}

/** The answer to a call, or after half a minute that there is none. */
export async function withinTime<T>(work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("no answer in time")), PATIENCE_MS);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

export function errorText(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return `base64:${bytes.toString("base64")}`;
  }
}
