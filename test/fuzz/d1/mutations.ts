// Cloudflare's answers as nobody has ever seen them: each true answer of D1 becomes one that is broken in a known way.
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Chance } from "../random.ts";

/** What the driver may conclude: all is well; nothing at all; that nothing was changed; that the statement is to blame. */
export type Meaning = "whole" | "nothing" | "not applied" | "statement refused";

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** The envelope as D1 has it. */
  truth: Envelope;
  /** Of another host, where a redirect would lead. */
  elsewhere: string;
}

interface Envelope {
  success: unknown;
  result: Result[];
  errors: unknown[];
  messages: unknown[];
}

interface Result {
  results: { columns: string[]; rows: unknown[][] };
  success: boolean;
  meta: Record<string, unknown>;
}

export interface Mutation {
  name: string;
  meaning: Meaning;
  answer(exchange: Exchange, chance: Chance): Promise<void> | void;
}

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

function send(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(body);
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

/** Bytes on the wire, and the end of the connection. */
function raw(
  name: string,
  meaning: Meaning,
  bytes: (truth: string, chance: Chance) => (string | Buffer)[],
  gapMs = 0,
): Mutation {
  return {
    name,
    meaning,
    async answer({ request, truth }, chance) {
      const { socket } = request;
      for (const part of bytes(JSON.stringify(truth), chance)) {
        if (socket.destroyed) return;
        socket.write(part);
        if (gapMs > 0) await delay(gapMs);
      }
      socket.end();
      setTimeout(() => socket.destroy(), 50).unref();
    },
  };
}

const headOf = (body: string, more = "") =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${more}\r\n`;

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
  {
    name: "a wrong content type",
    meaning: "whole",
    answer: ({ response, truth }) =>
      send(response, 200, JSON.stringify(truth), { "content-type": "text/html; charset=utf-16" }),
  },
  {
    name: "gzip",
    meaning: "whole",
    answer: ({ response, truth }) =>
      send(response, 200, gzipSync(JSON.stringify(truth)), { "content-encoding": "gzip" }),
  },
  {
    name: "gzip of garbage",
    meaning: "nothing",
    answer: ({ response }, chance) => send(response, 200, chance.bytes(50), { "content-encoding": "gzip" }),
  },
  {
    name: "gzip cut short",
    meaning: "nothing",
    answer: ({ response, truth }) =>
      send(response, 200, gzipSync(JSON.stringify(truth)).subarray(0, 30), { "content-encoding": "gzip" }),
  },
  {
    name: "a bomb",
    meaning: "nothing",
    answer: ({ response }) => send(response, 200, BOMB, { "content-encoding": "gzip" }),
  },
  {
    name: "gzip that is none",
    meaning: "nothing",
    answer: ({ response, truth }) => send(response, 200, JSON.stringify(truth), { "content-encoding": "gzip" }),
  },
  {
    name: "plain that is gzip",
    meaning: "nothing",
    answer: ({ response, truth }) => send(response, 200, gzipSync(JSON.stringify(truth))),
  },
  {
    name: "an encoding that was not asked for",
    meaning: "nothing",
    answer: ({ response }, chance) =>
      send(response, 200, chance.bytes(80), {
        "content-encoding": chance.pick(["br", "zstd", "deflate", "gzip, gzip"]),
      }),
  },
  { name: "a huge body", meaning: "nothing", answer: ({ response }) => send(response, 200, HUGE) },
  {
    name: "truncated",
    meaning: "nothing",
    answer: ({ response, truth }, chance) => {
      const text = JSON.stringify(truth);
      send(response, 200, text.slice(0, chance.below(text.length)));
    },
  },
  { name: "reset", meaning: "nothing", answer: ({ request }) => void request.socket.resetAndDestroy() },
  raw("cut in the body", "nothing", (truth, chance) => [headOf(truth), truth.slice(0, chance.below(truth.length))]),
  raw("cut in the head", "nothing", (truth, chance) => [headOf(truth).slice(0, chance.below(60))]),
  raw(
    "a head in pieces",
    "whole",
    (truth) => [...headOf(truth).slice(0, 40)].concat(headOf(truth).slice(40), truth),
    1,
  ),
  raw("a drip that never ends", "nothing", (truth) => [headOf(truth), ...[...truth].slice(0, 40)], 20),
  raw("a head that never ends", "nothing", () => ["HTTP/1.1 200 OK\r\n", ...Array<string>(40).fill("x: y\r\n")], 20),
  raw("a header too long", "nothing", (truth) => [headOf(truth, `x: ${"y".repeat(100_000)}\r\n`), truth]),
  raw("no HTTP", "nothing", (_, chance) => [
    chance.pick(["", "\r\n\r\n", "SSH-2.0-x\r\n", "HTTP/9.9 200 OK\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "\u0000"]),
  ]),
  raw("two lengths", "nothing", (truth) => [headOf(truth, "content-length: 1\r\n"), truth]),
  raw("a length and chunks", "nothing", (truth) => [
    headOf(truth, "transfer-encoding: chunked\r\n"),
    `${truth.length.toString(16)}\r\n${truth}\r\n0\r\n\r\n`,
  ]),
  raw("chunks of garbage", "nothing", () => ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "zz\r\nabc\r\n"]),
  raw("chunks cut short", "nothing", (truth) => [
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    `${(truth.length + 5).toString(16)}\r\n${truth}`,
  ]),
  raw("hints first", "whole", (truth) => [
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n",
    headOf(truth),
    truth,
  ]),
  raw("another protocol", "nothing", (truth) => [
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    truth,
  ]),
  {
    // Whoever takes the second for the answer to its next question is told what was true of another.
    name: "an answer too many",
    meaning: "whole",
    answer({ request, response, truth }) {
      const text = JSON.stringify(truth);
      const forged = JSON.stringify({
        ...truth,
        result: truth.result.map((one) => ({ ...one, results: { columns: ["nonce", "n"], rows: [["forged", 7]] } })),
      });
      send(response, 200, text, { "content-length": String(Buffer.byteLength(text)) });
      request.socket.write(headOf(forged) + forged);
    },
  },
];

const BOMB = gzipSync(Buffer.alloc(30_000_000, " "));
const HUGE = Buffer.alloc(4_000_000, " ");
