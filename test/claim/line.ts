// A world's database as if it were far away: each call is a request, and its answer may be lost.
import { systemClock } from "../../src/clock.js";
import { batchRequests } from "../../src/database/d1/request-batcher.js";
import type { Database } from "../../src/database/database.js";
import type { Runner } from "../../src/database/statement.js";
import { HidbError } from "../../src/errors.js";
import type { World } from "./world.js";

type Batch = Database["batch"];
type Statements = Parameters<Batch>[0];

/** The request was carried out; it never arrived; it is still on its way. */
type Fate = "applied" | "gone" | "late";

export class Line {
  readonly database: Database;
  /** Statements of each request, in order. */
  readonly requests: string[][] = [];
  readonly #near: Database & Runner;
  readonly #losses: { what: RegExp; fate: Fate }[] = [];
  readonly #late: Statements[] = [];

  constructor(world: World) {
    const near = world.database as Database & Runner;
    this.#near = near;
    const carrier: Database & Runner = Object.create(near, {
      batch: { value: (statements: Statements) => this.#carry(statements) },
      exec: { value: near.exec.bind(near) },
      close: { value: near.close.bind(near) },
    });
    this.database = batchRequests(carrier, { clock: systemClock, ready: async () => undefined });
  }

  /** The next request with such a statement gets no answer. */
  lose(what: RegExp, fate: Fate): void {
    this.#losses.push({ what, fate });
  }

  /** What was on its way arrives now. */
  async arrive(): Promise<void> {
    for (const statements of this.#late.splice(0)) await this.#near.batch(statements);
  }

  async #carry(statements: Statements): Promise<unknown> {
    const texts = statements.map((one) => (one as unknown as { statement: string }).statement);
    this.requests.push(texts);
    const at = this.#losses.findIndex(({ what }) => texts.some((text) => what.test(text)));
    const [loss] = at < 0 ? [] : this.#losses.splice(at, 1);
    if (loss === undefined) return this.#near.batch(statements);
    if (loss.fate === "applied") await this.#near.batch(statements);
    if (loss.fate === "late") this.#late.push(statements);
    throw new HidbError({ code: "DATABASE_OUTCOME_UNKNOWN", message: "expected an answer, got none", fix: "wait" });
  }
}
