// The strict engine: Node's own SQLite, which has an authorizer, limits and double-quoted texts, set as D1 has them.
import { constants, DatabaseSync, type StatementSync } from "node:sqlite";
import { codeOf, HidbError, messageOf } from "../errors.js";
import { asUnknown, refuseNewer } from "./absent.js";
import type { Command, Compiled, Engine, Probe } from "./engine.js";
import { limitDeletion } from "./limited-delete.js";
import { LIMITS } from "./limits.js";
import { numberParameters } from "./parameters.js";
import {
  ABSENT_TABLES,
  allowsFunction,
  allowsModule,
  allowsPragma,
  isReserved,
  isTransaction,
  renamesToReserved,
} from "./rules.js";
import { codeName } from "./sqlite-codes.js";
import { sqlError, USE_BATCH } from "./sqlite-errors.js";
import { isWord, type Token, tokenize } from "./text.js";
import { fromCell, type SqliteValue, toObjects } from "./values.js";

export class StrictEngine implements Engine {
  readonly #driver: DatabaseSync;
  /** Whether what is being compiled is ours, and no rule holds. */
  #ours = false;

  constructor(file: string) {
    this.#driver = withCodes(() => new DatabaseSync(file, OPTIONS));
    if (this.#driver.limits === undefined) throw nodeTooOld();
    this.#driver.setAuthorizer((action, first, second, database) =>
      this.#ours || isAllowed(action, first, second, database) ? constants.SQLITE_OK : constants.SQLITE_DENY,
    );
  }

  compile(sql: string): Compiled {
    const tokens = tokenize(sql);
    return withCodes(() => new StrictStatement(this.#prepare(sql, tokens), tokens));
  }

  probe(sql: string): Probe {
    return { get: () => Number(this.texts(sql)[0]) };
  }

  texts(sql: string): unknown[] {
    return this.#asOurs(() => (this.#driver.prepare(sql).all() as unknown as unknown[][]).map((row) => row[0]));
  }

  exec(sql: string): void {
    this.#asOurs(() => this.#driver.exec(sql));
  }

  command(sql: string): Command {
    return { run: () => this.exec(sql) };
  }

  get inTransaction(): boolean {
    return this.#driver.isTransaction;
  }

  close(): void {
    this.#driver.close();
  }

  #asOurs<T>(work: () => T): T {
    this.#ours = true;
    try {
      return withCodes(work);
    } finally {
      this.#ours = false;
    }
  }

  #prepare(sql: string, tokens: Token[]): StatementSync {
    try {
      if (renamesToReserved(tokens)) throw sqlError("not authorized: SQLITE_AUTH");
      refuseNewer(sql, tokens);
      return this.#driver.prepare(sql);
    } catch (error) {
      const message = messageOf(error);
      if (message === "not authorized" && isTransaction(tokens)) throw sqlError(USE_BATCH);
      const limited = /^near "(ORDER|LIMIT)": syntax error$/i.test(message) ? limitDeletion(sql, tokens) : undefined;
      if (limited !== undefined) return this.#driver.prepare(limited);
      throw asUnknown(error);
    }
  }
}

const OPTIONS = {
  timeout: 0,
  enableForeignKeyConstraints: true,
  enableDoubleQuotedStringLiterals: true,
  allowBareNamedParameters: false,
  readBigInts: true,
  returnArrays: true,
  limits: {
    variableNumber: LIMITS.parameters,
    sqlLength: LIMITS.sqlBytes,
    column: LIMITS.columns,
    length: LIMITS.valueBytes,
    likePatternLength: LIMITS.patternBytes,
    functionArg: LIMITS.functionArguments,
    compoundSelect: LIMITS.compoundTerms,
    exprDepth: LIMITS.expressionDepth,
    triggerDepth: LIMITS.triggerDepth,
    attach: 0,
  },
};

function isAllowed(action: number, first: string | null, second: string | null, database: string | null): boolean {
  switch (action) {
    case constants.SQLITE_FUNCTION:
      return second !== null && allowsFunction(second);
    case constants.SQLITE_CREATE_TABLE:
    case constants.SQLITE_CREATE_VIEW:
    case constants.SQLITE_CREATE_TRIGGER:
      return database !== "temp" && !isReserved(first);
    case constants.SQLITE_PRAGMA:
      return database !== "temp" && first !== null && allowsPragma(first, second);
    case constants.SQLITE_CREATE_VTABLE:
    case constants.SQLITE_DROP_VTABLE:
      return second !== null && allowsModule(second) && !isReserved(first);
    case constants.SQLITE_ATTACH:
    case constants.SQLITE_DETACH:
    case constants.SQLITE_TRANSACTION:
    case constants.SQLITE_SAVEPOINT:
    case constants.SQLITE_CREATE_TEMP_INDEX:
    case constants.SQLITE_CREATE_TEMP_TABLE:
    case constants.SQLITE_CREATE_TEMP_TRIGGER:
    case constants.SQLITE_CREATE_TEMP_VIEW:
    case constants.SQLITE_DROP_TEMP_INDEX:
    case constants.SQLITE_DROP_TEMP_TABLE:
    case constants.SQLITE_DROP_TEMP_TRIGGER:
    case constants.SQLITE_DROP_TEMP_VIEW:
      return false;
    case constants.SQLITE_READ:
      return !isReserved(first) && !ABSENT_TABLES.has(first ?? "");
    case constants.SQLITE_ALTER_TABLE:
      return !isReserved(second);
    default:
      return !isReserved(first);
  }
}

/** Node tells SQLite's code as a number in a property of its own. */
function withCodes<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (codeOf(error) !== "ERR_SQLITE_ERROR") throw error;
    // Of this one error Node has the extended code no more.
    const isCollation = messageOf(error).startsWith("no such collation sequence");
    const code = isCollation
      ? "SQLITE_ERROR_MISSING_COLLSEQ"
      : codeName(Number(Reflect.get(error as Error, "errcode")));
    throw Object.assign(new Error(messageOf(error)), { code });
  }
}

class StrictStatement implements Compiled {
  readonly #statement: StatementSync;
  readonly #names: (string | undefined)[];
  readonly #isPlain: boolean;
  readonly reader: boolean;
  readonly readonly: boolean;

  constructor(statement: StatementSync, tokens: Token[]) {
    this.#statement = statement;
    const { names, plain } = numberParameters(tokens);
    this.#names = names;
    this.#isPlain = plain;
    this.reader = statement.columns().length > 0;
    this.readonly = isWord(tokens[0], "SELECT", "VALUES");
  }

  columns(): string[] {
    return this.#statement.columns().map((column) => column.name);
  }

  objects(values: SqliteValue[]): Record<string, unknown>[] {
    const rows = this.rows(values);
    return toObjects(this.columns(), rows);
  }

  rows(values: SqliteValue[]): unknown[][] {
    return this.#all(values).map((row) => row.map(fromCell));
  }

  run(values: SqliteValue[]): undefined {
    this.#all(values);
  }

  #all(values: SqliteValue[]): unknown[][] {
    return withCodes(() => {
      if (this.#isPlain) return this.#statement.all(...values) as unknown as unknown[][];
      const named: Record<string, SqliteValue> = {};
      const plain: SqliteValue[] = [];
      for (const [at, value] of values.entries()) {
        const name = this.#names[at];
        // Of the named ones Node counts `?N` among those without a name.
        if (name === undefined || name.startsWith("?")) plain.push(value);
        else named[name] = value;
      }
      return this.#statement.all(named, ...plain) as unknown as unknown[][];
    });
  }
}

function nodeTooOld(): HidbError {
  return new HidbError({
    code: "SETTING_INVALID",
    message: `expected Node 24.15 or newer for the strict level, got ${process.versions.node}`,
    fix: "update Node, or unset HIDB_STRICT",
  });
}
