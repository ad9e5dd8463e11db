import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { type Served, serve } from "./served.js";

/** What a client of the stream has heard so far. */
class Listener {
  text = "";
  ended = false;
  status = 0;
  readonly #over = new AbortController();

  static async open({ url }: Served): Promise<Listener> {
    const listener = new Listener();
    const response = await fetch(`${url}/api/v1/events`, { signal: listener.#over.signal });
    listener.status = response.status;
    void listener.#read(response);
    return listener;
  }

  get overviews(): { counts: { completed: number } }[] {
    return [...this.text.matchAll(/^event: overview\nid: \d+\ndata: (.*)$/gm)].map(([, data]) =>
      JSON.parse(data ?? ""),
    );
  }

  leave(): void {
    this.#over.abort();
  }

  async #read(response: Response): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const part of response.body ?? []) this.text += decoder.decode(part, { stream: true });
    } catch {
      // It left by itself.
    }
    this.ended = true;
  }
}

const complete = ({ rows }: Served, id: number) =>
  rows(`UPDATE hidb_videos SET state = 'completed', attempt = 1, finished_at = 1 WHERE video_id = ${id}`);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("the event stream", () => {
  it("begins with the pool as it is, then tells what changes, once a second, and nothing while nothing does", async () => {
    const served = await serve({ videos: 5 });
    const listener = await Listener.open(served);
    await expect.poll(() => listener.overviews.length).toBe(1);
    expect(listener.text).toMatch(/^retry: 2000\n\n/);
    await pause(2500);
    expect(listener.overviews).toHaveLength(1);
    await Promise.all([1, 2, 3].map((id) => complete(served, id)));
    await expect.poll(() => listener.overviews.at(-1)?.counts.completed).toBe(3);
    expect(listener.overviews.length).toBeLessThanOrEqual(3);
    listener.leave();
  });

  it("costs fifty clients what it costs one", async () => {
    const served = await serve({ videos: 5 });
    let statements = 0;
    const prepare = served.database.prepare.bind(served.database);
    served.pool.database.prepare = (sql: string) => {
      statements++;
      return prepare(sql);
    };
    const first = await Listener.open(served);
    await expect.poll(() => first.overviews.length).toBe(1);
    const once = statements;
    const others = await Promise.all(Array.from({ length: 49 }, () => Listener.open(served)));
    await complete(served, 1);
    await expect.poll(() => others.every(({ overviews }) => overviews.at(-1)?.counts.completed === 1)).toBe(true);
    // Each second costs one look, and a busy machine needs some of them; 49 looks more than that would be one a client.
    expect(statements).toBeLessThan(25 * once);
    for (const listener of [first, ...others]) listener.leave();
  });

  it("takes a hundred clients and sends others away to come again", async () => {
    const served = await serve();
    const listeners = await Promise.all(Array.from({ length: 100 }, () => Listener.open(served)));
    expect(listeners.every(({ status }) => status === 200)).toBe(true);
    const { status, headers, body } = await served.ask("/api/v1/events");
    expect([status, headers.get("retry-after"), body.error.code]).toEqual([503, "5", "TOO_MANY_CLIENTS"]);
    listeners[0]?.leave();
    await expect
      .poll(async () => {
        const next = await Listener.open(served);
        next.leave();
        return next.status;
      })
      .toBe(200);
    for (const listener of listeners) listener.leave();
  });

  it("does not gather news for a client that takes none", async () => {
    const served = await serve({ videos: 2000 });
    // So that each news is long: the reasons of failures are told whole.
    await served.rows(
      "UPDATE hidb_videos SET state = 'failed', attempt = 1, finished_at = 1, error = hex(zeroblob(40000)) || video_id WHERE video_id <= 5",
    );
    const socket = connect(served.pool.config.port, "127.0.0.1");
    socket.write("GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    socket.pause();
    const listener = await Listener.open(served);
    const before = process.memoryUsage().external;
    for (let id = 10; id < 15; id++) {
      await complete(served, id);
      const wanted = id - 9;
      await expect.poll(() => listener.overviews.at(-1)?.counts.completed).toBe(wanted);
    }
    expect(process.memoryUsage().external - before).toBeLessThan(20_000_000);
    socket.destroy();
    listener.leave();
  });

  it("ends when its instance drains, and browsers come back to another one", async () => {
    const served = await serve({ videos: 1 });
    const listener = await Listener.open(served);
    await expect.poll(() => listener.overviews.length).toBe(1);
    served.dashboard.leave();
    await expect.poll(() => listener.ended).toBe(true);
    const own = await fetch(`${served.ownUrl}/api/v1/events`);
    expect(own.status).toBe(503);
  });
});
