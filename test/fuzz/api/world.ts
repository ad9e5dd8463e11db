// A dashboard in this process on a real port, and requests to it as bytes: no client's manners in between.

import { strict as assert } from "node:assert";
import { rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import BetterSqlite3 from "better-sqlite3";
import { adoptVideos } from "../../../dist/catalogue/adopt.js";
import { identifyProcess } from "../../../dist/claim/liveness.js";
import { beginWork, register } from "../../../dist/claim/membership.js";
import { systemClock as clock } from "../../../dist/clock.js";
import { readConfig } from "../../../dist/config/read.js";
import { Dashboard } from "../../../dist/dashboard/serve.js";
import { migrate } from "../../../dist/database/migrate.js";
import { openSqlite } from "../../../dist/database/sqlite.js";
import { LOCAL_CLAIMS, LOCAL_SETTLEMENTS } from "../../../dist/store/local.js";
import { freePort } from "../../support/ports.ts";
import { makeFolder } from "../cases.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../data/migrations", import.meta.url));
const CATALOGUE = { table: "videos", id: "id", source: "source", title: "title", duration: "duration_s" };
const FILL = `
  INSERT INTO videos (id, source, title, duration_s) VALUES
    (1, 'x://a', 'A', 1.5), (2, 'x://b', NULL, NULL), (3, 'x://c', '映画 "x" <b>', 0), (-5, 'x://d', char(27) || '[2J', 1e300),
    (9007199254740992, 'x://e', 'last', 1), (-9007199254740992, 'x://f', 'first', 1), (7, '', '', -1);
  INSERT INTO videos (source) SELECT 'x://' || value FROM json_each('[10,11,12,13,14,15]')`;

export const TOKEN = "planted-token-0123456789";

export class ApiWorld {
  readonly folder: string;
  readonly port: number;
  readonly #dashboard: Dashboard;
  readonly #beside: BetterSqlite3.Database;
  readonly #close: () => Promise<void>;

  private constructor(
    port: number,
    dashboard: Dashboard,
    beside: BetterSqlite3.Database,
    close: () => Promise<void>,
    folder: string,
  ) {
    this.port = port;
    this.#dashboard = dashboard;
    this.#beside = beside;
    this.#close = close;
    this.folder = folder;
  }

  static async open(): Promise<ApiWorld> {
    const folder = makeFolder("api");
    const file = join(folder, "hidb.sqlite");
    const port = await freePort(2);
    const settings = {
      HIDB_SQLITE_FILE: file,
      HIDB_LOG_DIR: join(folder, "logs"),
      HIDB_PORT: String(port),
      HIDB_TOKEN: TOKEN,
    };
    const config = readConfig({ environment: settings, cwd: folder });
    const database = await openSqlite(file, { clock, create: true });
    await migrate(database, { folder: MIGRATIONS, withCatalogue: true });
    const beside = new BetterSqlite3(file);
    beside.exec(FILL);
    await adoptVideos(database, CATALOGUE);
    const instance = await register({ identity: identifyProcess(), processId: 0, leaseMs: 3_600_000, database, clock });
    await beginWork(instance);
    const store = { claimStyle: LOCAL_CLAIMS, settleStyle: LOCAL_SETTLEMENTS };
    const pool = {
      config,
      database,
      catalogue: CATALOGUE,
      clock,
      store,
      instance,
      rank: () => 0,
      report: () => undefined,
    };
    const dashboard = new Dashboard(pool);
    while (dashboard.ports.shared === undefined) await clock.turn();
    return new ApiWorld(port, dashboard, beside, () => database.close(), folder);
  }

  /** Moves on with every transaction that anybody else commits. */
  get dataVersion(): number {
    return this.#beside.pragma("data_version", { simple: true }) as number;
  }

  /** Writes the parts and reads until the server has said enough, or ends. */
  async say(
    said: (string | Buffer)[],
    { ms = 60_000, gapMs = 0 }: { ms?: number; gapMs?: number } = {},
  ): Promise<Heard> {
    const parts = said.map((part) => Buffer.from(part));
    const socket = connect(this.port, "127.0.0.1");
    let bytes: Buffer = Buffer.alloc(0);
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.on("data", (chunk) => {
      bytes = withoutHints(Buffer.concat([bytes, chunk]));
      if (isWhole(bytes, parts[0]?.subarray(0, 4).toString() === "HEAD")) resolve();
    });
    socket.on("close", () => resolve());
    socket.on("error", () => resolve());
    const timer = setTimeout(resolve, ms);
    for (const part of parts) {
      if (socket.destroyed) break;
      socket.write(part);
      if (gapMs > 0) await clock.sleep(gapMs);
    }
    await promise;
    clearTimeout(timer);
    const sent = socket.bytesWritten;
    const ended = socket.destroyed || socket.readableEnded;
    socket.destroy();
    return { ...parse(bytes), sent, ended };
  }

  async close(): Promise<void> {
    await this.#dashboard.close();
    this.#beside.close();
    await this.#close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface Heard {
  /** Undefined when the connection was ended without a word. */
  status: number | undefined;
  headers: Map<string, string>;
  body: string;
  /** Bytes that were written at most. */
  sent: number;
  ended: boolean;
}

function headEnd(bytes: Buffer): number {
  return bytes.indexOf("\r\n\r\n");
}

/** `100 Continue` comes before the answer. */
function withoutHints(bytes: Buffer): Buffer {
  const end = headEnd(bytes);
  return end >= 0 && bytes.subarray(0, 10).toString() === "HTTP/1.1 1" ? withoutHints(bytes.subarray(end + 4)) : bytes;
}

/** As far as one answer goes; an event stream has said enough with its head. */
function isWhole(bytes: Buffer, isHead: boolean): boolean {
  const end = headEnd(bytes);
  if (end < 0) return false;
  if (isHead) return true;
  const head = bytes.subarray(0, end).toString("latin1").toLowerCase();
  if (head.includes("text/event-stream") || / (204|304) /.test(head.slice(0, 14))) return true;
  const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1];
  if (length !== undefined) return bytes.length - end - 4 >= Number(length);
  return head.includes("transfer-encoding: chunked") && bytes.subarray(-5).toString() === "0\r\n\r\n";
}

function parse(bytes: Buffer): Pick<Heard, "status" | "headers" | "body"> {
  const end = headEnd(bytes);
  if (end < 0) return { status: undefined, headers: new Map(), body: "" };
  const [first = "", ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]);
  assert(status >= 100, `expected an answer of HTTP, got ${first}`);
  const headers = new Map(
    lines.map((line) => [line.split(":", 1)[0]?.toLowerCase() ?? "", line.slice(line.indexOf(":") + 1).trim()]),
  );
  const raw = bytes.subarray(end + 4);
  const body = headers.get("transfer-encoding") === "chunked" ? unchunk(raw) : raw;
  return { status, headers, body: body.toString("utf8") };
}

function unchunk(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const line = bytes.indexOf("\r\n", at);
    const length = Number.parseInt(bytes.subarray(at, line).toString(), 16);
    if (line < 0 || !(length > 0)) break;
    parts.push(bytes.subarray(line + 2, line + 2 + length));
    at = line + 2 + length + 2;
  }
  return Buffer.concat(parts);
}
