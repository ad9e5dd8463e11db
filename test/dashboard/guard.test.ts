import { statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { ensureToken } from "../../src/dashboard/token.js";
import { makeFolder } from "../catalogue/world.js";
import { type Served, serve } from "./served.js";

/** Headers that `fetch` would not let through. */
function askAs(served: Served, path: string, headers: Record<string, string>, method = "GET"): Promise<number> {
  return new Promise((resolve, reject) => {
    const asking = request(served.url + path, { method, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asking.on("error", reject);
    asking.end();
  });
}

describe("a page of a stranger", () => {
  it.each(["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1"])(
    "that comes under the name %j reads nothing",
    async (host) => {
      const served = await serve({ videos: 1 });
      for (const path of ["/", "/api/v1/overview", "/api/v1/events", "/metrics", "/api/v1/openapi.json"]) {
        expect([path, await askAs(served, path, { host })]).toEqual([path, 403]);
      }
    },
  );

  it("that says no name reads nothing either", async () => {
    const { pool } = await serve();
    const socket = connect(pool.config.port, "127.0.0.1");
    socket.write("GET /api/v1/overview HTTP/1.0\r\n\r\n");
    const answer = await new Promise<string>((resolve) => socket.once("data", (data) => resolve(String(data))));
    expect(answer).toMatch(/^HTTP\/1.1 4\d\d/);
    socket.destroy();
  });

  it("is told from people by names that are this host's, or that a setting allows", async () => {
    const served = await serve({ settings: { HIDB_ALLOWED_HOSTS: "pool.example" } });
    for (const host of ["127.0.0.1", "localhost:3000", "LOCALHOST", "[::1]:3000", "pool.example", "Pool.Example:80"]) {
      expect([host, await askAs(served, "/api/v1/overview", { host })]).toEqual([host, 200]);
    }
  });

  it("cannot be answered into, framed, sniffed, or told where people came from", async () => {
    const { ask } = await serve();
    for (const path of ["/", "/api/v1/overview", "/nothing", "/api/v1/videos/x"]) {
      const { headers } = await ask(path, { headers: { origin: "http://evil.example" } });
      expect(headers.get("access-control-allow-origin")).toBeNull();
      expect(headers.get("content-security-policy")).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(headers.get("content-security-policy")).not.toMatch(/unsafe/);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("cross-origin-resource-policy")).toBe("same-origin");
    }
  });

  it("changes nothing, though it had the token", async () => {
    const { change, url, rows } = await serve({ videos: 1 });
    const other = [
      { origin: "http://evil.example" },
      { origin: "null" },
      { origin: url.replace(/\d+$/, "1") },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
    ];
    for (const headers of other) {
      const { status, body } = await change("/api/v1/pool/pause", {}, headers as Record<string, string>);
      expect([headers, status, body.error?.code]).toEqual([headers, 403, "ORIGIN_REFUSED"]);
    }
    expect(await rows("SELECT * FROM hidb_pool WHERE key LIKE 'paused%'")).toEqual([]);
    const own = { origin: url, "sec-fetch-site": "same-origin" };
    expect((await change("/api/v1/pool/pause", {}, own)).status).toBe(200);
  });

  it("cannot send what a form can", async () => {
    const { change } = await serve();
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
      const { status, body } = await change("/api/v1/pool/pause", "{}", { "content-type": type });
      expect([type, status, body.error?.code]).toEqual([type, 415, "BODY_TYPE"]);
    }
  });
});

describe("a change", () => {
  it("needs the token, on every path that changes something", async () => {
    const { ask, token, rows } = await serve({ videos: 1 });
    const paths: [string, string][] = [
      ["GET", "/api/v1/videos/next"],
      ["POST", "/api/v1/videos/retry"],
      ["POST", "/api/v1/videos/1/retry"],
      ["POST", "/api/v1/videos/1/cancel"],
      ["POST", "/api/v1/videos/1/outcome"],
      ["POST", "/api/v1/videos/1/renew"],
      ["POST", "/api/v1/pool/pause"],
      ["POST", "/api/v1/pool/resume"],
      ["POST", "/api/v1/pool/scale"],
    ];
    for (const [method, path] of paths) {
      for (const authorization of [undefined, `Basic ${token}`]) {
        const headers = { "content-type": "application/json", ...(authorization && { authorization }) };
        const { status, body, headers: said } = await ask(path, { method, headers });
        expect([path, status, body.error?.code]).toEqual([path, 401, "TOKEN_REFUSED"]);
        expect(said.get("www-authenticate")).toBe('Bearer realm="hidb"');
      }
    }
    expect(await rows("SELECT 1 FROM hidb_videos WHERE state <> 'pending'")).toEqual([]);
  });

  it("is refused for a while after ten wrong tokens, even with the right one", async () => {
    const { ask, change, token } = await serve();
    const guess = () => change("/api/v1/pool/pause", {}, { authorization: `Bearer ${token.slice(0, -1)}x-` });
    for (let n = 0; n < 10; n++) expect((await guess()).status).toBe(401);
    const { status, headers, body } = await change("/api/v1/pool/pause");
    expect([status, body.error?.code]).toEqual([429, "TOO_MANY_TOKENS"]);
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(50);
    expect((await ask("/api/v1/overview")).status).toBe(200);
  });

  it("of more than 64 KB is refused, said to be so long or not", async () => {
    const { change, url, token } = await serve();
    const reason = "x".repeat(65_536);
    expect((await change("/api/v1/videos/retry", { reason })).status).toBe(413);
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    const status = await new Promise((resolve, reject) => {
      const asking = request(`${url}/api/v1/videos/retry`, { method: "POST", headers }, (response) =>
        resolve(response.statusCode),
      );
      asking.on("error", reject);
      asking.write(`{"reason":"${reason}`);
      asking.end('"}');
    });
    expect(status).toBe(413);
  });

  it("may be an outcome of 1 MB, and no more", async () => {
    const { change, next } = await serve({ videos: 1 });
    const { claim } = (await next()).body;
    const outcome = (size: number) =>
      change("/api/v1/videos/1/outcome", { claim, outcome: "completed", output: "x".repeat(size) });
    expect((await outcome(1_048_576)).status).toBe(413);
    expect((await outcome(1_000_000)).body).toEqual({ settled: "completed" });
  });
});

describe("the token", () => {
  it("is made once, for its owner's eyes, and stays the same", () => {
    const config = { token: "", sqliteFile: `${makeFolder()}/data/hidb.sqlite` };
    const made = ensureToken(config);
    expect(made.isNew).toBe(true);
    expect(made.value).toMatch(/^[\w-]{32}$/);
    expect(statSync(made.file ?? "").mode & 0o777).toBe(0o600);
    expect(ensureToken(config)).toEqual({ ...made, isNew: false });
  });

  it("is the setting, where there is one", () => {
    const config = { token: "0123456789abcdef", sqliteFile: `${makeFolder()}/hidb.sqlite` };
    expect(ensureToken(config)).toEqual({ value: "0123456789abcdef", file: undefined, isNew: false });
  });

  it("is not taken from a file that holds none", () => {
    const config = { token: "", sqliteFile: `${makeFolder()}/hidb.sqlite` };
    writeFileSync(config.sqliteFile.replace("hidb.sqlite", "token"), "\n");
    expect(() => ensureToken(config)).toThrow(/expected the token of the page in .*token, 16 characters or more/);
  });

  it("appears in no answer and no event", async () => {
    const { ask, change, token, events } = await serve({ videos: 1 });
    const said: string[] = [];
    for (const path of ["/", "/api/v1/settings", "/api/v1/overview", "/metrics", "/api/v1/openapi.json", "/healthz"]) {
      said.push((await ask(path)).text);
    }
    said.push((await change("/api/v1/videos/1/outcome", { claim: token, outcome: "failed" })).text);
    expect(said.join("") + JSON.stringify(events)).not.toContain(token);
  });
});

describe("whoever is slow or many", () => {
  it("holds no connection for ever: headers have 10 s", async () => {
    const { pool } = await serve();
    const socket = connect(pool.config.port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    // Node looks for overdue ones every so often; what it would do is its own to test.
    socket.write(`X-Long: ${"x".repeat(20_000)}\r\n\r\n`);
    const answer = await new Promise<string>((resolve) => socket.once("data", (data) => resolve(String(data))));
    expect(answer).toMatch(/^HTTP\/1.1 431/);
    socket.destroy();
  });

  it("does not come from another machine", async () => {
    const { pool } = await serve();
    const [outer] = Object.values(networkInterfaces())
      .flat()
      .filter((one) => one !== undefined && one.family === "IPv4" && !one.internal);
    if (outer === undefined) return;
    await expect(fetch(`http://${outer.address}:${pool.config.port}/healthz`)).rejects.toThrow();
  });
});
