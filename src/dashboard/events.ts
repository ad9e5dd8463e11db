// The event stream: sends the overview at most once a second, and only when something has changed.
import type { Overview } from "../report/overview.js";
import type { Millis } from "../video.js";
import { ApiRefusal } from "./refusal.js";
import type { View } from "./view.js";

const CLIENTS = 100;
const EVERY_MS: Millis = 1000;
const COMMENT_MS: Millis = 15_000;
/** Who takes nothing for so long has gone without a word. */
const STUCK_MS: Millis = 60_000;
const BUFFER_BYTES = 262_144;
/** Browsers come back by themselves, to this instance or another. */
const COME_BACK = "retry: 2000\n\n";

interface Client {
  controller: ReadableStreamDefaultController<Uint8Array>;
  /** Since when it has taken nothing. */
  stuckSince: Millis | undefined;
  /** Which news it has had last. */
  heard: number;
}

export class Events {
  readonly #view: View;
  readonly #clients = new Set<Client>();
  #timer: NodeJS.Timeout | undefined;
  #shown = "";
  #news: Uint8Array | undefined;
  #number = 0;
  #commentAt: Millis = 0;
  #closed = false;

  constructor(view: View) {
    this.#view = view;
  }

  connect(): Response {
    if (this.#closed || this.#clients.size >= CLIENTS) throw full(this.#closed);
    let client: Client | undefined;
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          client = { controller, stuckSince: undefined, heard: -1 };
          this.#clients.add(client);
          controller.enqueue(encode(COME_BACK));
          if (this.#news !== undefined) this.#tell(client, this.#news);
        },
        cancel: () => this.#forget(client),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: BUFFER_BYTES }),
    );
    this.#start();
    return new Response(stream, {
      headers: {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      },
    });
  }

  close(): void {
    this.#closed = true;
    for (const client of this.#clients) this.#drop(client);
  }

  /** Nothing runs while nobody looks. */
  #start(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#beat(), this.#news === undefined ? 0 : EVERY_MS).unref();
  }

  async #beat(): Promise<void> {
    try {
      this.#note(await this.#view.overview());
    } catch {
      // The database is not there for now: the comment lines keep the clients.
    }
    const now = this.#view.pool.clock.monotonic();
    for (const client of this.#clients) this.#serve(client, now);
    if (now - this.#commentAt >= COMMENT_MS) this.#comment(now);
    this.#timer = undefined;
    if (this.#clients.size > 0) this.#start();
    // Who comes next shall not be shown what was true then.
    else this.#news = undefined;
  }

  #note(overview: Overview): void {
    const shown = JSON.stringify(steady(overview));
    if (shown === this.#shown && this.#news !== undefined) return;
    this.#shown = shown;
    this.#number++;
    this.#news = encode(`event: overview\nid: ${this.#number}\ndata: ${JSON.stringify(overview)}\n\n`);
  }

  #serve(client: Client, now: Millis): void {
    if ((client.controller.desiredSize ?? 0) > 0) {
      client.stuckSince = undefined;
      if (this.#news !== undefined && client.heard !== this.#number) this.#tell(client, this.#news);
      return;
    }
    // Slow: it is told the newest once it has taken what it was told before.
    client.stuckSince ??= now;
    if (now - client.stuckSince >= STUCK_MS) this.#drop(client);
  }

  #tell(client: Client, news: Uint8Array): void {
    client.heard = this.#number;
    client.controller.enqueue(news);
  }

  #comment(now: Millis): void {
    this.#commentAt = now;
    const line = encode(": still here\n\n");
    for (const { controller } of this.#clients) if ((controller.desiredSize ?? 0) > 0) controller.enqueue(line);
  }

  #drop(client: Client): void {
    this.#clients.delete(client);
    client.controller.close();
  }

  #forget(client: Client | undefined): void {
    if (client !== undefined) this.#clients.delete(client);
  }
}

const MB = 1048576;

/** Without what changes with every heartbeat and tells nobody anything. */
function steady(overview: Overview): unknown {
  const { at: _, countedAt: _counted, memory, instances, ...rest } = overview;
  const lives = instances.map(({ leaseUntil: _lease, rssBytes, ...life }) => ({
    ...life,
    rss: Math.round(rssBytes / MB),
  }));
  return { ...rest, lives, used: Math.round(memory.usedBytes / MB), budget: memory.budgetBytes };
}

function encode(text: string): Uint8Array {
  return Buffer.from(text);
}

function full(closed: boolean): ApiRefusal {
  return new ApiRefusal({
    status: 503,
    code: closed ? "DRAINING" : "TOO_MANY_CLIENTS",
    message: closed ? "expected this instance to stay, but it drains" : `expected at most ${CLIENTS} event streams`,
    fix: "try again in some seconds: another instance will answer",
    headers: { "retry-after": "5" },
  });
}
