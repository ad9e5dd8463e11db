// Request as workerd has it, and the requests that come in from outside.

import { Body, bodyOf, contentOf, isUsed } from "./body.js";
import { Content } from "./content.js";
import type { HeaderPair } from "./headers.js";
import { cloneHeaders, Headers, headersOfInit, receivedHeaders, showMembers } from "./headers.js";
import { illegalInvocation, nameInstances, wrongConstructorType, wrongField } from "./refusals.js";

export type Redirect = "follow" | "manual";

/** Those that workerd's HTTP knows. */
const METHODS = new Set(
  (
    "GET HEAD POST PUT DELETE PATCH PURGE OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK ACL REPORT " +
    "MKACTIVITY CHECKOUT MERGE MSEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE QUERY BAN"
  ).split(" "),
);
const CACHE_MODES = ["no-store", "no-cache"];
const BAD_REDIRECT =
  'Invalid redirect value, must be one of "follow" or "manual" ("error" won\'t be implemented since it does not make sense at the edge; use "manual" and check the response status code).';
const NO_BODY = "Request with a GET or HEAD method cannot have a body.";
const DICTIONARY = "RequestInitializerDict";
export const REQUEST_TYPES = { input: "Request or string", init: `${DICTIONARY} or Request` };

interface RequestState {
  url: string;
  method: string;
  /** As they came, until somebody looks at them. */
  headers: Headers | Iterable<HeaderPair>;
  redirect: Redirect;
  cache: string | undefined;
  cf: unknown;
  /** Made when somebody asks for it, if the request was given none. */
  signal: AbortSignal | null;
  encodesResponse: boolean;
}

let made: RequestState | undefined;
let stateOf: (request: Request) => RequestState;

export class Request extends Body {
  readonly #state: RequestState;

  static {
    stateOf = (request) => {
      if (typeof request !== "object" || request === null || !(#state in request)) throw illegalInvocation();
      return request.#state;
    };
  }

  constructor(...args: [input?: unknown, init?: unknown]) {
    if (made !== undefined) {
      super(args[0] as Content | null);
      this.#state = made;
      made = undefined;
      return;
    }
    if (args.length === 0) throw wrongConstructorType("Request", 1, REQUEST_TYPES.input);
    const { state, content } = readRequest(args[0], args[1]);
    super(content);
    this.#state = state;
  }

  get method(): string {
    return stateOf(this).method;
  }

  get url(): string {
    return stateOf(this).url;
  }

  get headers(): Headers {
    const state = stateOf(this);
    const { headers } = state;
    if (headers instanceof Headers) return headers;
    const received = receivedHeaders(headers);
    state.headers = received;
    return received;
  }

  get redirect(): Redirect {
    return stateOf(this).redirect;
  }

  get fetcher(): null {
    stateOf(this);
    return null;
  }

  get signal(): AbortSignal {
    const state = stateOf(this);
    state.signal ??= new AbortController().signal;
    return state.signal;
  }

  get cf(): unknown {
    return stateOf(this).cf;
  }

  get integrity(): string {
    stateOf(this);
    return "";
  }

  get keepalive(): boolean {
    stateOf(this);
    return false;
  }

  get cache(): string | undefined {
    return stateOf(this).cache;
  }

  clone(): Request {
    const state = stateOf(this);
    const body = bodyOf(this);
    let content: Content | null = null;
    if (body.content !== null) [body.content, content] = body.content.tee();
    return makeRequest({ ...state, headers: cloneHeaders(this.headers), signal: this.signal }, content);
  }
}
nameInstances(Request, "Request");
showMembers(Request);

export interface IncomingParts {
  method: string;
  headers: Iterable<HeaderPair>;
  body: ReadableStream<Uint8Array> | Uint8Array | null;
  cf?: unknown;
  signal?: AbortSignal;
}

/** The request that a Worker's `fetch` is called with. Takes over what it is given. */
export function makeIncomingRequest(url: string, { method, headers, body, cf, signal }: IncomingParts): Request {
  const state: RequestState = {
    url: URL.parse(url)?.href ?? url,
    method,
    headers,
    redirect: "manual",
    cache: undefined,
    cf,
    signal: signal ?? null,
    encodesResponse: true,
  };
  return makeRequest(state, body === null ? null : new Content(body));
}

/** What `fetch` has to know of a request beyond what everybody sees. */
export function outgoingParts(request: Request): { signal: AbortSignal | null; decodes: boolean } {
  const { signal, encodesResponse } = stateOf(request);
  return { signal, decodes: encodesResponse };
}

function makeRequest(state: RequestState, content: Content | null): Request {
  made = state;
  return new Request(content);
}

function readRequest(input: unknown, init: unknown): { state: RequestState; content: Content | null } {
  const model = input instanceof Request ? input : undefined;
  if (init !== undefined && init !== null && typeof init !== "object") {
    throw wrongConstructorType("Request", 2, REQUEST_TYPES.init);
  }
  const state = model === undefined ? defaults(`${input}`) : copyState(model);
  const dictionary = (init ?? {}) as Record<string, unknown>;
  const given = dictionary.body;
  applyInit(state, dictionary);
  let content: Content | null = null;
  if (given !== undefined) {
    const made = contentOf(given);
    content = made.content;
    addContentType(state.headers as Headers, made.type);
  } else if (model !== undefined) {
    content = moveBody(model, state.method);
  }
  if (content !== null && hasNoBody(state.method)) throw new TypeError(NO_BODY);
  return { state, content };
}

function defaults(url: string): RequestState {
  const parsed = URL.parse(url);
  if (parsed === null) throw new TypeError(`Invalid URL: ${url}`);
  return {
    url: parsed.href,
    method: "GET",
    headers: new Headers(),
    redirect: "follow",
    cache: undefined,
    cf: undefined,
    signal: null,
    encodesResponse: true,
  };
}

function copyState(model: Request): RequestState {
  return { ...stateOf(model), headers: new Headers(model.headers) };
}

function moveBody(model: Request, method: string): Content | null {
  const body = bodyOf(model);
  if (body.content === null) return null;
  if (isUsed(model)) throw new TypeError("Cannot reconstruct a Request with a used body.");
  if (hasNoBody(method)) throw new TypeError(NO_BODY);
  const content = body.content.move();
  body.hasMoved = true;
  return content;
}

function applyInit(state: RequestState, init: Record<string, unknown>): void {
  const { method, headers, redirect, cf, cache, integrity, signal, encodeResponseBody } = init;
  if (method !== undefined) state.method = checkedMethod(`${method}`);
  if (headers !== undefined) {
    const read = headersOfInit(headers);
    if (read === undefined) throw wrongField("headers", DICTIONARY, "Headers or Sequence or object");
    state.headers = read;
  }
  if (redirect !== undefined) {
    if (redirect !== "follow" && redirect !== "manual") throw new TypeError(BAD_REDIRECT);
    state.redirect = redirect;
  }
  if (cf !== undefined) state.cf = copyCf(cf, DICTIONARY);
  if (cache !== undefined) {
    if (!CACHE_MODES.includes(`${cache}`)) throw new TypeError(`Unsupported cache mode: ${cache}`);
    state.cache = `${cache}`;
  }
  if (integrity !== undefined && integrity !== "") {
    throw new TypeError(
      "Subrequest integrity checking is not implemented. The integrity option must be either undefined or an empty string.",
    );
  }
  if (signal === null) state.signal = null;
  else if (signal !== undefined) {
    if (!(signal instanceof AbortSignal)) throw wrongField("signal", DICTIONARY, "AbortSignal");
    state.signal = signal;
  }
  if (encodeResponseBody !== undefined) state.encodesResponse = encodeResponseBody !== "manual";
}

function checkedMethod(method: string): string {
  const upper = method.toUpperCase();
  if (METHODS.has(upper)) return upper;
  throw new TypeError(`Invalid HTTP method string: ${method}`);
}

function hasNoBody(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

export function addContentType(headers: Headers, type: string | null): void {
  if (type !== null && !headers.has("content-type")) headers.set("content-type", type);
}

/** The Worker's own object stays its own. */
export function copyCf(cf: unknown, owner: string): unknown {
  if (typeof cf !== "object" || cf === null) throw wrongField("cf", owner, "Object");
  try {
    return structuredClone(cf);
  } catch {
    return cf;
  }
}
