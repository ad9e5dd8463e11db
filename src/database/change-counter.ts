// What SQLite tells of the changes on this connection: rows changed, the last row id, and the size of the database.
import type { Engine, Probe, RunInfo } from "./engine.js";
import { sizeOnDemand } from "./meta.js";

const PAGE_BYTES = 4096;

export class ChangeCounter {
  readonly #totalChanges: Probe;
  readonly #lastRowId: Probe;
  readonly #pages: Probe;
  readonly #freePages: Probe;
  readonly sizeOnDemand: PropertyDescriptor;
  /** Before the next statement; the connection counts rows as changed even when they are changed back. */
  total = 0;
  rowId = 0;
  /** As last measured; undefined after a write. */
  size: number | undefined;
  #isOpen = true;

  constructor(engine: Engine) {
    this.#totalChanges = engine.probe("SELECT total_changes()");
    this.#lastRowId = engine.probe("SELECT last_insert_rowid()");
    this.#pages = engine.probe("PRAGMA page_count");
    this.#freePages = engine.probe("PRAGMA freelist_count");
    this.sizeOnDemand = sizeOnDemand(() => (this.#isOpen ? (this.size ?? this.measureSize()) : 0));
  }

  /** The database is about to be closed: nothing can be measured any more. */
  end(): void {
    this.#isOpen = false;
  }

  /** Reads both counters anew. A failure moves them, too: what SQLite undoes then are the rows. */
  refresh(): void {
    this.total = this.#totalChanges.get();
    this.rowId = this.#lastRowId.get();
  }

  /** How many rows the statement that has just run has changed. `cascades`: it may have changed more than its own. */
  countChanges(info: RunInfo | undefined, cascades: boolean): number {
    const before = this.total;
    this.total = info !== undefined && !cascades ? before + info.changes : this.#totalChanges.get();
    this.rowId = info === undefined ? this.#lastRowId.get() : Number(info.lastInsertRowid);
    return this.total - before;
  }

  measureSize(): number {
    this.size = (this.#pages.get() - this.#freePages.get()) * PAGE_BYTES;
    return this.size;
  }
}
