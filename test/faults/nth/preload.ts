// Loaded before hidb (`node --import`): counts the operations on SQLite files, and lets one of them fail or be the last.
import { appendFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { isMainThread } from "node:worker_threads";
import type BetterSqlite3 from "better-sqlite3";
import { type Code, type Counted, FAULT_VARIABLE, type Fault, REPORT_VARIABLE } from "./fault.ts";

const MESSAGES: Record<Code, string> = {
  SQLITE_BUSY: "database is locked",
  SQLITE_FULL: "database or disk is full",
  SQLITE_IOERR_WRITE: "disk I/O error",
  SQLITE_CORRUPT: "database disk image is malformed",
};

let fault: Fault = { kind: "none" };
let counted: Counted = { operations: 0, hit: undefined };
let reportFile: string | undefined;

/** Begins to count anew. */
export function arm(next: Fault): void {
  fault = next;
  counted = { operations: 0, hit: undefined };
}

export function disarm(): Counted {
  fault = { kind: "none" };
  return counted;
}

/** `undo`: what SQLite does by itself before it tells of a full disk. */
/** These ask the connection and never the file: nothing of a disk or of another process can make them fail. */
const ASKS_NO_FILE = /\bSELECT (total_changes|last_insert_rowid)\(\)$/;

function operate<T>(name: string, work: () => T, undo: () => void): T {
  if (ASKS_NO_FILE.test(name)) return work();
  // Compiling can fail, but it does nothing that an end of the process could come before or after.
  if (fault.kind === "kill" && name.startsWith("prepare ")) return work();
  counted.operations++;
  if (fault.kind === "none" || counted.operations !== fault.at) return work();
  hit(name);
  if (fault.kind === "fail") {
    if (fault.code === "SQLITE_FULL") undo();
    throw new Driver.SqliteError(MESSAGES[fault.code], fault.code);
  }
  if (fault.when === "after") work();
  process.kill(process.pid, "SIGKILL");
  throw new Error("unreachable: killed");
}

function hit(name: string): void {
  counted.hit = name.replace(/\s+/g, " ").trim().slice(0, 120);
  if (reportFile !== undefined) appendFileSync(reportFile, `${JSON.stringify(counted)}\n`);
}

const require = createRequire(import.meta.url);
const Driver = require("better-sqlite3") as typeof BetterSqlite3;

function rollBack(database: BetterSqlite3.Database): void {
  if (database.inTransaction) plainExec.call(database, "ROLLBACK");
}
const plainExec = Driver.prototype.exec;

type Method = (this: BetterSqlite3.Statement, ...values: unknown[]) => unknown;

function patchStatements(): void {
  const database = new Driver(":memory:");
  const prototype = Object.getPrototypeOf(database.prepare("SELECT 1")) as Record<string, Method>;
  database.close();
  for (const name of ["run", "get", "all", "iterate"]) {
    const plain = prototype[name] as Method;
    prototype[name] = function (...values) {
      const work = () => plain.apply(this, values);
      return operate(`${name} ${this.source}`, work, () => rollBack(this.database));
    };
  }
}

function patchDatabases(): void {
  const plainPrepare = Driver.prototype.prepare;
  Driver.prototype.prepare = function (this: BetterSqlite3.Database, sql: string) {
    return operate(
      `prepare ${sql}`,
      () => plainPrepare.call(this, sql),
      () => undefined,
    );
  } as typeof plainPrepare;
  Driver.prototype.exec = function (this: BetterSqlite3.Database, sql: string) {
    return operate(
      `exec ${sql}`,
      () => plainExec.call(this, sql),
      () => rollBack(this),
    );
  };
}

/** The driver's own native class: whoever has imported the driver already opens by it, too. */
function patchOpening(): void {
  const binding = join(dirname(require.resolve("better-sqlite3")), "binding.js");
  const addon = (
    require(binding) as { getBinding: () => { Database: new (...values: unknown[]) => object } }
  ).getBinding();
  addon.Database = new Proxy(addon.Database, {
    construct: (target, values, newTarget) =>
      operate(
        "open",
        () => Reflect.construct(target, values, newTarget) as object,
        () => undefined,
      ),
  });
}

// Threads have files of their own that nobody promises anything about.
if (isMainThread) {
  patchStatements();
  patchDatabases();
  patchOpening();
  const planned = process.env[FAULT_VARIABLE];
  reportFile = process.env[REPORT_VARIABLE];
  if (planned !== undefined) arm(JSON.parse(planned) as Fault);
  if (reportFile !== undefined) {
    const file = reportFile;
    process.on("exit", () => appendFileSync(file, `${JSON.stringify(counted)}\n`));
  }
}
