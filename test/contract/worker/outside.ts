// The world that a recorded Worker may call: a small HTTP server whose answers are the same every time.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { WebSocketServer } from "ws";

export interface Outside {
  /** `http://127.0.0.1:<port>`; what a Worker finds as `env.OUTSIDE`. */
  origin: string;
  close(): Promise<void>;
}

type Reply = (request: IncomingMessage, response: ServerResponse, rest: string) => unknown;

/** By the first part of the path; `rest` is what comes behind it. Any other path is an echo. */
const REPLIES: Record<string, Reply> = {
  /** `/redirect/3` goes to `/redirect/2`, ... and ends at `/echo`; `?status=307` chooses another than 302. */
  redirect: (request, response, rest) => {
    const query = new URL(request.url ?? "/", "http://outside").search;
    const left = Number(rest || 1) - 1;
    const status = Number(new URLSearchParams(query).get("status") ?? 302);
    response.writeHead(status, { location: left > 0 ? `/redirect/${left}${query}` : "/echo" }).end("moved");
  },
  loop: (_, response) => response.writeHead(302, { location: "/loop" }).end(),
  /** Another origin: the same server by its other name. */
  elsewhere: (request, response) =>
    response.writeHead(302, { location: `http://localhost:${request.socket.localPort}/echo` }).end(),
  /** `/status/404`; those without a body get none. */
  status: (_, response, rest) => response.writeHead(Number(rest)).end(/^(204|205|304)$/.test(rest) ? "" : `s${rest}`),
  /** `/slow/200`: milliseconds until the headers. */
  slow: async (_, response, rest) => {
    await wait(Number(rest || 300));
    response.end("slow");
  },
  /** Chunks `0`, `1`, `2`, ... 20 ms apart. */
  stream: async (_, response, rest) => {
    response.writeHead(200, { "content-type": "text/plain" });
    for (let at = 0; at < Number(rest || 3); at++) {
      response.write(`${at}\n`);
      await wait(20);
    }
    response.end();
  },
  /** Headers and one chunk, then the connection breaks. */
  broken: async (_, response) => {
    response.writeHead(200, { "content-length": "1000" });
    response.write("half");
    await wait(20);
    response.destroy();
  },
  close: (request) => request.socket.destroy(),
  gzip: (_, response) =>
    response
      .writeHead(200, { "content-encoding": "gzip", "content-type": "text/plain" })
      .end(gzipSync("unpacked ".repeat(20))),
  "set-cookies": (_, response) => response.writeHead(200, { "set-cookie": ["a=1; Path=/", "b=2; HttpOnly"] }).end("ok"),
  /** `/bytes/1000` bytes, counted up. */
  bytes: (_, response, rest) =>
    response
      .writeHead(200, { "content-type": "application/octet-stream" })
      .end(Buffer.from(Array.from({ length: Number(rest || 16) }, (_, at) => at % 256))),
  json: (_, response) => response.writeHead(200, { "content-type": "application/json" }).end('{"a":[1,null,"ä"]}'),
  latin1: (_, response) =>
    response.writeHead(200, { "content-type": "text/plain;charset=iso-8859-1" }).end(Buffer.from([0xe4, 0xf6])),
  cached: (_, response) => response.writeHead(200, { "cache-control": "max-age=60", etag: '"v1"' }).end("cached"),
  form: (_, response) =>
    response.writeHead(200, { "content-type": "application/x-www-form-urlencoded" }).end("a=1&a=2&b=%20"),
};

/** Besides HTTP it answers WebSockets on any path: text and bytes come back, `bye` closes with 4001. */
export async function startOutside(): Promise<Outside> {
  const server = createServer((request, response) => {
    response.sendDate = false;
    const [, first = "", ...rest] = new URL(request.url ?? "/", "http://outside").pathname.split("/");
    const reply = Object.hasOwn(REPLIES, first) ? REPLIES[first] : undefined;
    void (reply ?? echo)(request, response, rest.join("/"));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => {
      if (String(data) === "bye") socket.close(4001, "told to");
      else socket.send(data, { binary: isBinary });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    close: async () => {
      sockets.close();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Method, URL, headers and body of the request as JSON; without those headers that the connection and miniflare add. */
async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { connection: _, "cf-worker": _zone, ...headers } = request.headers;
  const body = Buffer.concat(chunks).toString();
  response.writeHead(200, { "content-type": "application/json", "x-outside": "echo" });
  response.end(JSON.stringify({ method: request.method, url: request.url, headers, body }));
}
