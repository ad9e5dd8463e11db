// A D1 that is a SQLite database in memory behind Cloudflare's REST, for as long as nobody asks it to answer otherwise.
import { strict as assert } from "node:assert";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import BetterSqlite3 from "better-sqlite3";
import type { Chance } from "../random.ts";
import type { Exchange, Mutation } from "./answer.ts";

export interface Turn {
  mutation: Mutation;
  /** Whether D1 has seen the request before its answer broke. */
  isApplied: boolean;
  chance: Chance;
}

interface Sent {
  sql: string;
  params?: unknown[];
}

export class MutatedD1 {
  readonly database = new BetterSqlite3(":memory:");
  /** How the next requests are answered; then truthfully. */
  turns: Turn[] = [];
  requests = 0;
  /** Requests at the host where redirects lead; none may ever come. */
  strayed = 0;
  readonly #server: Server;
  readonly #elsewhere: Server;

  private constructor() {
    this.database.exec("CREATE TABLE writes (nonce TEXT)");
    this.#server = createServer(
      (request, response) => void this.#serve(request, response).catch(() => request.socket.destroy()),
    );
    this.#elsewhere = createServer((_, response) => {
      this.strayed++;
      response.end();
    });
  }

  static async start(): Promise<MutatedD1> {
    const started = new MutatedD1();
    for (const server of [started.#server, started.#elsewhere]) {
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
    }
    return started;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/client/v4`;
  }

  /** How often the write of this name was applied. */
  applied(nonce: string): number {
    return (
      this.database.prepare<[string], { n: number }>("SELECT count(*) AS n FROM writes WHERE nonce = ?").get(nonce)
        ?.n ?? 0
    );
  }

  close(): void {
    for (const server of [this.#server, this.#elsewhere]) {
      server.closeAllConnections();
      server.close();
    }
    this.database.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++;
    assert.match(request.headers.authorization ?? "", /^Bearer \S+$/);
    const body = JSON.parse(await text(request)) as Sent | { batch: Sent[] };
    const turn = this.turns.shift();
    const queries = "batch" in body ? body.batch : [body];
    const truth = this.#run(queries, turn?.isApplied ?? true);
    if (turn === undefined) {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(truth));
      return;
    }
    const { port } = this.#elsewhere.address() as AddressInfo;
    await turn.mutation.answer(
      { request, response, truth, elsewhere: `http://127.0.0.1:${port}/client/v4` },
      turn.chance,
    );
  }

  #run(queries: Sent[], isApplied: boolean): Exchange["truth"] {
    const all = this.database.transaction(() => queries.map((query) => this.#query(query, isApplied)));
    return { result: all(), success: true, errors: [], messages: [] };
  }

  #query({ sql, params = [] }: Sent, isApplied: boolean) {
    const statement = this.database.prepare(sql);
    const meta = {
      changes: 0,
      rows_read: 1,
      rows_written: 0,
      duration: 0.1,
      last_row_id: 1,
      changed_db: false,
      size_after: 4096,
    };
    if (statement.reader) {
      const rows = statement.raw().all(...params) as unknown[][];
      return { results: { columns: statement.columns().map(({ name }) => name), rows }, success: true, meta };
    }
    if (isApplied) statement.run(...params);
    return {
      results: { columns: [], rows: [] },
      success: true,
      meta: { ...meta, changes: 1, rows_written: 1, changed_db: true },
    };
  }
}
