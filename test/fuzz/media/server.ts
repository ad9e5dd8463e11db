// A server that lies: about how long a file is, which part of it comes, and when it is over.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import type { Chance } from "../random.ts";

interface Asked {
  start: number;
  /** Beyond the last byte. */
  end: number;
  isRange: boolean;
}

interface Served {
  content: Buffer;
  asked: Asked;
  response: ServerResponse;
  chance: Chance;
}

type Lie = (served: Served) => void;

const TOTALS = ["0", "1", "-1", "*", "", "NaN", "1e9", "4294967296", "9007199254740993", "18446744073709551615"];

export const LIES: Record<string, Lie> = {
  "a total of its own": ({ content, asked: { start, end, isRange }, response, chance }) => {
    if (!isRange) return void response.end(content);
    const total = chance.maybe(0.4)
      ? String(Math.max(0, content.length + chance.below(2001) - 1000))
      : chance.pick(TOTALS);
    response
      .writeHead(206, { "content-range": `bytes ${start}-${end - 1}/${total}` })
      .end(content.subarray(start, end));
  },
  "another place": ({ content, asked: { start, end }, response, chance }) => {
    const at = chance.below(content.length + 1);
    response
      .writeHead(206, { "content-range": `bytes ${at}-${at + end - start - 1}/${content.length}` })
      .end(content.subarray(at, at + end - start));
  },
  "a part without its place": ({ content, asked: { start, end, isRange }, response }) => {
    response.writeHead(isRange ? 206 : 200).end(content.subarray(start, end));
  },
  "all for a part": ({ content, response }) => {
    response.writeHead(206, { "content-range": `bytes 0-${content.length - 1}/${content.length}` }).end(content);
  },
  "all for a part, sometimes": (served) => {
    if (served.chance.maybe(0.5)) return honest(served);
    served.response.writeHead(200).end(served.content);
  },
  "too little": ({ content, asked: { start, end }, response, chance }) => {
    const range = `bytes ${start}-${end - 1}/${content.length}`;
    const sent = content.subarray(start, start + chance.below(end - start + 1));
    response.writeHead(206, { "content-range": range, ...(chance.maybe(0.5) && { "content-length": end - start }) });
    response.write(sent);
    setTimeout(() => (chance.maybe(0.5) ? response.end() : response.destroy()), 1);
  },
  "no end": ({ content, asked: { start, isRange }, response }) => {
    const range = { "content-range": `bytes ${start}-${content.length - 1}/${content.length}` };
    response.writeHead(isRange ? 206 : 200, isRange ? range : {});
    const more = () => {
      // Bounded for the sake of this machine: far more than was said is enough to tell.
      for (let sent = 0; sent < 64; sent++) if (!response.write(content)) break;
      if (!response.destroyed && response.socket && response.socket.bytesWritten < 300_000_000)
        response.once("drain", more);
      else response.destroy();
    };
    more();
  },
  packed: ({ content, asked: { start, end, isRange }, response }) => {
    const packed = gzipSync(content.subarray(start, end));
    const range = { "content-range": `bytes ${start}-${end - 1}/${content.length}` };
    response.writeHead(isRange ? 206 : 200, { "content-encoding": "gzip", ...(isRange && range) }).end(packed);
  },
  "a bomb": ({ content, asked: { isRange }, response }) => {
    const range = { "content-range": `bytes 0-${content.length - 1}/${content.length}` };
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    response.writeHead(isRange ? 206 : 200, { "content-encoding": "gzip", ...(isRange && range) }).end(bomb);
  },
  "a new version each time": (served) => {
    served.response.setHeader("etag", `"${served.chance.next()}"`);
    honest(served);
  },
  "any status": ({ content, response, chance }) => {
    const status = chance.pick([200, 201, 204, 206, 300, 304, 400, 404, 416, 429, 500, 503, 599, 999]);
    const headers = chance.pick<Record<string, string>>([
      {},
      { "retry-after": "999999999999" },
      { "retry-after": "-1" },
      { "content-range": "bytes */0" },
      { "content-range": "bytes 5-1/0" },
    ]);
    response.writeHead(status, headers).end(status === 204 || status === 304 ? undefined : content.subarray(0, 1000));
  },
  "elsewhere for ever": ({ response, chance }) => {
    const location = chance.pick([
      "/again",
      "file:///etc/passwd",
      "data:video/mp4,AAAA",
      "http://",
      "ftp://x/",
      "//127.0.0.1:1/",
    ]);
    response.writeHead(302, { location }).end();
  },
  "no HTTP": ({ response, chance }) => {
    const socket = response.socket;
    socket?.end(
      chance.pick([
        "\0\0\0",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "HTTP/1.1 206 Partial\r\ncontent-range: bytes 0-1/2\r\ncontent-length: 99999999999999999999\r\n\r\nab",
        "HTTP/1.1 206 Partial\r\ncontent-length: -5\r\n\r\nab",
        `HTTP/1.1 200 OK\r\nx: ${"y".repeat(100_000)}\r\n\r\n`,
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 7\r\n\r\nabcdefg",
      ]),
    );
  },
};

function honest({ content, asked: { start, end, isRange }, response }: Served): void {
  if (!isRange) return void response.writeHead(200, { "content-length": content.length }).end(content);
  response
    .writeHead(206, { "content-range": `bytes ${start}-${end - 1}/${content.length}` })
    .end(content.subarray(start, end));
}

export class LyingServer {
  readonly #server: Server;
  #served: { content: Buffer; lie: string; chance: Chance } | undefined;

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
    // The client gives up in the middle, as it should.
    this.#server.on("clientError", (_error, socket) => socket.destroy());
  }

  static async open(): Promise<LyingServer> {
    const made = new LyingServer();
    await new Promise<void>((resolve) => made.#server.listen(0, "127.0.0.1", resolve));
    return made;
  }

  /** Serves this from now on; a lie is told at each request, or only at some of them. */
  serve(content: Buffer, lie: string, chance: Chance): string {
    this.#served = { content, lie, chance };
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mutant`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.#served === undefined) return void response.destroy();
    const { content, lie, chance } = this.#served;
    response.on("error", () => undefined);
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    const start = Math.min(Number(range?.[1] ?? 0), content.length);
    const end = range === null ? content.length : Math.min(Number(range[2]) + 1, content.length);
    const served = { content, asked: { start, end: Math.max(start, end), isRange: range !== null }, response, chance };
    const tell = chance.maybe(0.7) ? LIES[lie] : honest;
    tell?.(served);
  }
}
