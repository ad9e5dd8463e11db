// The shipped SQLite driver as one simulated instance has it: each call is a step of virtual time, before and after which
// its process may die or stand still.
import type { D1Database, D1PreparedStatement, D1Result } from "@cloudflare/workers-types";
import type { Database } from "../../src/database/database.ts";
import { LOCAL_PACING } from "../../src/database/pacing.ts";
import { ContractStatement, type Query, type RawRows, type Runner } from "../../src/database/statement.ts";
import { nameStatement } from "./names.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

type Local = Database & Runner;

export class SimulatedDatabase implements D1Database, Runner {
  readonly pacing = LOCAL_PACING;
  readonly #local: Local;
  readonly #process: Process;
  readonly #scheduler: Scheduler;

  constructor(local: Database, process: Process, scheduler: Scheduler) {
    this.#local = local as Local;
    this.#process = process;
    this.#scheduler = scheduler;
  }

  prepare(sql: string): D1PreparedStatement {
    return new ContractStatement(this, sql, []);
  }

  objects<T>(query: Query): Promise<D1Result<T>> {
    return this.#call(nameStatement(query.statement), () => this.#local.objects<T>(query));
  }

  rows(query: Query): Promise<RawRows> {
    return this.#call(nameStatement(query.statement), () => this.#local.rows(query));
  }

  batch<T = unknown>(statements: D1PreparedStatement[]): Promise<D1Result<T>[]> {
    const queries = statements as unknown as Query[];
    const what = queries.map(({ statement }) => nameStatement(statement)).join("+");
    return this.#call(what, () => this.#local.batch<T>(statements));
  }

  exec(): never {
    throw new Error("expected nobody in the pool to call exec");
  }

  withSession(): never {
    throw new Error("expected nobody in the pool to open a session");
  }

  dump(): never {
    throw new Error("expected nobody in the pool to dump");
  }

  async close(): Promise<void> {
    // Shared with everybody.
  }

  #call<T>(what: string, work: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const process = this.#process;
    const { random } = process;
    // Mostly at once; now and then as late as after somebody else's long transaction.
    const latencyMs = random.chance(0.01) ? random.between(0, 200) : random.between(0.02, 1);
    this.#scheduler.after(latencyMs, process, what, () => this.#take(process, what, work, resolve, reject));
    return promise;
  }

  #take<T>(
    process: Process,
    what: string,
    work: () => Promise<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ): void {
    const ambush = dueAmbush(process);
    if (ambush?.where === "before") {
      ambush.strike();
      // Who is only frozen does it once he is awake.
      if (process.alive)
        this.#scheduler.after(0, process, what, () => this.#take(process, what, work, resolve, reject));
      return;
    }
    const answer = work();
    if (ambush === undefined) return void answer.then(resolve, reject);
    ambush.strike();
    // Done, but its process does not hear of it: never, or only once it is awake.
    const later = (go: () => void) => void this.#scheduler.after(0, process, "answer", go);
    answer.then(
      (value) => later(() => resolve(value)),
      (error: unknown) => later(() => reject(error)),
    );
  }
}

/** Each operation counts down the first of them. */
export function dueAmbush(process: Process) {
  const [first] = process.ambushes;
  if (first === undefined || first.after-- > 0) return undefined;
  return process.ambushes.shift();
}
