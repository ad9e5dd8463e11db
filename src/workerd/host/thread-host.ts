// A Worker in a thread of its own. Whatever it does there - spins, hangs, allocates, exits - ends the thread at most; the
// open events hear why, and the next event starts a new thread.

import { HidbError } from "../../errors.js";
import { ThreadEnded } from "./ended.js";
import type { Host, HostOptions, RunOptions } from "./host.js";
import type { Event, EventAnswer, Running } from "./protocol.js";
import { WorkerThread } from "./worker-thread.js";

export async function openThreadHost(options: HostOptions): Promise<Host> {
  const host = new ThreadHost(options);
  await host.start();
  return host;
}

class ThreadHost implements Host {
  readonly #options: HostOptions;
  /** Those that still have events to end, besides the one that takes new ones. */
  readonly #threads = new Set<WorkerThread>();
  #current: WorkerThread | undefined;
  #closed = false;
  handlers: readonly string[] = [];

  constructor(options: HostOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    try {
      this.handlers = await this.#thread().ready;
    } catch (error) {
      if (!(error instanceof ThreadEnded)) throw error;
      throw new HidbError({
        code: "WORKER_BROKEN",
        message: `expected the Worker to load, but ${error.message}`,
        fix: "correct what its modules do at their top level, and try it with `npx wrangler dev`",
        cause: error,
      });
    }
  }

  run<E extends Event>(event: E, signal?: AbortSignal, { alone }: RunOptions = {}): Running<EventAnswer<E["kind"]>> {
    if (!alone) return this.#thread().run(event, signal);
    const thread = this.#open();
    const running = thread.run(event, signal);
    thread.retire();
    return running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#threads].map((thread) => thread.end("closed", "its host was closed")));
  }

  #thread(): WorkerThread {
    if (!this.#current?.takesEvents) this.#current = this.#open();
    return this.#current;
  }

  #open(): WorkerThread {
    if (this.#closed) throw new ThreadEnded("closed", "expected a Worker that is open, got one that was closed");
    const thread = new WorkerThread(this.#options);
    this.#threads.add(thread);
    void thread.gone.then(() => this.#threads.delete(thread));
    return thread;
  }
}
