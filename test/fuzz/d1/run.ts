// `npm run fuzz -- d1`: whatever answers in D1's place, the driver takes no garbage for a success, sends no write twice, and
// tells the truth about what has become of it.
import { strict as assert } from "node:assert";
import { inspect } from "node:util";
import { systemClock } from "../../../dist/clock.js";
import { openD1Http, type RequestCosts } from "../../../dist/database/d1-http.js";
import type { Database } from "../../../dist/database/database.js";
import { HidbError } from "../../../dist/errors.js";
import { type Finding, tryCases, within } from "../cases.ts";
import type { Options } from "../lists/run.ts";
import type { Chance } from "../random.ts";
import { MUTATIONS } from "./mutations.ts";
import { MutatedD1, type Turn } from "./server.ts";

const MANY = 10_000;
const TOKEN = "planted-token-0123456789abcdefghijklmnop";
const READ = "SELECT ? AS nonce, count(*) AS n FROM writes";
const WRITE = "INSERT INTO writes (nonce) VALUES (?)";
/** A longer message would fill logs with what some server has made up. */
const LONGEST_MESSAGE = 2000;

export async function fuzz(options: Options): Promise<number> {
  return (await fuzzD1({ count: MANY, ...options })).length;
}

export async function fuzzD1(options: Options & { count: number }): Promise<Finding[]> {
  const server = await MutatedD1.start();
  try {
    return await tryCases("d1", options, (chance, index) => within(100_000, one(server, chance, index)));
  } finally {
    server.close();
  }
}

async function one(server: MutatedD1, chance: Chance, index: number): Promise<void> {
  const nonce = `n${index}-${chance.below(1e9)}`;
  // Each mutation comes first in turn; then none, or others.
  const first = MUTATIONS[index % MUTATIONS.length] ?? chance.pick(MUTATIONS);
  const mutations = [first, ...Array.from({ length: chance.skewed(4) }, () => chance.pick(MUTATIONS))];
  const turns = mutations.map((mutation): Turn => {
    const isApplied = mutation.meaning === "whole" || (mutation.meaning === "nothing" && chance.maybe(0.5));
    return { mutation, isApplied, chance };
  });
  const isWrite = chance.maybe(0.6);
  const inBatch = chance.maybe(0.3);
  const costs: RequestCosts[] = [];
  const database = await open(server, costs);
  const before = server.requests;
  server.turns = [...turns];
  const names = mutations.map(({ name }) => name).join(" | ");
  try {
    await (isWrite ? checkWrite : checkRead)({ server, database, nonce, inBatch, turns });
    if (isWrite) assert(server.requests - before <= turns.length + 1);
    // The same connections, with nothing left on them of what was said before.
    server.turns = [];
    const [row] = (await database.prepare(READ).bind(nonce).all<{ nonce: string }>()).results;
    assert.equal(row?.nonce, nonce, "the next question got another one's answer");
    assert.equal(server.strayed, 0, "the token went where a redirect led");
    for (const cost of costs)
      assert(
        [cost.rowsRead, cost.rowsWritten].every((rows) => Number.isFinite(rows) && rows >= 0),
        `costs ${inspect(cost)}`,
      );
  } catch (error) {
    throw new Error(`${isWrite ? "write" : "read"}${inBatch ? " in a batch" : ""}, answered with: ${names}`, {
      cause: error,
    });
  } finally {
    await database.close();
  }
}

interface Case {
  server: MutatedD1;
  database: Database;
  nonce: string;
  inBatch: boolean;
  turns: Turn[];
}

async function checkRead({ server, database, nonce, inBatch, turns }: Case): Promise<void> {
  const n = server.database.prepare<[], { n: number }>("SELECT count(*) AS n FROM writes").get()?.n;
  const statement = database.prepare(READ).bind(nonce);
  try {
    const results = inBatch ? await database.batch([statement, statement]) : [await statement.all()];
    for (const { results: rows, meta } of results) {
      assert.deepEqual(rows, [{ nonce, n }]);
      assert.equal(meta.changes, 0);
    }
  } catch (error) {
    checkError(error, turns);
    assert(!(error instanceof HidbError) || error.code !== "DATABASE_OUTCOME_UNKNOWN", "a read has no outcome");
  }
}

async function checkWrite({ server, database, nonce, inBatch, turns }: Case): Promise<void> {
  const statement = database.prepare(WRITE).bind(nonce);
  const times = inBatch ? 2 : 1;
  try {
    const results = inBatch ? await database.batch([statement, statement]) : [await statement.run()];
    assert.equal(server.applied(nonce), times, "told that it was written, and it was not");
    for (const { meta } of results) assert.equal(meta.changes, 1);
  } catch (error) {
    checkError(error, turns);
    const applied = server.applied(nonce);
    assert(applied === 0 || applied === times, "written more than once");
    const isOpen = error instanceof HidbError && error.code === "DATABASE_OUTCOME_UNKNOWN";
    assert(isOpen || applied === 0, `told that nothing was changed (${error}), and it was written`);
  }
}

function checkError(error: unknown, turns: Turn[]): void {
  if (error instanceof assert.AssertionError) throw error;
  assert(error instanceof Error);
  const isRefused = turns.some(({ mutation }) => mutation.meaning === "statement refused");
  if (!(error instanceof HidbError)) {
    assert(isRefused && error.message.startsWith("D1_ERROR: "), `expected trouble of the way, got ${error.stack}`);
  } else {
    assert.equal(error.exitCode, 5);
    assert(error.message.length < LONGEST_MESSAGE, `a message of ${error.message.length} characters`);
  }
  assert(!inspect(error, { depth: 9, showHidden: true }).includes(TOKEN), "the token is in an error");
}

/** Waits take no time, only the clock moves on. */
async function open(server: MutatedD1, costs: RequestCosts[]): Promise<Database> {
  let passed = 0;
  const clock = {
    ...systemClock,
    now: () => systemClock.now() + passed,
    monotonic: () => systemClock.monotonic() + passed,
    random: () => 0.5,
    sleep: async (ms: number) => {
      passed += ms;
    },
  };
  return openD1Http({
    ...{ accountId: "0123456789abcdef", databaseId: "00000000-0000-4000-8000-000000000001", apiToken: TOKEN },
    ...{ baseUrl: server.baseUrl, clock, deadlineMs: 250, maxAnswerMb: 1, patienceMs: 20_000, backoffMs: 100 },
    onRequest: (cost) => void costs.push(cost),
  });
}
