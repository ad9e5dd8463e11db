// Cloudflare's D1 and the way to it: one database that answers whole requests, and everything that can become of a
// request on the way (facts/d1.md, sections 6 and 10).
import type { Carrier } from "../../src/database/d1/client.ts";
import type { Exchanged, ExchangeParts } from "../../src/database/d1/connection.ts";
import type { Database } from "../../src/database/database.ts";
import { messageOf } from "../../src/errors.ts";
import { dueAmbush } from "./database.ts";
import { nameStatement } from "./names.ts";
import { type Ambush, EPOCH, type Process } from "./process.ts";
import type { Random } from "./random.ts";
import type { Millis, Scheduler } from "./scheduler.ts";

export const FATES = [
  "refused",
  "lost request",
  "lost answer",
  "late request",
  "late answer",
  "error 500",
  "error 503",
  "limit 429",
  "connection lost",
  "overloaded",
  "spurious 7403",
  "truncated",
] as const;
export type Fate = (typeof FATES)[number];

/** What the way to D1 is like for now. */
export interface Weather {
  /** The probability that a request meets one of the fates. */
  badness: number;
  fates: readonly Fate[];
  outage: boolean;
  quota: boolean;
}

const CALM: Weather = { badness: 0, fates: [], outage: false, quota: false };

export class Cloud {
  weather: Weather = CALM;
  readonly met = new Map<string, number>();
  readonly #database: Database;
  readonly #scheduler: Scheduler;
  /** Whose request it is that is being carried out. */
  executor: Process | undefined;

  constructor(database: Database, scheduler: Scheduler) {
    this.#database = database;
    this.#scheduler = scheduler;
  }

  calm(): void {
    this.weather = CALM;
  }

  carrier(process: Process, openStore: () => Database): Carrier {
    return {
      exchange: (parts) => new Journey(this, process, parts, openStore).promise,
      close: () => undefined,
    };
  }

  draw(random: Random): Fate | undefined {
    const { badness, fates } = this.weather;
    return fates.length > 0 && random.chance(badness) ? random.pick(fates) : undefined;
  }

  note(what: string): void {
    this.met.set(what, (this.met.get(what) ?? 0) + 1);
  }

  get scheduler(): Scheduler {
    return this.#scheduler;
  }

  get database(): Database {
    return this.#database;
  }
}

interface Sent {
  sql: string;
  params: unknown[];
}

/** One request, from its sending to whatever its sender hears of it. */
class Journey {
  readonly promise: Promise<Exchanged>;
  readonly #cloud: Cloud;
  readonly #process: Process;
  readonly #queries: Sent[];
  readonly #what: string;
  readonly #deadlineMs: Millis;
  readonly #resolve: (exchanged: Exchanged) => void;
  readonly #store: Database;
  #over = false;

  constructor(cloud: Cloud, process: Process, { body, deadlineMs }: ExchangeParts, openStore: () => Database) {
    this.#cloud = cloud;
    this.#process = process;
    const sent = JSON.parse(body ?? "{}") as Sent | { batch: Sent[] };
    this.#queries = "batch" in sent ? sent.batch : [sent];
    this.#what = this.#queries.map(({ sql }) => nameStatement(sql)).join("+");
    this.#deadlineMs = deadlineMs;
    this.#store = openStore();
    const { promise, resolve } = Promise.withResolvers<Exchanged>();
    this.promise = promise;
    this.#resolve = resolve;
    this.#depart();
  }

  #depart(): void {
    const { random } = this.#process;
    const ambush = dueAmbush(this.#process);
    if (ambush?.where === "before") ambush.strike();
    if (!this.#process.alive) return;
    if (this.#cloud.weather.outage) {
      this.#cloud.note("outage");
      this.#answerAfter(random.between(1, 50), notSent("connect ECONNREFUSED"));
      return;
    }
    const fate = this.#cloud.draw(random);
    if (fate !== undefined) this.#cloud.note(fate);
    const [there, back] = [random.between(2, 40), random.between(2, 40)];
    if (fate === undefined) this.#arrive(there, ambush, (text, status) => this.#answerAfter(back, reply(status, text)));
    else this.#suffer(fate, { there, back, ambush });
  }

  #suffer(fate: Fate, { there, back, ambush }: { there: Millis; back: Millis; ambush: Ambush | undefined }): void {
    const { random } = this.#process;
    const late = this.#deadlineMs;
    const carryOn = () => undefined;
    switch (fate) {
      case "lost request":
      case "refused":
        break;
      case "lost answer":
      case "late answer":
        this.#arrive(there, ambush, carryOn);
        break;
      case "late request":
        // The sender has long given up, may be dead, or may have asked again when it comes.
        this.#arrive(late + random.magnitude(1, 60_000), ambush, carryOn);
        break;
      case "error 500":
      case "connection lost":
        if (random.chance(0.5)) this.#arrive(there, ambush, carryOn);
        break;
      case "truncated":
        this.#arrive(there, ambush, (text) => {
          this.#answerAfter(back, reply(200, text.slice(0, Math.floor(text.length / 2))));
        });
        return;
      default:
    }
    const isLate = fate === "late request" || fate === "late answer";
    this.#answerAfter(isLate ? late : there + back, this.#answerTo(fate));
  }

  /** What the sender hears of one that did not come through. */
  #answerTo(fate: Exclude<Fate, "truncated">): Exchanged {
    switch (fate) {
      case "refused":
        return notSent("connect ECONNREFUSED");
      case "lost request":
      case "lost answer":
        return unknown("socket hang up (ECONNRESET)");
      case "late request":
      case "late answer":
        return unknown(`no answer within ${this.#deadlineMs} ms`);
      case "error 500":
        return failure(500, 7500, "internal error; reference = abcdef");
      case "error 503":
        return reply(503, "<html>503 Service Temporarily Unavailable</html>");
      case "limit 429": {
        const message = "Please wait and consider throttling your request speed";
        return failure(429, 971, message, String(this.#process.random.whole(1, 20)));
      }
      case "connection lost":
        return failure(500, 7500, "Network connection lost.");
      case "overloaded":
        return failure(500, 7500, "D1 DB is overloaded. Requests queued for too long.");
      case "spurious 7403":
        return failure(403, 7403, "The given account is not valid or is not authorized to access this service");
    }
  }

  /** The network carries it, whatever becomes of its sender. */
  #arrive(ms: Millis, ambush: Ambush | undefined, then: (text: string, status: number) => void): void {
    const { scheduler } = this.#cloud;
    scheduler.after(ms, undefined, `d1 ${this.#what}`, () => {
      if (this.#cloud.weather.quota && this.#queries.some(({ sql }) => !/^\s*SELECT/i.test(sql))) {
        this.#cloud.note("quota");
        const message = "Your account has exceeded D1's free tier daily row write limit.";
        const { answer } = failure(400, 7500, message);
        then(answer.text, answer.status);
        return;
      }
      const statements = this.#queries.map(({ sql, params }) => this.#store.prepare(sql).bind(...params));
      this.#store.batch(statements).then(
        (results) => {
          const result = results.map(({ results: rows, meta }, at) => ({
            ...{ results: this.#asksTime(at) ? this.#time() : toRaw(rows), meta, success: true },
          }));
          then(JSON.stringify({ result, success: true, errors: [], messages: [] }), 200);
        },
        (error: unknown) => {
          const { answer } = failure(400, 7500, messageOf(error).replace(/^D1_ERROR: /, ""));
          then(answer.text, answer.status);
        },
      );
      if (ambush?.where === "after" && this.#process.alive) ambush.strike();
    });
  }

  /** What SQLite itself would say is the time of another world. */
  #asksTime(at: number): boolean {
    return this.#queries[at]?.sql.includes("unixepoch('subsec')") ?? false;
  }

  #time(): { columns: string[]; rows: unknown[][] } {
    return { columns: ["now"], rows: [[Math.floor(EPOCH + this.#cloud.scheduler.now)]] };
  }

  #answerAfter(ms: Millis, exchanged: Exchanged): void {
    this.#cloud.scheduler.after(ms, this.#process, "answer", () => {
      if (!this.#over) this.#resolve(exchanged);
      this.#over = true;
    });
  }
}

function toRaw(rows: unknown[]): { columns: string[]; rows: unknown[][] } {
  const objects = rows as Record<string, unknown>[];
  const columns = Object.keys(objects[0] ?? {});
  return { columns, rows: objects.map((row) => columns.map((column) => row[column])) };
}

function notSent(got: string): Exchanged {
  return { kind: "not executed", got, waitMs: 0, isLimit: false };
}

function unknown(got: string): Exchanged {
  return { kind: "unknown", got, isLoad: false };
}

type Answered = Extract<Exchanged, { kind: "http" }>;

function reply(status: number, text: string, retryAfter?: string): Answered {
  return { kind: "http", answer: { status, text, retryAfter } };
}

function failure(status: number, code: number, message: string, retryAfter?: string): Answered {
  const body = { result: null, success: false, errors: [{ code, message }], messages: [] };
  return reply(status, JSON.stringify(body), retryAfter);
}
