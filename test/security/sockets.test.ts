// The page and the API over bare sockets: what browsers are led to send, and what no browser would.
import { describe, expect, it } from "vitest";
import { ROUTES } from "../../src/dashboard/app.js";
import { serve } from "../dashboard/served.js";
import { say } from "./raw.js";

const STRANGE = [
  ...[
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example:1",
    "evil.example.",
    "localhost.",
    "127.0.0.1.",
    "127.1",
  ],
  ...[
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::1%25lo]",
    "::1",
    "user@127.0.0.1",
  ],
  ...[
    "127.0.0.1@evil.example",
    "evil.example#@127.0.0.1",
    "127.0.0.1#evil.example",
    "127.0.0.1/evil",
    "127.0.0.1\\evil.example",
  ],
  ...[
    "127.0.0.1, evil.example",
    "127.0.0.1 evil.example",
    "127.0.0.1:1:2",
    "127.0.0.1:x",
    "127.0.0.1%00.evil.example",
    "",
    "*",
  ],
  ...["host.docker.internal", "my-machine", "169.254.169.254"],
];

describe("a name that is not this host's", () => {
  it.each(STRANGE)("such as %j reads nothing, on no port", async (host) => {
    const { pool } = await serve({ videos: 1 });
    for (const port of [pool.config.port, pool.config.port + 1]) {
      for (const path of ["/", "/api/v1/overview", "/metrics"]) {
        const { status, text } = await say(port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
        expect([path, status]).toEqual([path, status >= 400 && status < 500 ? status : "refused"]);
        expect(text).not.toMatch(/instances|hidb_|<html/);
      }
    }
  });

  it("is no better in the request line, or beside a good one", async () => {
    const { pool } = await serve({ videos: 1 });
    const { port } = pool.config;
    for (const head of [
      "GET http://evil.example/api/v1/overview HTTP/1.1\r\nHost: 127.0.0.1",
      `GET http://evil.example:${port}/api/v1/overview HTTP/1.1\r\nHost: 127.0.0.1:${port}`,
      "GET http://127.0.0.1/api/v1/overview HTTP/1.1\r\nHost: evil.example",
      "GET http://127.0.0.1@evil.example/api/v1/overview HTTP/1.1\r\nHost: 127.0.0.1",
      "GET https://evil.example/api/v1/overview HTTP/1.1\r\nHost: 127.0.0.1",
      "GET /api/v1/overview HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example",
      "GET /api/v1/overview HTTP/1.1\r\nHost: evil.example\r\nHost: 127.0.0.1",
      "GET /api/v1/overview HTTP/1.1\r\nHost: 127.0.0.1,evil.example",
      "GET /api/v1/overview HTTP/1.1\r\nHost : 127.0.0.1",
      "GET /api/v1/overview HTTP/1.1\r\nX-Forwarded-Host: 127.0.0.1\r\nHost: evil.example",
      "GET /api/v1/overview HTTP/1.0",
      "GET /api/v1/overview HTTP/1.1",
      "GET /api/v1/overview",
    ]) {
      const { status, text } = await say(port, `${head}\r\nConnection: close\r\n\r\n`);
      expect([head, status, text.includes("instances")]).toEqual([
        head,
        status >= 400 && status < 500 ? status : "refused",
        false,
      ]);
    }
    const good = `GET http://127.0.0.1:${port}/api/v1/overview HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`;
    expect((await say(port, good)).status).toBe(200);
  });
});

describe("a page of another site", () => {
  it("changes nothing by whatever a browser sends without asking first", async () => {
    const { pool, token, rows } = await serve({ videos: 3 });
    const { port } = pool.config;
    const before = await rows("SELECT * FROM hidb_videos UNION ALL SELECT * FROM hidb_videos WHERE 0");
    const own = `Host: 127.0.0.1:${port}`;
    const bearer = `Authorization: Bearer ${token}`;
    const types = [
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "text/plain; application/json",
      "application/jsonx",
      "application/json-patch+json",
      "",
      "x/y;a=application/json",
    ];
    for (const { method, path, access } of ROUTES) {
      const at = path.replace("{id}", "1");
      const heads = [
        // From a form, a link, a script or an image; of a form it would not help to have the token.
        ...types.map((type) => `POST ${at} HTTP/1.1\r\n${own}\r\n${bearer}\r\nContent-Type: ${type}`),
        `POST ${at} HTTP/1.1\r\n${own}\r\nContent-Type: application/json`,
        ...["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"].map(
          (verb) => `${verb} ${at} HTTP/1.1\r\n${own}`,
        ),
        `GET ${at}?_method=POST HTTP/1.1\r\n${own}\r\nX-HTTP-Method-Override: POST\r\nX-HTTP-Method: POST`,
        // With one, that another page must have stolen.
        ...[
          "http://evil.example",
          "null",
          "",
          `http://127.0.0.1:${port + 1}`,
          `http://localhost:${port}`,
          `http://127.0.0.1.evil.example:${port}`,
          `http://127.0.0.1:${port}@evil.example`,
          "file://",
          "chrome-extension://x",
        ].map(
          (origin) =>
            `${method} ${at} HTTP/1.1\r\n${own}\r\n${bearer}\r\nContent-Type: application/json\r\nOrigin: ${origin}`,
        ),
        ...["cross-site", "same-site", "none", "x"].map(
          (site) =>
            `${method} ${at} HTTP/1.1\r\n${own}\r\n${bearer}\r\nContent-Type: application/json\r\nSec-Fetch-Site: ${site}`,
        ),
      ];
      for (const head of heads) {
        if (access === "read" && / HTTP\/1.1\r\nHost.*\r\nAuth/.test(head)) continue;
        const { status, text } = await say(port, `${head}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`);
        const isRead = access === "read" && /^(GET|HEAD) /.test(head);
        expect([head, isRead || (status >= 400 && status < 500) ? "fine" : status]).toEqual([head, "fine"]);
        expect(text).not.toMatch(/access-control-allow/i);
      }
    }
    expect(await rows("SELECT * FROM hidb_videos UNION ALL SELECT * FROM hidb_videos WHERE 0")).toEqual(before);
    expect(await rows("SELECT * FROM hidb_pool WHERE key LIKE 'paused%' OR key LIKE 'drain%'")).toEqual([]);
  });
});

describe("what is too much", () => {
  it("is refused, be it of a path, of headers or of a body, and nothing is kept of it", async () => {
    const { pool, token } = await serve({ videos: 1 });
    const { port } = pool.config;
    const own = `Host: 127.0.0.1:${port}\r\nConnection: close`;
    const json = `POST /api/v1/pool/pause HTTP/1.1\r\n${own}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json`;
    const heads: [string, number][] = [
      [`GET /${"x".repeat(12_000)} HTTP/1.1\r\n${own}\r\n\r\n`, 404],
      [`GET /${"x".repeat(20_000)} HTTP/1.1\r\n${own}\r\n\r\n`, 431],
      [`GET / HTTP/1.1\r\n${own}\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, 431],
      [`GET / HTTP/1.1\r\n${own}\r\n${"X: y\r\n".repeat(5000)}\r\n`, 431],
      [`GET /api/v1/videos?search=${"x".repeat(9000)} HTTP/1.1\r\n${own}\r\n\r\n`, 400],
      [`GET /api/v1/videos?limit=1e9 HTTP/1.1\r\n${own}\r\n\r\n`, 400],
      [`GET /api/v1/videos?__proto__=1 HTTP/1.1\r\n${own}\r\n\r\n`, 400],
      [`${json}\r\nContent-Length: 99999999999\r\n\r\n{}`, 413],
      [`${json}\r\nContent-Length: 70000\r\n\r\n${"[".repeat(70_000)}`, 413],
      [`${json}\r\nContent-Length: 60000\r\n\r\n${"[".repeat(60_000)}`, 400],
      [`${json}\r\nContent-Length: 60000\r\n\r\n${"[".repeat(30_000)}${"]".repeat(30_000)}`, 400],
      [`${json}\r\nContent-Length: -1\r\n\r\n{}`, 400],
      [`${json}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
      [`${json}\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n${"x".repeat(100_000)}`, 413],
      ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400],
      ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
    ];
    for (const [head, expected] of heads) {
      const { status, text } = await say(port, head);
      expect([head.slice(0, 90), head.length, status]).toEqual([head.slice(0, 90), head.length, expected]);
      expect(text.length).toBeLessThan(3000);
    }
  });

  it("of wrong tokens at once ends in a wait, on all ports together", async () => {
    const { pool, token, rows } = await serve();
    const { port } = pool.config;
    const guess = (at: number, word: string) =>
      say(
        at,
        `POST /api/v1/pool/pause HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${word}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
      );
    const guesses = Array.from({ length: 60 }, (_, n) => guess(port + (n % 2), `${token.slice(0, -2)}${n}`));
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(50);
    expect((await guess(port + 1, token)).status).toBe(429);
    expect(await rows("SELECT * FROM hidb_pool WHERE key LIKE 'paused%'")).toEqual([]);
  });
});

describe("every answer", () => {
  it("says that it may be framed, sniffed, kept and embedded by nobody", async () => {
    const { ask } = await serve({ videos: 1 });
    for (const path of [
      "/",
      "/assets/main.js",
      "/api/v1/overview",
      "/api/v1/videos/1",
      "/api/v1/events",
      "/metrics",
      "/healthz",
      "/readyz",
      "/nowhere",
    ]) {
      const over = new AbortController();
      const { headers } = path.endsWith("events")
        ? await fetch(`${(await serve()).url}${path}`, { signal: over.signal })
        : await ask(path);
      over.abort();
      const said = {
        policy: headers.get("content-security-policy")?.match(/default-src 'none'.*frame-ancestors 'none'/) !== null,
        nosniff: headers.get("x-content-type-options"),
        referrer: headers.get("referrer-policy"),
        embed: headers.get("cross-origin-resource-policy"),
        kept: /no-store|no-cache/.test(String(headers.get("cache-control"))),
        told: headers.get("server") ?? headers.get("x-powered-by"),
      };
      expect([path, said]).toEqual([
        path,
        { policy: true, nosniff: "nosniff", referrer: "no-referrer", embed: "same-origin", kept: true, told: null },
      ]);
    }
  });
});
