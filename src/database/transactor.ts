// Runs queries as D1 does: all of one call in one transaction, all undone when one fails.
import type { Clock } from "../clock.js";
import { codeOf, messageOf } from "../errors.js";
import { bindValues } from "./bound.js";
import type { Command, Compiled, Engine, Probe, RunInfo } from "./engine.js";
import { type Counts, type Meta, metaOf, sizeOnDemand } from "./meta.js";
import { findOffset } from "./offset.js";
import { checkLength, isEmpty, type Plan, type PlannedPiece, planText, writtenTable } from "./plan.js";
import { compileError, lostTransactionError, resetError, sqlError } from "./sqlite-errors.js";
import type { Query, RawRows } from "./statement.js";
import type { SqliteValue } from "./values.js";

export interface Answer {
  success: true;
  meta: Meta;
  results: unknown[];
}

type Shape = "objects" | "rows";
/** In a transaction all answers are given their size at its end. */
type SizeWanted = "on demand" | "later";
type Work = { plan: Plan; values: SqliteValue[] };

interface SchemaRules {
  /** A statement that breaks one may be undone in part only, or with its whole transaction. */
  leaveTraces: boolean;
  /** A statement may change more rows than its own. */
  cascade: boolean;
  /** The end of a transaction may change rows that D1 counts for no statement, as a full-text table's does. */
  countLate: boolean;
}

const PLANS_KEPT = 200;

export class Transactor {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #plans = new Map<string, Plan>();
  readonly #begin: Command;
  readonly #commit: Command;
  readonly #totalChanges: Probe;
  readonly #lastRowId: Probe;
  readonly #pages: Probe;
  readonly #freePages: Probe;
  readonly #sizeOnDemand: PropertyDescriptor;
  /** Before the next statement; the connection counts rows as changed even when they are changed back. */
  #total = 0;
  #rowId = 0;
  #size: number | undefined;
  #known: SchemaRules | undefined;
  /** Of the statement that was run last. */
  #columns: string[] = [];
  #isOpen = true;
  /** How many statements have changed something. */
  writes = 0;

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
    this.#begin = engine.command("BEGIN IMMEDIATE");
    this.#commit = engine.command("COMMIT");
    this.#totalChanges = engine.probe("SELECT total_changes()");
    this.#lastRowId = engine.probe("SELECT last_insert_rowid()");
    this.#pages = engine.probe("PRAGMA page_count");
    this.#freePages = engine.probe("PRAGMA freelist_count");
    this.#sizeOnDemand = sizeOnDemand(() => (this.#isOpen ? (this.#size ?? this.#measureSize()) : 0));
  }

  /** Runs one query; the short way of `answer`, which most queries take. */
  one(query: Query, shape: Shape): Answer {
    const plan = this.#plan(query.statement);
    if (plan.simple === undefined || !this.#mayRunAlone(plan.simple)) return this.answer([query], shape)[0] as Answer;
    const values = bindValues(query.params);
    const started = this.#clock.monotonic();
    try {
      const answer = this.#alone({ plan, values }, plan.simple, shape);
      answer.meta.duration = this.#clock.monotonic() - started;
      return answer;
    } catch (error) {
      this.#recall();
      throw error;
    }
  }

  answer(statements: readonly Query[], shape: Shape): Answer[] {
    const all = statements.map((each) => this.#workOf(each.statement, each.params));
    const work = all.every(hasStatements) ? all : all.filter(hasStatements);
    const [only] = work;
    if (only === undefined) throw sqlError("No SQL statements detected.");
    const started = this.#clock.monotonic();
    const simple = work.length === 1 ? only.plan.simple : undefined;
    let answers: Answer[];
    try {
      const isAlone = simple !== undefined && this.#mayRunAlone(simple);
      answers = isAlone ? [this.#alone(only, simple, shape)] : this.#transaction(work, shape);
    } catch (error) {
      this.#recall();
      throw error;
    }
    const duration = (this.#clock.monotonic() - started) / answers.length;
    for (const { meta } of answers) meta.duration = duration;
    return answers;
  }

  rows(query: Query): RawRows {
    const answer = this.one(query, "rows");
    return { columns: this.#columns, rows: answer.results as unknown[][] };
  }

  /** The database is about to be closed. */
  end(): void {
    this.#isOpen = false;
    this.#plans.clear();
  }

  /** One simple statement is a transaction by itself, unless it has to be undone by us, or counted before it ends. */
  #mayRunAlone(piece: PlannedPiece): boolean {
    const { leaveTraces, countLate } = this.#known ?? this.#rules();
    return piece.reads || !(leaveTraces || countLate);
  }

  #alone(work: Work, piece: PlannedPiece, shape: Shape): Answer {
    try {
      return this.#run(work.values, piece, shape, "on demand");
    } catch (error) {
      if (codeOf(error) !== "SQLITE_CONSTRAINT_FOREIGNKEY") throw error;
      // Nothing is changed yet. Within a transaction it shows whether the statement failed, or the commit after it, which
      // for D1 are two different things.
      return this.#transaction([work], shape)[0] as Answer;
    }
  }

  #transaction(work: readonly Work[], shape: Shape): Answer[] {
    // IMMEDIATE takes the write lock at once: a deferred transaction that reads first could fail half-way.
    this.#begin.run();
    let answers: Answer[];
    let countLate: boolean;
    try {
      answers = work.map((each) =>
        each.plan.simple ? this.#run(each.values, each.plan.simple, shape, "later") : this.#script(each, shape),
      );
      this.#measure(answers);
      // Before the end: what fails after it would have the whole transaction tried again.
      countLate = this.#rules().countLate;
    } catch (error) {
      this.#known = undefined;
      // A full disk or an I/O error has rolled back by itself, and so has INSERT OR ROLLBACK.
      if (this.#engine.inTransaction) this.#engine.exec("ROLLBACK");
      else if (codeOf(error).startsWith("SQLITE_CONSTRAINT")) throw lostTransactionError(this.#clock.uniqueId());
      throw error;
    }
    try {
      this.#commit.run();
    } catch (error) {
      this.#known = undefined;
      if (this.#engine.inTransaction) this.#engine.exec("ROLLBACK");
      throw codeOf(error) === "SQLITE_CONSTRAINT_FOREIGNKEY" ? resetError(error) : error;
    }
    if (countLate) this.#recall();
    return answers;
  }

  /** A query of several statements, or of one that does more than read or change rows. */
  #script({ plan, values }: Work, shape: Shape): Answer {
    const size = this.#measureSize();
    const [total, rowId] = [this.#total, this.#rowId];
    let compiled: Compiled | undefined;
    let rows: unknown[] = [];
    for (const [at, piece] of plan.pieces.entries()) {
      const isLast = at === plan.pieces.length - 1;
      checkLength(piece);
      if (isEmpty(piece)) {
        if (isLast) throw sqlError(NO_STATEMENT);
        continue;
      }
      const own = isLast ? values : [];
      if (piece.wasRight) checkValues(piece, own);
      compiled = this.#compile(piece);
      if (!isLast && piece.values > 0) throw sqlError(ONLY_THE_LAST);
      piece.wasRight = plan.pieces.length === 1;
      checkValues(piece, own);
      rows = [];
      if (!compiled.reader) compiled.run(own);
      else rows = shape === "rows" ? compiled.rows(own) : compiled.objects(own);
      this.#total = this.#totalChanges.get();
      this.#rowId = this.#lastRowId.get();
    }
    this.#forget();
    this.#columns = compiled?.columns() ?? [];
    const changes = this.#total - total;
    const measured = this.#measureSize();
    const changed = changes !== 0 || this.#rowId !== rowId || measured !== size;
    if (changed) this.writes++;
    const counts = { changes, changed, read: rows.length, written: changes };
    return { success: true, meta: metaOf(this.#rowId, measured, counts), results: rows };
  }

  #run(values: SqliteValue[], piece: PlannedPiece, shape: Shape, size: SizeWanted): Answer {
    checkLength(piece);
    if (piece.wasRight) checkValues(piece, values);
    piece.compiled ??= this.#compile(piece);
    const compiled = piece.compiled;
    if (!piece.wasRight) checkValues(piece, values);
    piece.wasRight = true;
    if (!compiled.readonly) return this.#write(compiled, piece, values, shape, size);
    const results = shape === "rows" ? compiled.rows(values) : compiled.objects(values);
    if (shape === "rows") this.#columns = compiled.columns();
    return this.#answerOf(results, { changes: 0, changed: false, read: results.length, written: 0 }, size);
  }

  #write(compiled: Compiled, piece: PlannedPiece, values: SqliteValue[], shape: Shape, size: SizeWanted): Answer {
    // Before it: what fails after a statement that has ended its own transaction would have it run once more.
    piece.writes ??= this.#writesOf(piece);
    const { cascade } = this.#rules();
    const wasRowId = this.#rowId;
    let results: unknown[] = [];
    let info: RunInfo | undefined;
    if (compiled.reader) results = shape === "rows" ? compiled.rows(values) : compiled.objects(values);
    else info = compiled.run(values);
    let changes: number;
    if (info !== undefined && !cascade) {
      changes = info.changes;
      this.#total += changes;
    } else {
      const total = this.#totalChanges.get();
      changes = total - this.#total;
      this.#total = total;
    }
    this.#rowId = info === undefined ? this.#lastRowId.get() : Number(info.lastInsertRowid);
    if (shape === "rows") this.#columns = compiled.columns();
    const changed = changes !== 0 || this.#rowId !== wasRowId;
    if (changed) {
      this.#size = undefined;
      this.writes++;
    }
    return this.#answerOf(results, { changes, changed, read: changes, written: changes * piece.writes }, size);
  }

  /** Outside a transaction the measurement takes a lock of its own, a third of the time of a small write. */
  #answerOf(results: unknown[], counts: Counts, size: SizeWanted): Answer {
    const known = size === "later" ? 0 : this.#size;
    return { success: true, meta: metaOf(this.#rowId, known ?? this.#sizeOnDemand, counts), results };
  }

  /** What was compiled may know an older schema. */
  #forget(): void {
    this.#known = undefined;
    for (const { pieces } of this.#plans.values()) for (const piece of pieces) piece.compiled = undefined;
  }

  /** A failure moves the counters, too: what SQLite undoes then are the rows. */
  #recall(): void {
    this.#total = this.#totalChanges.get();
    this.#rowId = this.#lastRowId.get();
  }

  /** Statements of one batch share its measurement: taking one for each would cost the pool more than it tells anybody. */
  #measure(answers: readonly Answer[]): void {
    const size = this.#size ?? this.#measureSize();
    for (const { meta } of answers) if (meta.size_after === 0) meta.size_after = size;
  }

  #measureSize(): number {
    this.#size = (this.#pages.get() - this.#freePages.get()) * PAGE_BYTES;
    return this.#size;
  }

  #writesOf(piece: PlannedPiece): number {
    const table = writtenTable(piece.tokens);
    if (table === undefined) return 1;
    const name = table.replaceAll("'", "''");
    return 1 + this.#engine.probe(`SELECT count(*) FROM pragma_index_list('${name}')`).get();
  }

  /** What the schema's own rules do behind a statement's back; looked up again after each change of the schema. */
  #rules(): SchemaRules {
    if (this.#known === undefined) {
      const texts = this.#engine.texts("SELECT sql FROM sqlite_schema").join("\n");
      this.#known = {
        leaveTraces: /\b(FAIL|ROLLBACK)\b/i.test(texts),
        cascade: /\b(TRIGGER|REFERENCES|VIRTUAL)\b/i.test(texts),
        countLate: /\bVIRTUAL\b/i.test(texts),
      };
    }
    return this.#known;
  }

  #workOf(statement: string, params: readonly unknown[]): Work {
    return { plan: this.#plan(statement), values: bindValues(params) };
  }

  #plan(text: string): Plan {
    let plan = this.#plans.get(text);
    if (plan === undefined) {
      plan = planText(text);
      if (this.#plans.size >= PLANS_KEPT) this.#plans.clear();
      this.#plans.set(text, plan);
    }
    return plan;
  }

  #compile({ sql, tokens }: PlannedPiece): Compiled {
    try {
      return this.#engine.compile(sql);
    } catch (error) {
      if (/contains no statements/.test(messageOf(error))) throw sqlError(NO_STATEMENT);
      if (codeOf(error) !== "SQLITE_ERROR") throw error;
      const failure = { sql, tokens, message: messageOf(error), attempt: (copy: string) => this.#try(copy) };
      throw compileError(error, findOffset(failure));
    }
  }

  #try(sql: string): string | undefined {
    try {
      this.#engine.compile(sql);
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }
}

const PAGE_BYTES = 4096;
const NO_STATEMENT = "SQL code did not contain a statement.";
const ONLY_THE_LAST =
  "When executing multiple SQL statements in a single call, only the last statement can have parameters.";

function hasStatements({ plan }: Work): boolean {
  return plan.pieces.length > 0;
}

function checkValues(piece: PlannedPiece, values: SqliteValue[]): void {
  if (values.length !== piece.values) throw sqlError("Wrong number of parameter bindings for SQL query.");
}
