// `EventSource`: server-sent events, read over fetch.
import { createParser } from "eventsource-parser";
import { currentInvocation } from "../invocation.js";
import { define, type Realm, type Target } from "../realm.js";
import { ErrorEvent } from "./events.js";
import { WorkerEventTarget } from "./listeners.js";
import { nameInstances, wrongConstructorType } from "./refusals.js";

const OUTSIDE = "An EventSource can only be created within the context of a worker request.";

type State = 0 | 1 | 2;
type Fetch = (url: string, init: object) => Promise<Response>;
type Handler = ((event: Event) => unknown) | null;

export function installEventSource(target: Target, _realm: Realm): void {
  class EventSource extends WorkerEventTarget {
    static readonly CONNECTING = 0;
    static readonly OPEN = 1;
    static readonly CLOSED = 2;
    onopen: Handler = null;
    onmessage: Handler = null;
    onerror: Handler = null;
    #url: string | null = null;
    #state: State = EventSource.CONNECTING;
    readonly #abort = new AbortController();

    constructor(url: unknown, { fetcher }: { fetcher?: { fetch: Fetch } } = {}) {
      super();
      if (currentInvocation() === undefined) throw new DOMException(OUTSIDE, "NotSupportedError");
      if (url === undefined) throw wrongConstructorType("EventSource", 1, "string");
      if (!(url instanceof ReadableStream)) this.#url = parseAddress(String(url));
      const fetch = fetcher === undefined ? (target.fetch as Fetch) : fetcher.fetch.bind(fetcher);
      const stream = url instanceof ReadableStream ? url : openStream(fetch, this.#url ?? "", this.#abort.signal);
      this.#read(stream).catch((error: unknown) => this.#fail(error));
    }

    /** Events of a stream that exists already. */
    static from(stream: ReadableStream<Uint8Array>): EventSource {
      return new EventSource(stream);
    }

    get url(): string | null {
      return this.#url;
    }

    get readyState(): State {
      return this.#state;
    }

    get withCredentials(): boolean {
      return false;
    }

    close(): void {
      this.#state = EventSource.CLOSED;
      this.#abort.abort();
    }

    async #read(opening: ReadableStream<Uint8Array> | Promise<ReadableStream<Uint8Array>>): Promise<void> {
      const stream = opening instanceof ReadableStream ? opening : await opening;
      this.#state = EventSource.OPEN;
      this.dispatchEvent(new Event("open"));
      const origin = this.#url === null ? "" : new URL(this.#url).origin;
      for await (const events of readEvents(stream, origin)) {
        for (const event of events) this.dispatchEvent(event);
        if (this.#abort.signal.aborted) return;
      }
      throw new Error("the stream has ended");
    }

    #fail(error: unknown): void {
      if (this.#state === EventSource.CLOSED) return;
      this.#state = EventSource.CLOSED;
      this.dispatchEvent(new ErrorEvent("error", { error, message: String(error) }));
    }
  }
  nameInstances(EventSource, "EventSource");
  define(target, "EventSource", EventSource);
}

function parseAddress(url: string): string {
  if (URL.canParse(url)) return new URL(url).href;
  throw new DOMException(`Cannot open an EventSource to '${url}'. The URL is invalid.`, "SyntaxError");
}

async function openStream(fetch: Fetch, url: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  const headers = { accept: "text/event-stream", "cache-control": "no-cache" };
  const response = await fetch(url, { headers, signal });
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  if (!response.ok || !isStream || response.body === null) throw new Error("the answer is no event stream");
  return response.body as ReadableStream<Uint8Array>;
}

/** The events of each chunk. */
async function* readEvents(stream: ReadableStream<Uint8Array>, origin: string): AsyncGenerator<MessageEvent[]> {
  let events: MessageEvent[] = [];
  let lastEventId = "";
  const parser = createParser({
    onId: (id) => {
      lastEventId = id;
    },
    onEvent: ({ event = "message", data }) => events.push(new MessageEvent(event, { data, lastEventId, origin })),
  });
  const text = new TextDecoder();
  for await (const chunk of stream) {
    parser.feed(text.decode(chunk, { stream: true }));
    yield events;
    events = [];
  }
}
