// The event `fetch`: a request comes in, the Worker's response goes out.
import { makeIncomingRequest } from "../globals/request.js";
import { readAnswer } from "../globals/response.js";
import type { FetchAnswer, FetchCall } from "../host/protocol.js";
import type { Meter } from "../limits/meter.js";
import { REQUEST_TOO_LARGE } from "../limits/texts.js";
import type { Call } from "./call.js";
import type { Handler } from "./handlers.js";
import type { EventKind } from "./run.js";
import { labelThrown } from "./thrown.js";

const NO_RESPONSE = "Incorrect type for Promise: the Promise did not resolve to 'Response'.";
const NO_PROMISE = "Callback returned incorrect type; expected 'Promise'";
const ERROR_RESPONSE = "Return value from serve handler must not be an error response (like Response.error())";
const NO_HANDLER = "Handler does not export a fetch() function.";

interface FetchParts {
  find: (parts: Parameters<EventKind<"fetch">["respond"]>[0]) => Handler | undefined;
  signal: AbortSignal;
  /** Static files that answer in the Worker's place; null when it is the Worker's turn. */
  route: (given: FetchCall) => FetchAnswer | null;
}

export function fetchEvent(given: FetchCall, { find, signal, route }: FetchParts): EventKind<"fetch"> {
  const over = new AbortController();
  return {
    kind: "fetch",
    respond: async (parts) => {
      const { meter } = parts.call;
      if (given.body instanceof Uint8Array && isRefused(given.body, meter)) return plain(413, REQUEST_TOO_LARGE);
      const file = route(given);
      if (file !== null) return file;
      const handler = find(parts);
      if (handler === undefined) throw new Error(NO_HANDLER);
      const { url, method, headers, cf } = given;
      const body =
        given.body instanceof ReadableStream
          ? given.body.pipeThrough(counting(meter, "requestBytes"), { preventAbort: true, signal: over.signal })
          : given.body;
      const request = makeIncomingRequest(url, { method, headers, body, cf, signal });
      const returned = handler(request);
      const answer = readAnswer(await returned, method);
      if (answer === null) throw new TypeError(isThenable(returned) ? NO_RESPONSE : NO_PROMISE);
      if (answer.status === 0) throw new TypeError(ERROR_RESPONSE);
      return { ...answer, body: sendBody(answer.body, parts.call) };
    },
    onThrow: (thrown) => plain(500, labelThrown(thrown)),
    // A body that was not read to its end would keep its sender waiting.
    release: () => over.abort(),
  };
}

function isThenable(value: unknown): boolean {
  return typeof value === "object" && value !== null && "then" in value;
}

function plain(status: number, text: string): FetchAnswer {
  const body = new TextEncoder().encode(text);
  return { status, statusText: "", headers: [["content-type", "text/plain;charset=UTF-8"]], body };
}

/** As Cloudflare does it: the Worker is not called at all. */
function isRefused(body: Uint8Array, meter: Meter): boolean {
  try {
    meter.count("requestBytes", body.byteLength);
    return false;
  } catch {
    return true;
  }
}

/** A body that is still to come keeps the invocation open. */
function sendBody(body: FetchAnswer["body"], call: Call): FetchAnswer["body"] {
  if (body === null) return null;
  if (body instanceof Uint8Array) {
    call.meter.count("responseBytes", body.byteLength);
    return body;
  }
  const { readable, writable } = counting(call.meter, "responseBytes");
  // Its failure is the reader's to hear.
  call.waitUntil(body.pipeTo(writable).catch(() => undefined));
  return readable;
}

function counting(meter: Meter, what: "requestBytes" | "responseBytes"): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      meter.count(what, chunk.byteLength);
      controller.enqueue(chunk);
    },
  });
}
