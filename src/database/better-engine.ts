// The default engine: better-sqlite3, which is the faster one, with the rules of D1 that a look at the text can see.
import BetterSqlite3 from "better-sqlite3";
import { asUnknown, refuseNewer } from "./absent.js";
import type { Command, Compiled, Engine, Probe, RunInfo } from "./engine.js";
import { LIMITS } from "./limits.js";
import { byteOffset, findVariable } from "./offset.js";
import { numberParameters, type Parameters } from "./parameters.js";
import { type NameOf, prepareQuoted, type Statement } from "./quoted.js";
import { findAbsentTable, findFunction, isForbidden, isTransaction } from "./rules.js";
import { sqlError, USE_BATCH } from "./sqlite-errors.js";
import { type Token, tokenize } from "./text.js";
import { fromRows, type SqliteValue, toObjects } from "./values.js";

export class BetterEngine implements Engine {
  readonly #driver: BetterSqlite3.Database;

  constructor(file: string) {
    this.#driver = new BetterSqlite3(file, { timeout: 0 });
  }

  compile(sql: string): Compiled {
    const tokens = tokenize(sql);
    if (isTransaction(tokens)) {
      this.#driver.prepare(sql);
      throw sqlError(USE_BATCH);
    }
    // Before SQLite sees it: a pragma can take effect while it is compiled.
    if (isForbidden(tokens)) throw sqlError("not authorized: SQLITE_AUTH");
    const absent = findAbsentTable(tokens);
    if (absent !== undefined) throw sqlError(`no such table: ${absent.text}: SQLITE_ERROR`);
    refuseVariables(sql, tokens);
    refuseNewer(sql, tokens);
    const compiled = this.#compileText(sql, tokens);
    refuseFunctions(sql, tokens);
    if (compiled.reader && compiled.columns().length > LIMITS.columns) {
      throw sqlError("too many columns in result set: SQLITE_ERROR");
    }
    return compiled;
  }

  #compileText(sql: string, tokens: Token[]): Compiled {
    try {
      return compileText(this.#driver, sql, tokens);
    } catch (error) {
      throw asUnknown(error);
    }
  }

  probe(sql: string): Probe {
    let statement: BetterSqlite3.Statement<[], number> | undefined;
    return {
      get: () => {
        statement ??= this.#driver.prepare<[], number>(sql).pluck(true);
        return statement.get() as number;
      },
    };
  }

  texts(sql: string): unknown[] {
    return this.#driver.prepare(sql).pluck(true).all();
  }

  exec(sql: string): void {
    this.#driver.exec(sql);
  }

  command(sql: string): Command {
    return this.#driver.prepare(sql);
  }

  get inTransaction(): boolean {
    return this.#driver.inTransaction;
  }

  close(): void {
    this.#driver.close();
  }
}

/** D1's functions; SQLite has found the text to be right otherwise. */
function refuseFunctions(sql: string, tokens: Token[]): void {
  const refused = findFunction(tokens);
  if (refused !== undefined) {
    const trouble = refused.absent ? "no such function" : "not authorized to use function";
    throw sqlError(`${trouble}: ${refused.token.text} at offset ${byteOffset(sql, refused.token)}: SQLITE_ERROR`);
  }
}

function refuseVariables(sql: string, tokens: Token[]): void {
  const variable = findVariable(tokens, () => true);
  if (variable !== undefined) {
    const range = `variable number must be between ?1 and ?${LIMITS.parameters}`;
    const trouble = /^\?\d/.test(variable.text) ? range : "too many SQL variables";
    throw sqlError(`${trouble} at offset ${byteOffset(sql, variable)}: SQLITE_ERROR`);
  }
}

function compileText(driver: BetterSqlite3.Database, sql: string, tokens: Token[]): Compiled {
  const { statement, nameOf } = prepareQuoted(driver, sql, tokens);
  const parameters = numberParameters(tokens);
  if (parameters.plain) return new PlainStatement(statement, nameOf);
  const names = parameters.names.filter((name) => name !== undefined).map((name) => name.slice(1));
  if (new Set(names).size === names.length) return new NamedStatement(statement, nameOf, parameters);
  // `:a` and `$a` are two parameters of one name to better-sqlite3: here all become a `?` of their own.
  return new RenamedStatement(driver.prepare(replaceVariables(sql, tokens)), nameOf, parameters);
}

function replaceVariables(sql: string, tokens: Token[]): string {
  let text = "";
  let from = 0;
  for (const token of tokens) {
    if (token.kind !== "variable") continue;
    text += `${sql.slice(from, token.start)}?`;
    from = token.end;
  }
  return text + sql.slice(from);
}

class PlainStatement implements Compiled {
  readonly #statement: Statement;
  readonly reader: boolean;
  readonly readonly: boolean;
  readonly #nameOf: NameOf | undefined;
  /** Whether the driver's own row objects would do: it would take a column `__proto__` for the row's prototype. */
  readonly #isOrdinary: boolean;
  #givesArrays = false;

  constructor(statement: Statement, nameOf: NameOf | undefined) {
    this.#statement = statement;
    this.reader = statement.reader;
    this.readonly = statement.readonly;
    this.#nameOf = nameOf;
    this.#isOrdinary = nameOf === undefined && !this.columns().includes("__proto__");
  }

  columns(): string[] {
    if (!this.reader) return [];
    const names = this.#statement.columns().map((column) => column.name);
    return this.#nameOf === undefined ? names : names.map(this.#nameOf);
  }

  objects(values: SqliteValue[]): Record<string, unknown>[] {
    if (!this.#isOrdinary) return toObjects(this.columns(), this.rows(values));
    this.#giveRows(false);
    return fromRows(this.#statement.all(...this.bound(values)) as Record<string, unknown>[]);
  }

  rows(values: SqliteValue[]): unknown[][] {
    this.#giveRows(true);
    return fromRows(this.#statement.all(...this.bound(values)) as unknown[][]);
  }

  /** The driver is told when the shape changes only, for telling it takes a while. */
  #giveRows(asArrays: boolean): void {
    if (asArrays === this.#givesArrays) return;
    this.#statement.raw(asArrays);
    this.#givesArrays = asArrays;
  }

  run(values: SqliteValue[]): RunInfo {
    return this.#statement.run(...this.bound(values));
  }

  protected bound(values: SqliteValue[]): unknown[] {
    return values;
  }
}

class NamedStatement extends PlainStatement {
  readonly #names: (string | undefined)[];

  constructor(statement: Statement, nameOf: NameOf | undefined, { count, names }: Parameters) {
    super(statement, nameOf);
    this.#names = Array.from({ length: count }, (_, at) => names[at]?.slice(1));
  }

  protected override bound(values: SqliteValue[]): unknown[] {
    const named: Record<string, SqliteValue> = Object.create(null);
    const plain: SqliteValue[] = [];
    for (const [at, value] of values.entries()) {
      const name = this.#names[at];
      if (name === undefined) plain.push(value);
      else named[name] = value;
    }
    return [...plain, { ...named }];
  }
}

class RenamedStatement extends PlainStatement {
  readonly #numbers: number[];

  constructor(statement: Statement, nameOf: NameOf | undefined, { numbers }: Parameters) {
    super(statement, nameOf);
    this.#numbers = numbers;
  }

  protected override bound(values: SqliteValue[]): unknown[] {
    return this.#numbers.map((number) => values[number - 1]);
  }
}
