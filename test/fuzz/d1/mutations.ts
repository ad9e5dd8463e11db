// Cloudflare's answers as nobody has ever seen them: each true answer of D1 becomes one that is broken in a known way.
import type { Chance } from "../random.ts";
import { type Envelope, type Meaning, type Mutation, type Result, send } from "./answer.ts";
import { WIRE } from "./wire.ts";

const ODD: unknown[] = [
  null,
  undefined,
  0,
  1,
  -1,
  1.5,
  "",
  "1",
  "true",
  [],
  {},
  [[]],
  [null],
  { toString: 1 },
  true,
  false,
  "x".repeat(100),
];

function json(
  name: string,
  meaning: Meaning,
  change: (truth: Envelope, chance: Chance) => unknown,
  status = 200,
): Mutation {
  return {
    name,
    meaning,
    answer({ response, truth }, chance) {
      send(response, status, JSON.stringify(change(structuredClone(truth), chance)) ?? "");
    },
  };
}

/** Changes one of the results, the first or any other. */
function inResult(name: string, change: (result: Result, chance: Chance) => unknown): Mutation {
  return json(name, "nothing", (truth, chance) => {
    const at = chance.below(truth.result.length);
    const one = truth.result[at] as Result;
    const changed = change(one, chance);
    if (changed !== undefined) truth.result[at] = changed as Result;
    return truth;
  });
}

function odd(chance: Chance, not: (value: unknown) => boolean = () => false): unknown {
  return chance.pick(ODD.filter((value) => !not(value)));
}

function failure(
  status: number,
  code: unknown,
  message: unknown,
  meaning: Meaning,
  headers: Record<string, string> = {},
): Mutation {
  return {
    name: `HTTP ${status}, ${String(code)}: ${String(message).slice(0, 60)}`,
    meaning,
    answer({ response }) {
      const body = { result: null, success: false, errors: [{ code, message }], messages: [] };
      send(response, status, JSON.stringify(body), headers);
    },
  };
}

export const MUTATIONS: readonly Mutation[] = [
  json("nothing changed", "whole", (truth) => truth),
  json("further fields", "whole", (truth) => ({ __proto__x: 1, ...truth, result_info: { count: 1 }, messages: ["x"] })),
  json("success is odd", "nothing", (truth, chance) => ({ ...truth, success: odd(chance, (value) => value === true) })),
  json("no success", "nothing", ({ success: _, ...truth }) => truth),
  json("result is odd", "nothing", (truth, chance) => ({ ...truth, result: odd(chance) })),
  json("fewer results", "nothing", (truth) => ({ ...truth, result: truth.result.slice(0, -1) })),
  json("an odd result", "nothing", (truth, chance) => ({
    ...truth,
    result: truth.result.with(chance.below(truth.result.length), odd(chance) as Result),
  })),
  json("the envelope in an array", "nothing", (truth) => [truth]),
  json("another envelope", "nothing", (_, chance) => odd(chance)),
  inResult("a result without success", (one) => ({ ...one, success: false, results: { columns: [], rows: [] } })),
  inResult("results are odd", (one, chance) => ({ ...one, results: odd(chance) })),
  inResult("results as objects", (one) => ({ ...one, results: [{ n: 1 }] })),
  inResult("columns are odd", (one, chance) => ({
    ...one,
    results: { ...one.results, columns: odd(chance, (value) => Array.isArray(value) && value.length === 0) },
  })),
  inResult("columns of numbers", (one) => ({ ...one, results: { columns: [1, 2], rows: [[1, 2]] } })),
  inResult("rows are odd", (one, chance) => ({
    ...one,
    results: { ...one.results, rows: odd(chance, (value) => Array.isArray(value) && value.length === 0) },
  })),
  inResult("a row that is odd", (one, chance) => ({
    ...one,
    results: { ...one.results, rows: [odd(chance)], columns: ["a", "b", "c"] },
  })),
  inResult("a row that is short", (one) => ({ ...one, results: { columns: ["nonce", "n"], rows: [["x"]] } })),
  inResult("a row that is long", (one) => ({ ...one, results: { columns: ["nonce"], rows: [["x", 1]] } })),
  inResult("meta is odd", (one, chance) => ({ ...one, meta: odd(chance) })),
  inResult("no meta", ({ meta: _, ...one }) => one),
  inResult("changes is odd", (one, chance) => ({
    ...one,
    meta: { ...one.meta, changes: odd(chance, (value) => value === 0 || value === 1) },
  })),
  inResult("no changes", (one) => ({ ...one, meta: { ...one.meta, changes: undefined } })),
  json("odd costs", "whole", (truth, chance) => ({
    ...truth,
    result: truth.result.map((one) => ({
      ...one,
      meta: { ...one.meta, rows_read: odd(chance), rows_written: odd(chance), duration: odd(chance) },
    })),
  })),
  json("success with HTTP 500", "nothing", (truth) => truth, 500),
  json("success with HTTP 301", "nothing", (truth) => truth, 301),
  json("success with HTTP 400", "nothing", (truth) => truth, 400),
  json("errors are odd", "nothing", (_, chance) => ({ success: false, errors: odd(chance), result: null })),
  json(
    "an error that is odd",
    "nothing",
    (_, chance) => ({ success: false, errors: [odd(chance)], result: null }),
    500,
  ),
  json("nested deep", "nothing", (_, chance) => ({
    success: false,
    errors: JSON.parse("[".repeat(2000) + "]".repeat(2000)),
    result: chance.below(2),
  })),
  failure(429, 971, "Please wait", "not applied", { "retry-after": "0" }),
  failure(429, 971, "Please wait", "not applied", { "retry-after": "99999999999999999999" }),
  failure(429, 971, "Please wait", "not applied", { "retry-after": "-1" }),
  failure(429, "971", "Please wait", "not applied", { "retry-after": "Tue, 24 Nov 2026 12:00:00 GMT" }),
  failure(429, null, null, "not applied", { "retry-after": "1e99" }),
  failure(400, 7500, 'near "x": syntax error: SQLITE_ERROR', "statement refused"),
  failure(400, 7500, `${"y".repeat(900_000)}`, "statement refused"),
  failure(401, 10000, "x".repeat(900_000), "not applied"),
  failure(403, 7403, "not authorized", "not applied"),
  failure(404, 7404, "x\u001b[2J\n\u0000", "not applied"),
  failure(500, 7500, "x".repeat(900_000), "nothing"),
  failure(500, 7500, { deep: [] }, "nothing"),
  failure(503, Number.MAX_VALUE, "D1 DB is overloaded. Requests queued for too long.", "nothing"),
  failure(408, 1, "timeout", "nothing"),
  failure(520, 1, "unknown", "nothing"),
  failure(400, 7500, "Your account has exceeded D1's free tier daily row write limit.", "not applied"),
  ...[
    200, 201, 202, 204, 206, 300, 301, 302, 303, 304, 307, 308, 400, 403, 404, 409, 418, 425, 500, 502, 503, 504, 599,
    999,
  ].map(
    (status): Mutation => ({
      name: `a page with HTTP ${status}`,
      meaning: "nothing",
      answer({ response, elsewhere }) {
        const headers = { "content-type": "text/html", location: elsewhere };
        send(
          response,
          status,
          status === 204 || status === 304 ? "" : "<html><title>Just a moment...</title></html>",
          headers,
        );
      },
    }),
  ),
  ...WIRE,
];
