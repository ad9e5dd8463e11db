// Response as workerd has it, and what a host reads off the one that a Worker gives back.
import { Body, bodyOf, contentOf, isUsed, refuseBodyAtStart } from "./body.js";
import { BODY_USED, Content } from "./content.js";
import {
  cloneHeaders,
  type HeaderPair,
  Headers,
  headerPairs,
  headersOfInit,
  makeImmutable,
  showMembers,
} from "./headers.js";
import { illegalInvocation, nameInstances, wrongConstructorType, wrongField, wrongType } from "./refusals.js";
import { addContentType, copyCf } from "./request.js";
import { statusTextOf } from "./status-text.js";

const DICTIONARY = "InitializerDict";
const NULL_BODY_STATUS = [101, 204, 205, 304];
const REDIRECT_STATUS = [301, 302, 303, 307, 308];
const INT_LIMIT = 2 ** 31;
/** Of the connection, and the server's own: a Worker's are not sent. */
const NOT_SENT = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "te",
  "trailer",
  "upgrade",
  "content-length",
]);

interface ResponseState {
  status: number;
  statusText: string;
  headers: Headers;
  type: "default" | "error";
  url: string;
  redirected: boolean;
  cf: unknown;
  webSocket: unknown;
  /** Whether a body with a `content-encoding` is still to be encoded, or is given as it goes out. */
  isEncoded: boolean;
}

let made: ResponseState | undefined;
let stateOf: (response: Response) => ResponseState;

export class Response extends Body {
  readonly #state: ResponseState;

  static {
    stateOf = (response) => {
      if (typeof response !== "object" || response === null || !(#state in response)) throw illegalInvocation();
      return response.#state;
    };
  }

  static error(): Response {
    return makeResponse({ ...plainState(0), statusText: "", type: "error" }, null);
  }

  static json(...args: [data?: unknown, init?: unknown]): Response {
    if (args.length === 0) throw wrongType("json", "Response", 1, "JsValue");
    refuseBodyAtStart();
    const state = readInit(args[1]);
    addContentType(state.headers, "application/json");
    // A value that JSON has no text for is the text "undefined".
    return makeResponse(state, checkedContent(new Content(`${JSON.stringify(args[0])}`), state));
  }

  static redirect(...args: [url?: unknown, status?: unknown]): Response {
    if (args.length === 0) throw wrongType("redirect", "Response", 1, "string");
    const status = args[1] === undefined ? 302 : toInt(args[1]);
    const url = URL.parse(`${args[0]}`);
    if (url === null) throw new TypeError(`Unable to parse URL: ${args[0]}`);
    if (!REDIRECT_STATUS.includes(status)) {
      throw new RangeError(`${status} is not a redirect status code. It must be one of: 301, 302, 303, 307, or 308.`);
    }
    return makeResponse({ ...plainState(status), headers: makeImmutable(new Headers({ location: url.href })) }, null);
  }

  constructor(body?: unknown, init?: unknown) {
    if (made !== undefined) {
      super(body as Content | null);
      this.#state = made;
      made = undefined;
      return;
    }
    const state = readInit(init);
    const { content, type } = contentOf(body);
    addContentType(state.headers, type);
    super(checkedContent(content, state));
    this.#state = state;
  }

  get status(): number {
    return stateOf(this).status;
  }

  get statusText(): string {
    return stateOf(this).statusText;
  }

  get headers(): Headers {
    return stateOf(this).headers;
  }

  get ok(): boolean {
    const { status } = stateOf(this);
    return status >= 200 && status < 300;
  }

  get redirected(): boolean {
    return stateOf(this).redirected;
  }

  get url(): string {
    return stateOf(this).url;
  }

  get webSocket(): unknown {
    return stateOf(this).webSocket;
  }

  get cf(): unknown {
    return stateOf(this).cf;
  }

  get type(): string {
    return stateOf(this).type;
  }

  clone(): Response {
    const state = stateOf(this);
    if (state.webSocket !== null) throw new TypeError("Cannot clone a response to a WebSocket handshake.");
    const body = bodyOf(this);
    let content: Content | null = null;
    if (body.content !== null) [body.content, content] = body.content.tee();
    return makeResponse({ ...state, headers: cloneHeaders(state.headers) }, content);
  }
}
nameInstances(Response, "Response");
showMembers(Response);

export interface ReceivedParts {
  status: number;
  statusText: string;
  headers: Headers;
  url: string;
  redirected: boolean;
  isEncoded?: boolean;
  webSocket?: unknown;
}

/** A response that `fetch` has got. */
export function makeReceivedResponse(
  parts: ReceivedParts,
  body: ReadableStream | Uint8Array | string | null,
): Response {
  const { isEncoded = false, webSocket = null } = parts;
  const state: ResponseState = { ...parts, type: "default", cf: undefined, webSocket, isEncoded };
  return makeResponse(state, body === null ? null : new Content(body));
}

export interface Answer {
  status: number;
  statusText: string;
  headers: HeaderPair[];
  /** Bytes unless it has to be streamed. */
  body: Uint8Array | ReadableStream<Uint8Array> | null;
  webSocket: unknown;
}

/**
 * What is to be sent for a Worker's response, which counts as used afterwards; null if it is none. The body is never
 * compressed: a `content-encoding` by which workerd would do so is left out. `content-length` is the server's own, but for
 * the answer to a HEAD, where only the Worker knows it.
 */
export function readAnswer(response: unknown, method = "GET"): Answer | null {
  if (!(response instanceof Response)) return isForeign(response) ? readForeign(response) : null;
  const { status, statusText, headers, webSocket, isEncoded } = stateOf(response);
  if (isUsed(response)) throw new TypeError(BODY_USED);
  const body = bodyOf(response).content?.send() ?? null;
  return {
    status,
    statusText,
    headers: headerPairs(headers).filter((pair) => isSent(pair, { method, isEncoded })),
    body: body instanceof Blob ? body.stream() : body,
    webSocket,
  };
}

function isSent([name, value]: HeaderPair, { method, isEncoded }: { method: string; isEncoded: boolean }): boolean {
  if (name === "content-length") return method === "HEAD";
  if (name === "content-encoding") return isEncoded || !(value === "gzip" || value === "br");
  return !NOT_SENT.has(name);
}

/** Made by Node's own class, as only code of the host can. */
function isForeign(response: unknown): response is globalThis.Response {
  return Object.prototype.toString.call(response) === "[object Response]";
}

function readForeign({ status, statusText, headers, body }: globalThis.Response): Answer {
  const sent = [...headers].filter((pair) => isSent(pair, { method: "GET", isEncoded: true }));
  return { status, statusText, headers: sent, body, webSocket: null };
}

function makeResponse(state: ResponseState, content: Content | null): Response {
  made = state;
  return new Response(content);
}

function plainState(status: number): ResponseState {
  return {
    status,
    statusText: statusTextOf(status),
    headers: new Headers(),
    type: "default",
    url: "",
    redirected: false,
    cf: undefined,
    webSocket: null,
    isEncoded: false,
  };
}

function readInit(init: unknown): ResponseState {
  if (init === undefined || init === null) return plainState(200);
  if (typeof init !== "object") throw wrongConstructorType("Response", 2, `${DICTIONARY} or Response`);
  const { status, statusText, headers, cf, webSocket, encodeBody } = init as Record<string, unknown>;
  const read = headersOfInit(headers);
  if (read === undefined) throw wrongField("headers", DICTIONARY, "Headers or Sequence or object");
  if (webSocket !== undefined && webSocket !== null && !isWebSocket(webSocket)) {
    throw wrongField("webSocket", DICTIONARY, "WebSocket");
  }
  if (encodeBody !== undefined && encodeBody !== "manual" && encodeBody !== "automatic") {
    throw new TypeError(`encodeBody: unexpected value: ${encodeBody}`);
  }
  const code = checkedStatus(status === undefined ? 200 : toInt(status), webSocket ?? null);
  return {
    ...plainState(code),
    statusText: statusText === undefined ? statusTextOf(code) : checkedStatusText(`${statusText}`),
    headers: read,
    cf: cf === undefined ? undefined : copyCf(cf, DICTIONARY),
    webSocket: webSocket ?? null,
    isEncoded: encodeBody === "manual",
  };
}

/** Of WebSocketPair: whoever makes those need not be loaded for it. */
function isWebSocket(value: unknown): boolean {
  return typeof value === "object" && value !== null && "accept" in value && "send" in value;
}

function checkedStatus(status: number, webSocket: unknown): number {
  if (webSocket !== null) {
    if (status !== 101) throw new RangeError("Responses with a WebSocket must have status code 101.");
  } else if (status < 200 || status > 599) {
    throw new RangeError("Responses may only be constructed with status codes in the range 200 to 599, inclusive.");
  }
  return status;
}

function checkedStatusText(text: string): string {
  if (/[\0\r\n]/.test(text)) throw new TypeError("Invalid statusText");
  return text;
}

function checkedContent(content: Content | null, { status }: ResponseState): Content | null {
  if (content === null || !NULL_BODY_STATUS.includes(status)) return content;
  if (content.isEmpty) return null;
  throw new TypeError("Response with null body status (101, 204, 205, or 304) cannot have a body.");
}

/** WebIDL's `long`. */
function toInt(value: unknown): number {
  const number = Math.trunc(Number(value)) || 0;
  if (number >= -INT_LIMIT && number < INT_LIMIT) return number;
  throw new TypeError("Value out of range. Must be between -2147483648 and 2147483647 (inclusive).");
}
