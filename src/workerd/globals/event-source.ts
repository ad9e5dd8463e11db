// `EventSource`: server-sent events, read over fetch.
import { currentInvocation } from "../invocation.js";
import { define, type Realm, type Target } from "../realm.js";
import { ErrorEvent } from "./events.js";
import { WorkerEventTarget } from "./listeners.js";
import { nameInstances, wrongConstructorType } from "./refusals.js";
import { type SseMessage, SseParser } from "./sse.js";

const OUTSIDE = "An EventSource can only be created within the context of a worker request.";

type State = 0 | 1 | 2;
type Fetch = (url: string, init: object) => Promise<Response>;

export function installEventSource(target: Target, _realm: Realm): void {
  class EventSource extends WorkerEventTarget {
    static readonly CONNECTING = 0;
    static readonly OPEN = 1;
    static readonly CLOSED = 2;
    onopen: ((event: Event) => unknown) | null = null;
    onmessage: ((event: Event) => unknown) | null = null;
    onerror: ((event: Event) => unknown) | null = null;
    #url: string | null = null;
    #state: State = EventSource.CONNECTING;
    readonly #abort = new AbortController();

    constructor(url: unknown, init: { fetcher?: { fetch: Fetch } } = {}) {
      super();
      if (currentInvocation() === undefined) throw new DOMException(OUTSIDE, "NotSupportedError");
      if (url === undefined) throw wrongConstructorType("EventSource", 1, "string");
      if (!(url instanceof ReadableStream)) {
        if (!URL.canParse(String(url)))
          throw new DOMException(`Cannot open an EventSource to '${url}'. The URL is invalid.`, "SyntaxError");
        this.#url = new URL(String(url)).href;
      }
      const open = init.fetcher === undefined ? (target.fetch as Fetch) : init.fetcher.fetch.bind(init.fetcher);
      const work = url instanceof ReadableStream ? this.#read(url) : this.#connect(open, this.#url ?? "");
      work.catch((error: unknown) => this.#fail(error));
    }

    /** Events out of a stream that is there already. */
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

    async #connect(open: Fetch, url: string): Promise<void> {
      const headers = { accept: "text/event-stream", "cache-control": "no-cache" };
      const response = await open(url, { headers, signal: this.#abort.signal });
      const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
      if (!response.ok || !isStream || response.body === null) throw new Error(`the answer is no event stream`);
      await this.#read(response.body as ReadableStream<Uint8Array>);
    }

    async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
      this.#state = EventSource.OPEN;
      this.#emit(new Event("open"));
      const parser = new SseParser();
      const text = new TextDecoder();
      for await (const chunk of stream) {
        for (const message of parser.push(text.decode(chunk, { stream: true }))) this.#tell(message);
        if (this.#isClosed()) return;
      }
      throw new Error("the stream has ended");
    }

    #tell({ type, data, id }: SseMessage): void {
      const event = new MessageEvent(type, { data, lastEventId: id, origin: originOf(this.#url) });
      this.#emit(event);
    }

    #fail(error: unknown): void {
      if (this.#state === EventSource.CLOSED) return;
      this.#state = EventSource.CLOSED;
      this.#emit(new ErrorEvent("error", { error, message: String(error) }));
    }

    #isClosed(): boolean {
      return this.#state === EventSource.CLOSED;
    }

    #emit(event: Event): void {
      this.dispatchEvent(event);
    }
  }
  nameInstances(EventSource, "EventSource");
  define(target, "EventSource", EventSource);
}

function originOf(url: string | null): string {
  return url === null ? "" : new URL(url).origin;
}
