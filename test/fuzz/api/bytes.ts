// What no HTTP library writes: lengths that contradict each other, chunks of garbage, heads without end.
import { anyOf } from "../cases.ts";
import type { Chance } from "../random.ts";

const POST = `POST /api/v1/pool/pause HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer x\r\ncontent-type: application/json\r\n`;

export function drawBytes(chance: Chance): Buffer[] {
  return anyOf<(string | Buffer)[]>(
    chance,
    () => [chance.bytes(chance.skewed(2000))],
    () => [`${POST}content-length: 5\r\ncontent-length: 3\r\n\r\n{}   `],
    () => [`${POST}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    () => [
      `${POST}transfer-encoding: chunked\r\n\r\n${chance.pick(["zz\r\n", "-1\r\n{}\r\n0\r\n\r\n", "ffffffffffffffffff\r\n", "2;x=y\r\n{}\r\n0\r\n\r\n", "2\r\n{}{}\r\n0\r\n\r\n"])}`,
    ],
    () => [`${POST}content-length: ${chance.pick(["-1", "1e3", "0x10", "99999999999999999999", "", " "])}\r\n\r\n{}`],
    () => ["GET / HTTP/1.1\r\n", ...Array<string>(150).fill("x: y\r\n"), "host: 127.0.0.1\r\n\r\n"],
    () => [`GET /${"x".repeat(chance.skewed(40_000))} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`],
    () => [`GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ${"y".repeat(chance.skewed(40_000))}\r\n\r\n`],
    () => [
      chance.pick([
        "GET /",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\u0016\u0003\u0001",
        "GET / HTTP/1.1\nhost: 127.0.0.1\n\n",
        "CONNECT evil:1 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
      ]),
    ],
    () => [`GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nhost: evil\r\n\r\n`],
    () => [`${POST}content-length: 10\r\n\r\n{}`],
    () => Array.from({ length: 5 }, () => "GET /api/v1/settings HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"),
  ).map((part) => Buffer.from(part as string, typeof part === "string" ? "latin1" : undefined));
}
