// Runs queries as D1 does: all of one call in one transaction, all undone when one fails.
import type { Clock } from "../clock.js";
import { codeOf } from "../errors.js";
import { bindValues } from "./bound.js";
import { ChangeCounter } from "./change-counter.js";
import type { Command, Compiled, Engine, RunInfo } from "./engine.js";
import { type Counts, type Meta, metaOf } from "./meta.js";
import { checkLength, isEmpty, type Plan, type PlannedPiece } from "./plan.js";
import { NO_STATEMENT, Plans } from "./plans.js";
import { lostTransactionError, resetError, sqlError } from "./sqlite-errors.js";
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

export class Transactor {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #plans: Plans;
  readonly #counter: ChangeCounter;
  readonly #begin: Command;
  readonly #commit: Command;
  /** Of the statement that was run last. */
  #columns: string[] = [];
  /** How many statements have changed something. */
  writes = 0;

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
    this.#begin = engine.command("BEGIN IMMEDIATE");
    this.#commit = engine.command("COMMIT");
    this.#plans = new Plans(engine);
    this.#counter = new ChangeCounter(engine);
  }

  /** Runs one query; the short way of `answer`, which most queries take. */
  one(query: Query, shape: Shape): Answer {
    const plan = this.#plans.find(query.statement);
    if (plan.simple === undefined || !this.#mayRunAlone(plan.simple)) return this.answer([query], shape)[0] as Answer;
    const values = bindValues(query.params);
    const started = this.#clock.monotonic();
    try {
      const answer = this.#alone({ plan, values }, plan.simple, shape);
      answer.meta.duration = this.#clock.monotonic() - started;
      return answer;
    } catch (error) {
      this.#counter.refresh();
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
      this.#counter.refresh();
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
    this.#counter.end();
    this.#plans.clear();
  }

  /** One simple statement is a transaction by itself, unless it has to be undone by us, or counted before it ends. */
  #mayRunAlone(piece: PlannedPiece): boolean {
    const { leaveTraces, countLate } = this.#plans.rules;
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
      countLate = this.#plans.rules.countLate;
    } catch (error) {
      this.#plans.forgetRules();
      // A full disk or an I/O error has rolled back by itself, and so has INSERT OR ROLLBACK.
      if (this.#engine.inTransaction) this.#engine.exec("ROLLBACK");
      else if (codeOf(error).startsWith("SQLITE_CONSTRAINT")) throw lostTransactionError(this.#clock.uniqueId());
      throw error;
    }
    try {
      this.#commit.run();
    } catch (error) {
      this.#plans.forgetRules();
      if (this.#engine.inTransaction) this.#engine.exec("ROLLBACK");
      throw codeOf(error) === "SQLITE_CONSTRAINT_FOREIGNKEY" ? resetError(error) : error;
    }
    if (countLate) this.#counter.refresh();
    return answers;
  }

  /** A query of several statements, or of one that does more than read or change rows. */
  #script({ plan, values }: Work, shape: Shape): Answer {
    const counter = this.#counter;
    const size = counter.measureSize();
    const [total, rowId] = [counter.total, counter.rowId];
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
      compiled = this.#plans.compile(piece);
      if (!isLast && piece.values > 0) throw sqlError(ONLY_THE_LAST);
      piece.wasRight = plan.pieces.length === 1;
      checkValues(piece, own);
      rows = [];
      if (!compiled.reader) compiled.run(own);
      else rows = shape === "rows" ? compiled.rows(own) : compiled.objects(own);
      counter.refresh();
    }
    this.#plans.forgetCompiled();
    this.#columns = compiled?.columns() ?? [];
    const changes = counter.total - total;
    const measured = counter.measureSize();
    const changed = changes !== 0 || counter.rowId !== rowId || measured !== size;
    if (changed) this.writes++;
    const counts = { changes, changed, read: rows.length, written: changes };
    return { success: true, meta: metaOf(counter.rowId, measured, counts), results: rows };
  }

  #run(values: SqliteValue[], piece: PlannedPiece, shape: Shape, size: SizeWanted): Answer {
    checkLength(piece);
    if (piece.wasRight) checkValues(piece, values);
    piece.compiled ??= this.#plans.compile(piece);
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
    piece.writes ??= this.#plans.writesOf(piece);
    const { cascade } = this.#plans.rules;
    const wasRowId = this.#counter.rowId;
    let results: unknown[] = [];
    let info: RunInfo | undefined;
    if (compiled.reader) results = shape === "rows" ? compiled.rows(values) : compiled.objects(values);
    else info = compiled.run(values);
    const changes = this.#counter.countChanges(info, cascade);
    if (shape === "rows") this.#columns = compiled.columns();
    const changed = changes !== 0 || this.#counter.rowId !== wasRowId;
    if (changed) {
      this.#counter.size = undefined;
      this.writes++;
    }
    return this.#answerOf(results, { changes, changed, read: changes, written: changes * piece.writes }, size);
  }

  /** Outside a transaction the measurement takes a lock of its own, a third of the time of a small write. */
  #answerOf(results: unknown[], counts: Counts, size: SizeWanted): Answer {
    const { size: measured, rowId, sizeOnDemand } = this.#counter;
    const known = size === "later" ? 0 : measured;
    return { success: true, meta: metaOf(rowId, known ?? sizeOnDemand, counts), results };
  }

  /** Statements of one batch share its measurement: taking one for each would cost the pool more than it tells anybody. */
  #measure(answers: readonly Answer[]): void {
    const size = this.#counter.size ?? this.#counter.measureSize();
    for (const { meta } of answers) if (meta.size_after === 0) meta.size_after = size;
  }

  #workOf(statement: string, params: readonly unknown[]): Work {
    return { plan: this.#plans.find(statement), values: bindValues(params) };
  }
}

const ONLY_THE_LAST =
  "When executing multiple SQL statements in a single call, only the last statement can have parameters.";

function hasStatements({ plan }: Work): boolean {
  return plan.pieces.length > 0;
}

function checkValues(piece: PlannedPiece, values: SqliteValue[]): void {
  if (values.length !== piece.values) throw sqlError("Wrong number of parameter bindings for SQL query.");
}
