// `WebSocketPair` and `WebSocket`: two ends that hear one another. The other end of one that has been to the network is
// in websocket-client.ts; that of one that was answered with is the host's (`takeEnd`).
import type { IncomingMessage } from "node:http";
import { define, type Realm, type Target } from "../realm.js";
import { uncaught } from "./events.js";
import { type HeaderPair, type Headers, receivedHeaders } from "./headers.js";
import { WorkerEventTarget } from "./listeners.js";
import { nameInstances, refuseGlobalScope, wrongConstructorType, wrongType } from "./refusals.js";
import { dial, NoUpgrade } from "./websocket-client.js";
import { type Heard, Inbound, type Peer } from "./websocket-inbound.js";
import { checkClose, checkProtocols, checkUrl } from "./websocket-rules.js";

const NOT_ACCEPTED =
  "You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.";
const CLOSED = "Can't call WebSocket send() after close().";
const IS_CLIENT = "Websockets obtained from the 'new WebSocket()' constructor cannot call accept";
const LOST = "Network connection lost.";
const NO_STATUS = 1005;
const ABNORMAL = 1006;

const AUTO_REPLY_FROM = "2026-04-07";
const BLOBS_FROM = "2026-03-17";

const STATES = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;
type State = (typeof STATES)[keyof typeof STATES];

/** What makes an end that no Worker has made with `new WebSocket(url)`. */
class Unconnected {
  constructor(readonly realm: Realm) {}
}

let inboundOf: (end: WebSocket) => Inbound;
let connect: (end: WebSocket, peer: Peer, about?: { url: string; protocol: string }) => void;

export class WebSocket extends WorkerEventTarget {
  binaryType: "blob" | "arraybuffer";
  readonly #realm: Realm;
  readonly #inbound: Inbound;
  #peer: Peer | undefined;
  #state: State = STATES.OPEN;
  #hasClosed = false;
  #isHalfOpenAllowed = false;
  #isClient = false;
  #url: string | null = null;
  #protocol = "";
  #attachment: unknown = null;

  static {
    inboundOf = (end) => end.#inbound;
    connect = (end, peer, about) => {
      end.#peer = peer;
      end.#url = about?.url ?? null;
      end.#protocol = about?.protocol ?? "";
    };
    for (const [name, value] of Object.entries(STATES)) {
      const descriptor = { value, enumerable: true };
      const names = { [name]: descriptor, [`READY_STATE_${name}`]: descriptor };
      Object.defineProperties(WebSocket, names);
      Object.defineProperties(WebSocket.prototype, names);
    }
  }

  constructor(made: unknown, protocols?: unknown) {
    super();
    this.#realm = made instanceof Unconnected ? made.realm : realmOfClients(made);
    this.binaryType = isFrom(this.#realm, BLOBS_FROM, "websocket_standard_binary_type") ? "blob" : "arraybuffer";
    this.#inbound = new Inbound((event) => this.#hear(event));
    if (!(made instanceof Unconnected)) this.#dial(checkUrl(String(made)), checkProtocols(protocols));
  }

  get readyState(): State {
    return this.#state;
  }

  get url(): string | null {
    return this.#url;
  }

  get protocol(): string {
    return this.#protocol;
  }

  get extensions(): string {
    return "";
  }

  /** Nothing is heard before. */
  accept(options?: { allowHalfOpen?: boolean }): void {
    if (this.#isClient) throw new TypeError(IS_CLIENT);
    this.#isHalfOpenAllowed = options?.allowHalfOpen === true;
    this.#inbound.open();
  }

  send(...given: unknown[]): void {
    if (given.length === 0) throw wrongType("send", "WebSocket", 1, "ArrayBuffer or ArrayBufferView or string");
    const [data] = given;
    if (!this.#inbound.isOpen || this.#state === STATES.CONNECTING) throw new TypeError(NOT_ACCEPTED);
    if (this.#hasClosed) throw new TypeError(CLOSED);
    if (data instanceof Blob) {
      // What is sent after it may overtake it.
      void data.arrayBuffer().then((bytes) => this.#peer?.message(new Uint8Array(bytes)));
    } else this.#peer?.message(toMessage(data));
  }

  close(code?: number, reason?: string): void {
    checkClose(code, reason);
    if (!this.#inbound.isOpen) throw new TypeError(NOT_ACCEPTED);
    this.#sendClose(code ?? null, reason ?? "");
  }

  serializeAttachment(value: unknown): void {
    this.#attachment = structuredClone(value);
  }

  deserializeAttachment(): unknown {
    return structuredClone(this.#attachment);
  }

  #sendClose(code: number | null, reason: string): void {
    if (this.#hasClosed) return;
    this.#hasClosed = true;
    this.#state = this.#state === STATES.CLOSING ? STATES.CLOSED : STATES.CLOSING;
    this.#peer?.close(code, reason);
  }

  #hear(heard: Heard): void {
    if (heard.kind === "message") this.#emit(new MessageEvent("message", { data: this.#dataOf(heard.data) }));
    else if (heard.kind === "close") this.#hearClose(heard.code, heard.reason);
    else if (heard.kind === "lost") this.#hearLoss(heard.reason);
    else {
      this.#state = STATES.OPEN;
      this.#emit(new Event("open"));
    }
  }

  #hearLoss(reason: string): void {
    this.#state = STATES.CLOSED;
    this.#hasClosed = true;
    this.#emit(uncaught(new Error(LOST)));
    this.#emit(new CloseEvent("close", { code: ABNORMAL, reason, wasClean: false }));
  }

  #hearClose(code: number | null, reason: string): void {
    const replies = !this.#isHalfOpenAllowed && isFrom(this.#realm, AUTO_REPLY_FROM, "web_socket_auto_reply_to_close");
    this.#state = this.#hasClosed || replies ? STATES.CLOSED : STATES.CLOSING;
    const isFirst = !this.#hasClosed;
    if (replies) this.#hasClosed = true;
    this.#emit(new CloseEvent("close", { code: code ?? NO_STATUS, reason, wasClean: true }));
    if (replies && isFirst) this.#peer?.close(code, reason);
  }

  /** What a listener throws is the end of the connection. */
  #emit(event: Event): void {
    try {
      this.dispatchEvent(event);
    } catch (error) {
      if (event.type === "error") return;
      this.#state = STATES.CLOSED;
      this.#hasClosed = true;
      this.#emit(uncaught(error));
      this.#inbound.stop();
      this.#peer?.lost();
    }
  }

  #dataOf(data: string | Uint8Array): unknown {
    if (typeof data === "string") return data;
    const bytes = data as Uint8Array<ArrayBuffer>;
    return this.binaryType === "blob" ? new Blob([bytes]) : bytes.slice().buffer;
  }

  #dial(url: string, protocols: string[]): void {
    refuseGlobalScope(this.#realm);
    this.#isClient = true;
    this.#state = STATES.CONNECTING;
    this.#url = url;
    this.#inbound.open();
    const headers: [string, string][] =
      protocols.length === 0 ? [] : [["sec-websocket-protocol", protocols.join(", ")]];
    dial(url, headers).then(
      ({ attach, protocol }) => {
        this.#peer = attach(this.#inbound);
        this.#protocol = protocol;
        this.#inbound.hear({ kind: "open" });
      },
      () => this.#inbound.hear({ kind: "lost", reason: "Failed to establish websocket connection" }),
    );
  }
}

nameInstances(WebSocket, "WebSocket");

/** The other end of one that a Worker has given away, as `Response` with a `webSocket`: whatever is said to `outside`. */
export function takeEnd(end: unknown, outside: Peer): Peer | null {
  const other = end instanceof WebSocket ? otherEnds.get(end) : undefined;
  if (other === undefined) return null;
  connect(other, outside);
  return inboundOf(other);
}

export interface Connected {
  status: number;
  statusText: string;
  headers: Headers;
  /** To be accepted like one of a pair; null when the server has answered with something else. */
  webSocket: WebSocket | null;
}

/** For `fetch` with `upgrade: websocket`. Errors: workerd's for a server that cannot be reached. */
export async function connectWebSocket(url: URL, headers: Iterable<HeaderPair>): Promise<Connected> {
  try {
    const { answer, attach } = await dial(url.href, headers);
    const end = new WebSocket(new Unconnected(realmOfClients(url)));
    connect(end, attach(inboundOf(end)));
    return { ...headOf(answer), webSocket: end };
  } catch (error) {
    if (!(error instanceof NoUpgrade)) throw error;
    error.answer.resume();
    return { ...headOf(error.answer), webSocket: null };
  }
}

function headOf({ statusCode = 0, statusMessage = "", rawHeaders }: IncomingMessage): Omit<Connected, "webSocket"> {
  const pairs: HeaderPair[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) pairs.push([rawHeaders[at] ?? "", rawHeaders[at + 1] ?? ""]);
  return { status: statusCode, statusText: statusMessage, headers: receivedHeaders(pairs) };
}

const otherEnds = new WeakMap<WebSocket, WebSocket>();

export function installWebSockets(target: Target, realm: Realm): void {
  clientRealm = realm;
  class WebSocketPair {
    declare readonly 0: WebSocket;
    declare readonly 1: WebSocket;

    constructor() {
      refuseGlobalScope(realm);
      loadCloseEvent();
      const ends = [new WebSocket(new Unconnected(realm)), new WebSocket(new Unconnected(realm))] as const;
      connect(ends[0], inboundOf(ends[1]));
      connect(ends[1], inboundOf(ends[0]));
      otherEnds.set(ends[0], ends[1]).set(ends[1], ends[0]);
      Object.assign(this, ends);
    }

    *[Symbol.iterator](): Iterator<WebSocket> {
      yield this[0];
      yield this[1];
    }
  }
  class WebSocketRequestResponsePair {
    constructor(
      readonly request: string,
      readonly response: string,
    ) {}
  }
  nameInstances(WebSocketPair, "WebSocketPair");
  nameInstances(WebSocketRequestResponsePair, "WebSocketRequestResponsePair");
  for (const [name, made] of Object.entries({ WebSocket, WebSocketPair, WebSocketRequestResponsePair })) {
    define(target, name, made);
  }
}

/** Of the Worker that runs here: `new WebSocket(url)` has nothing else to know it by. */
let clientRealm: Realm | undefined;

function realmOfClients(url: unknown): Realm {
  if (url === undefined) throw wrongConstructorType("WebSocket", 1, "string");
  if (clientRealm === undefined) throw new Error("expected installWebSockets before the first WebSocket");
  return clientRealm;
}

function isFrom({ compatibility: { date, flags } }: Realm, from: string, flag: string): boolean {
  return (date >= from || flags.includes(flag)) && !flags.includes(`no_${flag}`);
}

function toMessage(data: unknown): string | Uint8Array {
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  return data instanceof ArrayBuffer ? new Uint8Array(data).slice() : String(data);
}

/** Node loads the class when it is first made, for longer than a Worker may wait for its close to be answered. */
function loadCloseEvent(): void {
  new CloseEvent("close");
}
