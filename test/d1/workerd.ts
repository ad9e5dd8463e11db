// The real thing below the test server: workerd's own D1 databases in one miniflare, reached without Cloudflare's API.
import { randomUUID } from "node:crypto";
import { Agent, request } from "node:http";
import type { D1Database } from "@cloudflare/workers-types";
import { Miniflare } from "miniflare";

export interface Query {
  sql: string;
  params?: (number | string | null | number[])[] | null;
}

export interface Rows {
  columns: string[];
  rows: unknown[][];
}

export interface QueryResult {
  success: true;
  results: Rows;
  meta: { rows_read: number; rows_written: number } & Record<string, unknown>;
}

export type Answer =
  | { kind: "results"; results: QueryResult[] }
  /** `isInternal` tells what D1 itself could not explain, and answers with 500 to. */
  | { kind: "error"; text: string; isInternal: boolean };

/** Hands a request on to the D1 object behind a binding, in the form the binding itself uses. */
const WORKER = `
export default {
  async fetch(request, env) {
    const slot = new URL(request.url).pathname.slice(1);
    const body = await request.text();
    try {
      return await env[slot].fetcher.fetch("http://d1/query?resultsFormat=ROWS_AND_COLUMNS", { method: "POST", body });
    } catch (error) {
      return Response.json({ success: false, isInternal: true, error: error.message });
    }
  },
};`;
const EXPORT = "PRAGMA miniflare_d1_export(?,?,?);";

/** A fixed number of databases is made at once, since a new one would restart workerd under all the others. */
export class Workerd {
  readonly #miniflare: Miniflare;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #free: string[];
  readonly #slotOf = new Map<string, string>();
  readonly #idOf: Record<string, string>;
  /** A D1 database runs its queries one at a time. */
  readonly #busy = new Map<string, Promise<unknown>>();
  #url = new URL("http://127.0.0.1");

  constructor(slots: number, { firstId, persist }: { firstId: string; persist: string | undefined }) {
    this.#idOf = Object.fromEntries(
      Array.from({ length: slots }, (_, at) => [`DB${at}`, at === 0 ? firstId : randomUUID()]),
    );
    this.#free = Object.keys(this.#idOf).reverse();
    this.#miniflare = new Miniflare({
      modules: true,
      script: WORKER,
      compatibilityDate: "2026-07-30",
      d1Databases: this.#idOf,
      ...(persist !== undefined && { d1Persist: persist }),
    });
  }

  async start(): Promise<void> {
    this.#url = await this.#miniflare.ready;
  }

  /** The id of a new empty database. */
  take(): string {
    const slot = this.#free.pop();
    const id = this.#idOf[slot ?? ""];
    if (slot === undefined || id === undefined) throw new Error("no database left: start the server with more `slots`");
    this.#slotOf.set(id, slot);
    return id;
  }

  forget(id: string): void {
    this.#slotOf.delete(id);
  }

  has(id: string): boolean {
    return this.#slotOf.has(id);
  }

  async binding(id: string): Promise<D1Database> {
    return (await this.#miniflare.getD1Database(this.#slot(id))) as unknown as D1Database;
  }

  /** All queries in one transaction. */
  async run(id: string, queries: Query[]): Promise<Answer> {
    const answer = (await this.#send(id, queries)) as QueryResult[] | { error: string; isInternal?: boolean };
    if (Array.isArray(answer)) return { kind: "results", results: answer };
    const isInternal = answer.isInternal === true || answer.error.startsWith("internal error");
    return { kind: "error", text: answer.error, isInternal };
  }

  /** The lines of a dump, as `wrangler d1 export` writes them. */
  async dump(id: string, options: { noSchema: boolean; noData: boolean; tables: string[] }): Promise<string[]> {
    const params = [Number(options.noSchema), Number(options.noData), ...options.tables];
    const answer = (await this.#send(id, [{ sql: EXPORT, params }])) as { results?: [string[]]; error?: string };
    if (answer.results === undefined) throw new Error(answer.error ?? "no dump");
    return answer.results[0];
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    await this.#miniflare.dispose();
  }

  async #send(id: string, queries: Query[]): Promise<unknown> {
    const slot = this.#slot(id);
    const before = this.#busy.get(slot);
    const answer = (before ?? Promise.resolve()).then(() => this.#post(slot, JSON.stringify(queries)));
    this.#busy.set(
      slot,
      answer.catch(() => undefined),
    );
    return JSON.parse(await answer);
  }

  #post(slot: string, body: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const outgoing = request(new URL(slot, this.#url), { method: "POST", agent: this.#agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve(Buffer.concat(chunks).toString()));
      response.on("error", reject);
    });
    outgoing.on("error", reject);
    outgoing.end(body);
    return promise;
  }

  #slot(id: string): string {
    const slot = this.#slotOf.get(id);
    if (slot === undefined) throw new Error(`no database ${id}`);
    return slot;
  }
}
