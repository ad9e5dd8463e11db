// Cloudflare's D1 on this machine: its REST surface, limits and failures, over real workerd D1 databases.
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { D1Database } from "@cloudflare/workers-types";
import { randomFrom } from "../support/random.ts";
import { Databases, type Usage } from "./databases.ts";
import { drawFault, type FaultName, type Faults, noFaults } from "./faults.ts";
import { type Limits, RateLimit } from "./rate-limit.ts";
import {
  accountUnknown,
  fail,
  headersInvalid,
  internalError,
  limited,
  type Reply,
  routeUnknown,
  scopeMissing,
  unauthenticated,
  unavailable,
} from "./rest.ts";
import { Workerd } from "./workerd.ts";

export interface D1ServerOptions {
  /** 1 by default. */
  seed?: number;
  limits?: Partial<Limits>;
  faults?: Partial<Faults>;
  /** How many databases can be added in this server's life, 32 by default; a removed one is spent. */
  slots?: number;
  port?: number;
  /** Added to every call of D1, as the way to Cloudflare would. */
  latencyMs?: number;
  /** The folder of workerd's own files, a temporary one by default. */
  persist?: string;
  /** Of a server that takes the place of another; with its `persist` it finds the first database as it was. */
  accountId?: string;
  apiToken?: string;
  databaseId?: string;
}

/** What a token may do: `none` lacks D1's scope, `malformed` does not even look like a token to Cloudflare. */
export type Scope = "write" | "none" | "malformed";

export interface RequestRecord {
  at: number;
  method: string;
  path: string;
  /** 0 when the socket was destroyed instead of an answer. */
  status: number;
  fault: FaultName | "outage" | undefined;
  rowsRead: number;
  rowsWritten: number;
  statements: number;
  /** From the request to the end of its answer. */
  ms: number;
}

export interface D1Server {
  /** Ends in /client/v4. */
  baseUrl: string;
  accountId: string;
  apiToken: string;
  databaseId: string;
  databaseName: string;
  tokens: Map<string, Scope>;
  addDatabase(name: string): Promise<string>;
  removeDatabase(id: string): Promise<void>;
  /** Drops everything in it. */
  resetDatabase(id?: string): Promise<void>;
  /** Miniflare's own D1 binding of it: real D1 without HTTP. */
  binding(id?: string): Promise<D1Database>;
  faults: Faults;
  limits: Limits;
  /** Forgets all requests counted against the limit, and a block. */
  resetLimits(): void;
  log: RequestRecord[];
  totals: { requests: number; rowsRead: number; rowsWritten: number; limited: number; connections: number };
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 100_000_000;
const DROP_ALL = `SELECT type, name FROM pragma_table_list WHERE schema = 'main' AND type IN ('view', 'virtual', 'table')
  AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY type DESC`;

export async function startD1Server(options: D1ServerOptions = {}): Promise<D1Server> {
  const workerd = new Workerd(options.slots ?? 32, {
    firstId: options.databaseId ?? randomUUID(),
    persist: options.persist,
  });
  const faults: Faults = { ...noFaults(), ...options.faults };
  const limits: Limits = { max: 1200, windowMs: 300_000, blockMs: 300_000, ...options.limits };
  const databases = new Databases(workerd, faults);
  const { uuid: databaseId, name: databaseName } = databases.add("hidb-test");
  const accountId = options.accountId ?? randomBytes(16).toString("hex");
  const apiToken = options.apiToken ?? `cfut_${randomBytes(20).toString("hex")}`;
  const tokens = new Map<string, Scope>([[apiToken, "write"]]);
  const front = new Front({
    faults,
    limits,
    databases,
    tokens,
    accountId,
    latencyMs: options.latencyMs ?? 0,
    seed: options.seed ?? 1,
  });
  await workerd.start();
  const server = createServer((request, response) => void front.serve(request, response));
  server.keepAliveTimeout = 60_000;
  server.on("connection", () => front.totals.connections++);
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/client/v4`,
    accountId,
    apiToken,
    databaseId,
    databaseName,
    tokens,
    faults,
    limits,
    log: front.log,
    totals: front.totals,
    addDatabase: async (name) => databases.add(name).uuid,
    removeDatabase: async (id) => databases.remove(id),
    resetDatabase: (id = databaseId) => dropEverything(workerd, id),
    binding: (id = databaseId) => workerd.binding(id),
    resetLimits: () => front.resetLimits(),
    close: () => stop(server, front, workerd),
  };
}

async function dropEverything(workerd: Workerd, id: string): Promise<void> {
  const listed = await workerd.run(id, [
    { sql: DROP_ALL },
    { sql: "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'" },
  ]);
  if (listed.kind === "error") throw new Error(listed.text);
  const [things, sequence] = listed.results;
  const drops = (things?.results.rows ?? []).map(([type, name]) => ({
    sql: `DROP ${type === "view" ? "VIEW" : "TABLE"} "${String(name).replaceAll('"', '""')}"`,
  }));
  if ((sequence?.results.rows.length ?? 0) > 0) drops.push({ sql: "DELETE FROM sqlite_sequence" });
  if (drops.length === 0) return;
  const dropped = await workerd.run(id, [{ sql: "PRAGMA defer_foreign_keys = on" }, ...drops]);
  if (dropped.kind === "error") throw new Error(dropped.text);
}

async function stop(server: Server, front: Front, workerd: Workerd): Promise<void> {
  front.closing.abort();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await front.settled();
  await workerd.stop();
}

interface FrontParts {
  faults: Faults;
  limits: Limits;
  databases: Databases;
  tokens: Map<string, Scope>;
  accountId: string;
  latencyMs: number;
  seed: number;
}

/** One request at the door: its body, its fault, its answer, its record. */
class Front {
  readonly log: RequestRecord[] = [];
  readonly totals = { requests: 0, rowsRead: 0, rowsWritten: 0, limited: 0, connections: 0 };
  readonly closing = new AbortController();
  readonly #parts: FrontParts;
  readonly #rate: RateLimit;
  readonly #random: () => number;
  readonly #running = new Set<Promise<void>>();

  constructor(parts: FrontParts) {
    this.#parts = parts;
    this.#rate = new RateLimit(parts.limits);
    this.#random = randomFrom(parts.seed);
  }

  serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const served = this.#serve(request, response)
      .catch(() => void request.socket.destroy())
      .finally(() => this.#running.delete(served));
    this.#running.add(served);
    return served;
  }

  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  resetLimits(): void {
    this.#rate.reset();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = Date.now();
    const usage: Usage = { rowsRead: 0, rowsWritten: 0, statements: 0 };
    const record = {
      at: started,
      method: request.method ?? "",
      path: request.url ?? "",
      status: 0,
      fault: undefined,
      ms: 0,
    };
    const entry: RequestRecord = { ...record, rowsRead: 0, rowsWritten: 0, statements: 0 };
    this.log.push(entry);
    this.totals.requests++;
    try {
      if (this.#parts.faults.outage) {
        entry.fault = "outage";
        request.socket.destroy();
        return;
      }
      const body = await readBody(request);
      const reply =
        body === undefined ? fail(413, 7400, "Request too large") : await this.#reply(request, body, entry, usage);
      if (reply !== undefined) await this.#write(request, response, reply, entry);
    } finally {
      entry.ms = Date.now() - started;
      Object.assign(entry, usage);
      this.totals.rowsRead += usage.rowsRead;
      this.totals.rowsWritten += usage.rowsWritten;
      if (entry.status === 429) this.totals.limited++;
    }
  }

  /** Undefined when the socket has been destroyed instead. */
  async #reply(request: IncomingMessage, body: string, entry: RequestRecord, usage: Usage): Promise<Reply | undefined> {
    const { faults } = this.#parts;
    const url = new URL(request.url ?? "/", `http://${request.headers.host}`);
    const apply = () => this.#route(request, url, body, usage);
    if (!url.pathname.startsWith("/client/v4/")) return apply();
    const retryAfterS = this.#rate.count(Date.now());
    if (retryAfterS !== undefined) return limited(retryAfterS);
    const fault = drawFault(faults, this.#random, body);
    entry.fault = fault;
    switch (fault) {
      case "dropBefore":
        return void request.socket.destroy();
      case "dropAfter":
        await apply();
        return void request.socket.destroy();
      case "error500":
        if (this.#random() < 0.5) await apply();
        return internalError();
      case "connectionLost":
        if (this.#random() < 0.5) await apply();
        return fail(500, 7500, "Network connection lost.");
      case "overloaded":
        return fail(500, 7500, "D1 DB is overloaded. Requests queued for too long.");
      case "error503":
        return unavailable();
      case "spurious7403":
        return accountUnknown();
      case "limit429":
        return limited(faults.retryAfterS);
      case "stall":
        return this.#stall(apply);
      case "truncate":
      case undefined:
        return apply();
      default:
        return fault satisfies never;
    }
  }

  async #stall(apply: () => Promise<Reply>): Promise<Reply> {
    const [min, max] = this.#parts.faults.stallMs;
    const ms = min + this.#random() * (max - min);
    const early = this.#random() < 0.5 ? await apply() : undefined;
    await delay(ms, undefined, { signal: this.closing.signal });
    return early ?? apply();
  }

  async #route(request: IncomingMessage, url: URL, body: string, usage: Usage): Promise<Reply> {
    const { databases, accountId, tokens, latencyMs } = this.#parts;
    const method = request.method ?? "GET";
    const segments = url.pathname
      .split("/")
      .filter((part) => part !== "")
      .map(decodeURIComponent);
    if (segments[0] === "signed") return databases.file(segments[1] ?? "", method, body);
    const [, , accounts, account, d1, kind, ...path] = segments;
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1];
    const scope = tokens.get(token ?? "");
    if (scope === "malformed") return headersInvalid();
    if (scope === undefined) return unauthenticated();
    if (accounts !== "accounts" || d1 !== "d1" || kind !== "database") return routeUnknown(url.pathname);
    if (account !== accountId) return accountUnknown();
    if (scope === "none") return scopeMissing();
    if (latencyMs > 0) await delay(latencyMs, undefined, { signal: this.closing.signal });
    return databases.answer({ method, path, search: url.searchParams, body, origin: url.origin, usage });
  }

  async #write(request: IncomingMessage, response: ServerResponse, reply: Reply, entry: RequestRecord): Promise<void> {
    if (response.destroyed) return;
    const isGzip = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? "")) && reply.body.length > 1000;
    const full = isGzip ? gzipSync(reply.body, { level: 1 }) : Buffer.from(reply.body);
    const isCut = entry.fault === "truncate";
    // Cut short either as if it were whole, or with the connection lost on the way.
    const isLost = isCut && this.#random() < 0.5;
    const bytes = isCut ? full.subarray(0, Math.floor(full.length / 2)) : full;
    response.writeHead(reply.status, {
      "content-type": reply.type ?? "application/json",
      "content-length": isLost ? full.length : bytes.length,
      ...(isGzip && { "content-encoding": "gzip" }),
      ...this.#rate.headers(Date.now()),
      ...reply.headers,
    });
    entry.status = reply.status;
    if (isLost) response.write(bytes, () => request.socket.destroy());
    else response.end(bytes);
  }
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
