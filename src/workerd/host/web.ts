// Between the fetch API and what crosses to a Worker: a request in, a response out.
import { native } from "../native.js";
import type { FetchAnswer, FetchCall } from "./protocol.js";

const BASE = "http://localhost";
const NO_BODY = [101, 204, 205, 304];

export async function toCall(url: string | URL | Request, init?: RequestInit): Promise<FetchCall> {
  if (typeof url !== "object" || url instanceof URL) {
    const { href } = new URL(url, BASE);
    // The common case needs none of what Request does.
    if (init === undefined) return { url: href, method: "GET", headers: [], body: null };
    return fromRequest(new native.Request(href, ownBody(init)), init);
  }
  return fromRequest(new native.Request(url, init === undefined ? undefined : ownBody(init)), init);
}

/** A stream is sent as it comes; anything else is one piece. */
async function fromRequest(request: Request, init: RequestInit | undefined): Promise<FetchCall> {
  const isStream = init?.body instanceof ReadableStream;
  const stream = request.body as ReadableStream<Uint8Array> | null;
  const body = stream === null || isStream ? stream : new Uint8Array(await request.arrayBuffer());
  const { url, method } = request;
  const cf: unknown = init !== undefined && "cf" in init ? init.cf : undefined;
  return { url, method, headers: [...request.headers], body, ...(cf !== undefined && { cf }) };
}

function ownBody(init: RequestInit): RequestInit {
  // `manual`: the Worker's redirects are the caller's to see. A stream needs `duplex`, which people leave out.
  return { redirect: "manual", ...(init.body instanceof ReadableStream && { duplex: "half" }), ...init };
}

export function toResponse({ status, statusText, headers, body }: FetchAnswer): Response {
  const content = NO_BODY.includes(status) ? null : (body as ConstructorParameters<typeof Response>[0]);
  if (status !== 101) return new native.Response(content, { status, statusText, headers });
  // The constructor knows no 101; a switch of protocols is a bare status for whoever only fetches.
  const switched = new native.Response(null, { status: 200, statusText, headers });
  Object.defineProperty(switched, "status", { value: status });
  return switched;
}
