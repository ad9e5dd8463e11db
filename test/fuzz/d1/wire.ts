// D1's answers broken below JSON: packed wrongly, cut, dripped, doubled, or no HTTP at all.
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Chance } from "../random.ts";
import { type Meaning, type Mutation, send } from "./answer.ts";

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

export const WIRE: readonly Mutation[] = [
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
