// Where an instance can be reached: on the port of the pool, and on one of its own (the original design's option 1). What
// answers is loaded with the first request, so that an instance nobody looks at pays for two sockets.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { HidbError, messageOf } from "../errors.js";
import type { Millis } from "../video.js";
import type { App } from "./app.js";
import { Health } from "./health.js";
import { Listener } from "./listener.js";
import type { Door, ServedPool } from "./served-pool.js";
import { ensureToken } from "./token.js";

const CLOSE_GRACE_MS: Millis = 2000;
const HIGHEST_PORT = 65_535;

export class Dashboard {
  readonly #pool: ServedPool;
  readonly #health: Health;
  readonly #doors = new Map<Door, Listener>();
  #app: Promise<App> | undefined;
  #leaving: Promise<void> | undefined;

  /** Once the instance is registered; without a port (HIDB_PORT=0) nothing listens. */
  constructor(pool: ServedPool) {
    this.#pool = pool;
    this.#health = new Health(pool);
    const { port } = pool.config;
    if (port === 0) return;
    this.#prepareToken();
    this.#open("shared", port);
    this.#open("own", port + 1 + pool.instance.processId);
  }

  /** The ports that could be had. */
  get ports(): Partial<Record<Door, number>> {
    return Object.fromEntries([...this.#doors].map(([door, { port }]) => [door, port]));
  }

  /** The instance drains: pages go to another one, while its own port tells how it stands until it is gone. */
  leave(): void {
    this.#health.noteDrain();
    this.#leaving ??= this.#endShared();
  }

  async close(): Promise<void> {
    this.leave();
    await Promise.all([this.#leaving, this.#doors.get("own")?.close(CLOSE_GRACE_MS)]);
  }

  async #endShared(): Promise<void> {
    const closing = this.#doors.get("shared")?.close(CLOSE_GRACE_MS);
    (await this.#app?.catch(() => undefined))?.close();
    await closing;
  }

  #open(door: Door, port: number): void {
    const { config, clock, report } = this.#pool;
    const onTaken = (why: string) => report({ type: "port.taken", port, why });
    if (port > HIGHEST_PORT) {
      onTaken("there is no such port");
      return;
    }
    const onRequest: RequestListener = (request, response) => this.#answer(door, request, response);
    this.#doors.set(door, new Listener({ port, host: config.host, clock, onRequest, onTaken }));
  }

  #answer(door: Door, request: IncomingMessage, response: ServerResponse): void {
    if (this.#health.answer(request, response)) return;
    this.#app ??= import("./app.js").then(({ createApp }) => createApp(this.#pool));
    this.#app.then(
      (app) => app.listener(door)(request, response),
      (error: unknown) => {
        console.error(`hidb: expected the page to load, got ${messageOf(error)}; videos are processed all the same`);
        response.writeHead(500).end();
      },
    );
  }

  #prepareToken(): void {
    try {
      const { file, isNew } = ensureToken(this.#pool.config);
      // Where it is, not what: standard output goes to PM2's log.
      if (isNew) console.log(`hidb: changes through the page need the token in ${file}`);
    } catch (error) {
      const fix = error instanceof HidbError ? `. Fix: ${error.fix}` : "";
      console.error(`hidb: ${messageOf(error)}${fix}; until then the page can only be read`);
    }
  }
}
