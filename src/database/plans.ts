// The plans of the texts that were run last, and what they were compiled to.
import { codeOf, messageOf } from "../errors.js";
import type { Compiled, Engine } from "./engine.js";
import { findOffset } from "./offset.js";
import { type Plan, type PlannedPiece, planText, writtenTable } from "./plan.js";
import { compileError, sqlError } from "./sqlite-errors.js";

export interface SchemaRules {
  /** A statement that breaks one may be undone in part only, or with its whole transaction. */
  leaveTraces: boolean;
  /** A statement may change more rows than its own. */
  cascade: boolean;
  /** The end of a transaction may change rows that D1 counts for no statement, as a full-text table's does. */
  countLate: boolean;
}

const PLANS_KEPT = 200;
export const NO_STATEMENT = "SQL code did not contain a statement.";

export class Plans {
  readonly #engine: Engine;
  readonly #plans = new Map<string, Plan>();
  #rules: SchemaRules | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  find(text: string): Plan {
    let plan = this.#plans.get(text);
    if (plan === undefined) {
      plan = planText(text);
      if (this.#plans.size >= PLANS_KEPT) this.#plans.clear();
      this.#plans.set(text, plan);
    }
    return plan;
  }

  /** What the schema's own rules do behind a statement's back; looked up again after each change of the schema. */
  get rules(): SchemaRules {
    if (this.#rules === undefined) {
      const texts = this.#engine.texts("SELECT sql FROM sqlite_schema").join("\n");
      this.#rules = {
        leaveTraces: /\b(FAIL|ROLLBACK)\b/i.test(texts),
        cascade: /\b(TRIGGER|REFERENCES|VIRTUAL)\b/i.test(texts),
        countLate: /\bVIRTUAL\b/i.test(texts),
      };
    }
    return this.#rules;
  }

  /** A transaction that may have changed the schema was undone. */
  forgetRules(): void {
    this.#rules = undefined;
  }

  /** What was compiled may know an older schema. */
  forgetCompiled(): void {
    this.#rules = undefined;
    for (const { pieces } of this.#plans.values()) for (const piece of pieces) piece.compiled = undefined;
  }

  clear(): void {
    this.#plans.clear();
  }

  /** Rows written for each row that it changes: its own, and one in each index of its table. */
  writesOf(piece: PlannedPiece): number {
    const table = writtenTable(piece.tokens);
    if (table === undefined) return 1;
    const name = table.replaceAll("'", "''");
    return 1 + this.#engine.probe(`SELECT count(*) FROM pragma_index_list('${name}')`).get();
  }

  compile({ sql, tokens }: PlannedPiece): Compiled {
    try {
      return this.#engine.compile(sql);
    } catch (error) {
      if (/contains no statements/.test(messageOf(error))) throw sqlError(NO_STATEMENT);
      if (codeOf(error) !== "SQLITE_ERROR") throw error;
      const failure = { sql, tokens, message: messageOf(error), attempt: (copy: string) => this.#failureOf(copy) };
      throw compileError(error, findOffset(failure));
    }
  }

  #failureOf(sql: string): string | undefined {
    try {
      this.#engine.compile(sql);
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }
}
