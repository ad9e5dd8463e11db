// What Cloudflare's REST API can be asked about the databases of one account, on top of real D1.
import { createHash, randomUUID } from "node:crypto";
import type { Faults } from "./faults.ts";
import {
  databaseUnknown,
  internalError,
  malformed,
  quotaSpent,
  type Reply,
  routeUnknown,
  sqlFailed,
  succeed,
} from "./rest.ts";
import { isWrite, splitStatements } from "./split.ts";
import type { Query, QueryResult, Workerd } from "./workerd.ts";

export interface Usage {
  rowsRead: number;
  rowsWritten: number;
  statements: number;
}

interface Listed {
  uuid: string;
  name: string;
  version: "production";
  created_at: string;
}

interface Call {
  method: string;
  /** Below `/accounts/{id}/d1/database`. */
  path: string[];
  search: URLSearchParams;
  body: string;
  origin: string;
  usage: Usage;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const PARAMETER = /\?|(?<![\w$])[:@$]\w/;
const MIXED_PARAMETERS =
  "When executing multiple SQL statements in a single call, only the last statement can have parameters.";

export class Databases {
  readonly #workerd: Workerd;
  readonly #faults: Faults;
  readonly #listed = new Map<string, Listed>();
  /** Dumps and uploads that are reached by an address of their own, without a token. */
  readonly #files = new Map<string, { text: string; databaseId?: string }>();

  constructor(workerd: Workerd, faults: Faults) {
    this.#workerd = workerd;
    this.#faults = faults;
  }

  add(name: string): Listed {
    const listed = {
      uuid: this.#workerd.take(),
      name,
      version: "production",
      created_at: new Date().toISOString(),
    } as const;
    this.#listed.set(listed.uuid, listed);
    return listed;
  }

  remove(id: string): void {
    this.#listed.delete(id);
    this.#workerd.forget(id);
  }

  answer(call: Call): Promise<Reply> | Reply {
    const [id, verb, ...rest] = call.path;
    const route = `${call.method} ${id === undefined ? "" : "id"}${verb === undefined ? "" : `/${verb}`}`;
    if (rest.length > 0 && verb !== "time_travel") return routeUnknown(call.path.join("/"));
    if (id === undefined) {
      if (route === "GET ") return this.#list(call.search);
      if (route === "POST ") return this.#create(call.body);
      return routeUnknown("");
    }
    const named = [...this.#listed.values()].find((listed) => listed.uuid === id || listed.name === id);
    if (route === "GET id")
      return named === undefined ? databaseUnknown(id) : succeed({ ...named, num_tables: 0, file_size: 0 });
    if (route === "DELETE id") {
      if (named === undefined) return databaseUnknown(id);
      this.remove(named.uuid);
      return succeed(null);
    }
    if (!["query", "raw", "export", "import"].includes(verb ?? "") || call.method !== "POST")
      return routeUnknown(call.path.join("/"));
    if (!UUID.test(id)) return malformed("databaseId", "Invalid uuid");
    if (!this.#listed.has(id)) return databaseUnknown(id);
    const body = parse(call.body);
    if (body === undefined) return malformed("body", "Invalid JSON");
    if (verb === "export") return this.#export(id, body, call.origin);
    if (verb === "import") return this.#import(id, body, call);
    return this.#query(id, body, verb === "raw", call.usage);
  }

  /** Without a token: the dump of an export, or the place to put the file of an import. */
  file(name: string, method: string, body: string): Reply {
    const file = this.#files.get(name);
    if (file === undefined) return { status: 404, body: "", type: "text/plain" };
    if (method !== "PUT") return { status: 200, body: file.text, type: "application/sql" };
    file.text = body;
    const etag = createHash("md5").update(body).digest("hex");
    return { status: 200, body: "", type: "text/plain", headers: { etag: `"${etag}"` } };
  }

  #list(search: URLSearchParams): Reply {
    const wanted = search.get("name") ?? "";
    const page = Number(search.get("page") ?? 1);
    const perPage = Number(search.get("per_page") ?? 1000);
    const all = [...this.#listed.values()].filter((listed) => listed.name.includes(wanted));
    const shown = all.slice((page - 1) * perPage, page * perPage);
    return succeed(shown, { result_info: { page, per_page: perPage, count: shown.length, total_count: all.length } });
  }

  #create(text: string): Reply {
    const name = parse(text)?.name;
    if (typeof name !== "string" || name === "") return malformed("name", "Required");
    if ([...this.#listed.values()].some((listed) => listed.name === name)) {
      return { ...sqlFailed("A database with that name already exists"), status: 400 };
    }
    return succeed(this.add(name));
  }

  async #query(id: string, body: Record<string, unknown>, isRaw: boolean, usage: Usage): Promise<Reply> {
    const queries = readQueries(body);
    if (!Array.isArray(queries)) return queries;
    const split = splitQueries(queries);
    if (split === undefined) return sqlFailed(MIXED_PARAMETERS);
    usage.statements += split.length;
    if (this.#faults.quota === "read") return quotaSpent("read");
    if (this.#faults.quota === "write" && split.some((query) => isWrite(query.sql))) return quotaSpent("write");
    const answer = await this.#workerd.run(id, split);
    if (answer.kind === "error") {
      if (!answer.isInternal) return sqlFailed(answer.text);
      return answer.text.startsWith("internal error") ? internalError() : { ...sqlFailed(answer.text), status: 500 };
    }
    for (const { meta } of answer.results) {
      usage.rowsRead += meta.rows_read;
      usage.rowsWritten += meta.rows_written;
    }
    return succeed(isRaw ? answer.results : answer.results.map(toObjects));
  }

  async #export(id: string, body: Record<string, unknown>, origin: string): Promise<Reply> {
    if (body.output_format !== "polling") return malformed("output_format", "Invalid literal value");
    const at = body.current_bookmark;
    if (typeof at !== "string") {
      const options = (body.dump_options ?? {}) as Record<string, unknown>;
      const tables = Array.isArray(options.tables) ? options.tables.map(String) : [];
      const name = randomUUID();
      try {
        const asked = { noSchema: options.no_schema === true, noData: options.no_data === true, tables };
        const lines = await this.#workerd.dump(id, asked);
        this.#files.set(name, { text: lines.join("\n") });
      } catch (error) {
        return sqlFailed(error instanceof Error ? error.message : String(error));
      }
      return succeed({
        success: true,
        type: "export",
        at_bookmark: name,
        status: "active",
        messages: ["Generating SQL"],
      });
    }
    if (!this.#files.has(at)) return malformed("current_bookmark", "not a current export");
    const result = { filename: `${at}.sql`, signed_url: `${origin}/signed/${at}` };
    return succeed({ success: true, type: "export", at_bookmark: at, status: "complete", messages: [], result });
  }

  async #import(id: string, body: Record<string, unknown>, call: Call): Promise<Reply> {
    if (body.action === "init") {
      const filename = randomUUID();
      this.#files.set(filename, { text: "", databaseId: id });
      return succeed({ success: true, type: "import", filename, upload_url: `${call.origin}/signed/${filename}` });
    }
    if (body.action === "poll") {
      return succeed({ success: true, type: "import", at_bookmark: "", status: "complete", messages: [], result: {} });
    }
    const file = this.#files.get(String(body.filename));
    if (file?.databaseId !== id) return malformed("filename", "not uploaded");
    const statements = splitStatements(file.text.trim());
    call.usage.statements += statements.length;
    const answer = await this.#workerd.run(
      id,
      statements.map((sql) => ({ sql })),
    );
    if (answer.kind === "error") return sqlFailed(answer.text);
    const result = { num_queries: statements.length, final_bookmark: "", meta: answer.results.at(-1)?.meta };
    return succeed({ success: true, type: "import", at_bookmark: "", status: "complete", messages: [], result });
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null ? (body as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function readQueries(body: Record<string, unknown>): Query[] | Reply {
  if (!("batch" in body)) return findProblem(body) ?? [body as unknown as Query];
  const batch = body.batch;
  if (!Array.isArray(batch)) return malformed("batch", "Expected array");
  for (const [at, query] of batch.entries()) {
    const problem = findProblem(query, `batch.${at}.`);
    if (problem !== undefined) return problem;
  }
  return batch as Query[];
}

function findProblem(query: unknown, at = ""): Reply | undefined {
  const { sql, params } = (query ?? {}) as Record<string, unknown>;
  if (sql === undefined) return malformed(`${at}sql`, "Required");
  if (typeof sql !== "string") return malformed(`${at}sql`, `Expected string, received ${typeof sql}`);
  if (params === undefined || params === null) return undefined;
  if (!Array.isArray(params)) return malformed(`${at}params`, "Expected array");
  for (const [index, value] of params.entries()) {
    const isValue = value === null || typeof value === "number" || typeof value === "string";
    const isBlob = Array.isArray(value) && value.every((byte) => typeof byte === "number");
    if (!isValue && !isBlob) return malformed(`${at}params.${index}`, "Invalid input");
  }
  return undefined;
}

function splitQueries(queries: Query[]): Query[] | undefined {
  const split: Query[] = [];
  for (const { sql, params } of queries) {
    const pieces = splitStatements(sql);
    for (const [at, piece] of pieces.entries()) {
      const isLast = at === pieces.length - 1;
      if (!isLast && PARAMETER.test(piece.replace(/'[^']*'/g, ""))) return undefined;
      split.push({ sql: piece, ...(isLast && { params: params ?? [] }) });
    }
  }
  return split;
}

function toObjects({ results, ...rest }: QueryResult): unknown {
  const { columns, rows } = results;
  const named = rows.map((row) => Object.fromEntries(columns.map((name, at) => [name, row[at]])));
  return { results: named, ...rest };
}
