// One SQLite in memory for all simulated instances, each with a connection of its own as far as it can tell, and what a
// disk and other programs can do to it.
import { resolve } from "node:path";
import { INDEX_BY_PRIORITY } from "../../src/claim/statements/claim.ts";
import { BetterEngine } from "../../src/database/better-engine.ts";
import type { Database } from "../../src/database/database.ts";
import type { Command, Compiled, Engine, Probe } from "../../src/database/engine.ts";
import { migrate } from "../../src/database/migrate.ts";
import { openSqlite } from "../../src/database/sqlite.ts";

const MIGRATIONS = resolve(import.meta.dirname, "../../data/migrations");
/** What processors write in one transaction with their outcomes: I7 is judged by it. */
const NOTES = "CREATE TABLE notes (video_id INTEGER NOT NULL, token TEXT NOT NULL)";

/** What ails the database at the moment. */
export interface Ailments {
  /** Another program holds the write lock. */
  locked: boolean;
  full: boolean;
  /** The next write fails, once. */
  broken: number;
}

/** The state of the one database; cleared for each run, so that its statements are compiled once. */
export class Store {
  readonly engine: BetterEngine;
  readonly ailments: Ailments = { locked: false, full: false, broken: 0 };
  /** Counts how often each has befallen somebody. */
  readonly suffered = { locked: 0, full: 0, broken: 0 };
  /** Told of each statement that has changed something, and of each transaction that was undone. */
  onWrite: (table: string, writer: string) => void = () => undefined;
  onUndo: () => void = () => undefined;
  readonly #compiled = new Map<string, { compiled: Compiled; table: string | undefined }>();
  readonly #reads = new Map<string, { all(...values: unknown[]): unknown[] }>();
  readonly #totalChanges: Probe;
  readonly #tables: string[];
  #schema: unknown[] | undefined;

  private constructor(engine: BetterEngine) {
    this.engine = engine;
    this.#totalChanges = engine.probe("SELECT total_changes()");
    this.#tables = engine
      .texts(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'd1_migrations'",
      )
      .map(String);
  }

  static async open(): Promise<Store> {
    const engine = new BetterEngine(":memory:");
    const database: Database = await openSqlite(":memory:", { engine });
    await migrate(database, { folder: MIGRATIONS, withCatalogue: true });
    engine.exec(INDEX_BY_PRIORITY);
    engine.exec(NOTES);
    return new Store(engine);
  }

  clear(): void {
    for (const table of this.#tables) this.engine.exec(`DELETE FROM ${table}`);
    Object.assign(this.ailments, { locked: false, full: false, broken: 0 });
    Object.assign(this.suffered, { locked: 0, full: 0, broken: 0 });
  }

  get changes(): number {
    return this.#totalChanges.get();
  }

  get schema(): unknown[] {
    this.#schema ??= this.engine.texts("SELECT sql FROM sqlite_schema");
    return this.#schema;
  }

  /** For the model: past all rules, and fast. */
  read<T>(sql: string, values: unknown[]): T[] {
    let statement = this.#reads.get(sql);
    if (statement === undefined) {
      statement = this.engine.command(sql) as unknown as { all(...values: unknown[]): unknown[] };
      this.#reads.set(sql, statement);
    }
    return statement.all(...values) as T[];
  }

  compile(sql: string): { compiled: Compiled; table: string | undefined } {
    let known = this.#compiled.get(sql);
    if (known === undefined) {
      const compiled = this.engine.compile(sql);
      const table = compiled.readonly ? undefined : /\b(?:INTO|UPDATE|DELETE FROM)\s+"?(\w+)/i.exec(sql)?.[1];
      known = { compiled, table };
      this.#compiled.set(sql, known);
    }
    return known;
  }

  /** The connection of `who`. */
  connect(who: string): Engine {
    return new Connection(this, who);
  }
}

function sqliteError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

class Connection implements Engine {
  readonly #store: Store;
  readonly #who: string;
  /** As this connection counts them. */
  #total = 0;

  constructor(store: Store, who: string) {
    this.#store = store;
    this.#who = who;
  }

  compile(sql: string): Compiled {
    const { compiled, table } = this.#store.compile(sql);
    if (compiled.readonly) return compiled;
    const write = <T>(work: () => T): T => this.#write(table ?? "", work);
    return {
      reader: compiled.reader,
      readonly: false,
      columns: () => compiled.columns(),
      objects: (values) => write(() => compiled.objects(values)),
      rows: (values) => write(() => compiled.rows(values)),
      run: (values) => write(() => compiled.run(values)),
    };
  }

  #write<T>(table: string, work: () => T): T {
    const store = this.#store;
    if (!store.engine.inTransaction) this.#lock();
    this.#write0();
    const before = store.changes;
    try {
      return work();
    } finally {
      const changed = store.changes - before;
      this.#total += changed;
      if (changed > 0) store.onWrite(table, this.#who);
    }
  }

  /** The write lock is somebody else's for now. */
  #lock(): void {
    const { ailments, suffered } = this.#store;
    if (!ailments.locked) return;
    suffered.locked++;
    throw sqliteError("SQLITE_BUSY", "database is locked");
  }

  #write0(): void {
    const { ailments, suffered, engine } = this.#store;
    if (!ailments.full && ailments.broken === 0) return;
    // Both have rolled back by themselves.
    if (engine.inTransaction) this.exec("ROLLBACK");
    if (ailments.broken > 0) {
      ailments.broken--;
      suffered.broken++;
      throw sqliteError("SQLITE_IOERR_WRITE", "disk I/O error");
    }
    suffered.full++;
    throw sqliteError("SQLITE_FULL", "database or disk is full");
  }

  probe(sql: string): Probe {
    return sql === "SELECT total_changes()" ? { get: () => this.#total } : this.#store.engine.probe(sql);
  }

  texts(sql: string): unknown[] {
    return sql === "SELECT sql FROM sqlite_schema" ? this.#store.schema : this.#store.engine.texts(sql);
  }

  command(sql: string): Command {
    const command = this.#store.engine.command(sql);
    if (!sql.startsWith("BEGIN")) return command;
    return {
      run: () => {
        this.#lock();
        return command.run();
      },
    };
  }

  exec(sql: string): void {
    if (/PRAGMA/.test(sql)) return;
    this.#store.engine.exec(sql);
    if (sql === "ROLLBACK") this.#store.onUndo();
  }

  get inTransaction(): boolean {
    return this.#store.engine.inTransaction;
  }

  close(): void {
    // The others go on.
  }
}
