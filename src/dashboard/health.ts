// /healthz and /readyz, answered without loading anything: they are asked by machines, every few seconds, for ever.
import type { IncomingMessage, ServerResponse } from "node:http";
import { codeOf } from "../errors.js";
import type { Millis } from "../video.js";
import { pageMs, type ServedPool } from "./served-pool.js";
import * as sql from "./statements.js";

/** Longer than a lock of SQLite is waited for would be too long for whoever asks. */
const PATIENCE_MS: Millis = 3000;
const FRESH_MS: Millis = 1000;

interface Probe {
  at: Millis;
  trouble: Promise<string | undefined>;
}

export class Health {
  readonly #pool: ServedPool;
  #draining = false;
  #probe: Probe | undefined;

  constructor(pool: ServedPool) {
    this.#pool = pool;
  }

  noteDrain(): void {
    this.#draining = true;
  }

  /** False when the request is for something else. */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const path = request.url?.split("?", 1)[0];
    if (path !== "/healthz" && path !== "/readyz") return false;
    if (request.method !== "GET" && request.method !== "HEAD") return false;
    if (path === "/healthz") this.#say(response, undefined);
    else this.#findTrouble().then((trouble) => this.#say(response, trouble));
    return true;
  }

  async #findTrouble(): Promise<string | undefined> {
    if (this.#draining) return "draining";
    const { clock } = this.#pool;
    const freshMs = pageMs(this.#pool, FRESH_MS);
    if (this.#probe === undefined || clock.monotonic() - this.#probe.at >= freshMs) {
      this.#probe = { at: clock.monotonic(), trouble: this.#askDatabase() };
    }
    return this.#probe.trouble;
  }

  async #askDatabase(): Promise<string | undefined> {
    const { clock, database } = this.#pool;
    const over = new AbortController();
    const asking = database
      .prepare(sql.PROBE)
      .first()
      .then(
        () => undefined,
        // The code alone: a message might name what is nobody's business.
        (error: unknown) => `the database does not answer (${codeOf(error) || "ERROR"})`,
      );
    const waiting = clock.sleep(PATIENCE_MS, over.signal).then(() => "the database does not answer in time");
    const trouble = await Promise.race([asking, waiting]);
    over.abort();
    return trouble;
  }

  #say(response: ServerResponse, trouble: string | undefined): void {
    const { instance, rank } = this.#pool;
    const status = trouble ?? "ok";
    const body = JSON.stringify({ status, instance: instance.id, processId: instance.processId, rank: rank() });
    response.writeHead(trouble === undefined ? 200 : 503, {
      "content-type": "application/json",
      "cache-control": "no-store",
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-resource-policy": "same-origin",
      "content-length": Buffer.byteLength(body),
    });
    response.end(response.req.method === "HEAD" ? undefined : body);
  }
}
