import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { brotliCompressSync } from "node:zlib";
import pLimit from "p-limit";
import { afterEach, expect, it } from "vitest";
import { installFetch } from "../../src/workerd/globals/fetch.js";
import { makeIncomingRequest } from "../../src/workerd/globals/request.js";
import { readAnswer } from "../../src/workerd/globals/response.js";
import { type Invocation, runInvocation } from "../../src/workerd/invocation.js";
import { Meter } from "../../src/workerd/limits/meter.js";
import { LIMITS_OF, type LimitsMode } from "../../src/workerd/limits/tables.js";
import type { Realm } from "../../src/workerd/realm.js";

type Globals = Pick<typeof globalThis, "fetch" | "Request" | "Response">;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

function setup({ date = "2026-07-30", isStarting = false, mode = "report" as LimitsMode } = {}) {
  const target: Record<PropertyKey, unknown> = {};
  const warnings: string[] = [];
  const realm: Pick<Realm, "compatibility" | "isStarting" | "log"> = {
    compatibility: { date, flags: [], node: "off", processEnv: false, contextExports: true, queuesJson: true },
    isStarting: () => isStarting,
    log: (_, text) => warnings.push(text),
  };
  installFetch(target, realm as Realm);
  const limits = { ...LIMITS_OF.free, subrequests: 3 };
  const invocation: Invocation = {
    kind: "fetch",
    meter: new Meter(limits, mode),
    connect: pLimit(6),
    waitUntil: () => undefined,
  };
  const { fetch, Request, Response } = target as unknown as Globals;
  return { fetch, Request, Response, warnings, invocation, usage: invocation.meter.usage };
}

async function serve(answer: RequestListener): Promise<string> {
  return listen(createServer(answer));
}

async function listen(server: Server): Promise<string> {
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

it("counts each hop of a redirect as a subrequest", async () => {
  const { fetch, invocation, usage } = setup();
  const host = await serve(({ url = "" }, response) => {
    const left = Number(url.slice(1));
    if (left === 0) response.end("there");
    else response.writeHead(302, { location: `/${left - 1}` }).end();
  });
  const got = await runInvocation(invocation, () => fetch(`http://${host}/2`));
  expect(await got.text()).toBe("there");
  expect(usage.subrequests).toBe(3);
});

it("stops at the limit in the middle of a redirect when limits are enforced", async () => {
  const { fetch, invocation } = setup({ mode: "enforce" });
  let heard = 0;
  const host = await serve((_, response) => {
    heard++;
    response.writeHead(302, { location: "/again" }).end();
  });
  const got = runInvocation(invocation, () => fetch(`http://${host}/`));
  await expect(got).rejects.toThrow("Too many subrequests by single Worker invocation.");
  expect(heard).toBe(3);
});

it("lets six requests wait for their headers, and a seventh once one of them has them", async () => {
  const { fetch, invocation } = setup();
  const open: (() => void)[] = [];
  let arrived = Promise.withResolvers<void>();
  let expected = 6;
  const host = await serve((_, response) => {
    // The headers are there, the body is not: the place is free again.
    open.push(() => response.writeHead(200).flushHeaders());
    if (open.length === expected) arrived.resolve();
  });
  const asked = runInvocation(invocation, () => Array.from({ length: 7 }, () => fetch(`http://${host}/`)));
  await arrived.promise;
  expect(invocation.connect.pendingCount).toBe(1);
  arrived = Promise.withResolvers<void>();
  expected = 7;
  open[0]?.();
  await arrived.promise;
  for (const answer of open.slice(1)) answer();
  expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(Array(7).fill(200));
});

it("sends no header of its own", async () => {
  const { fetch } = setup();
  const heard: string[][] = [];
  const host = await serve(({ rawHeaders }, response) => {
    heard.push(rawHeaders);
    response.end();
  });
  await fetch(`http://${host}/`);
  await fetch(`http://${host}/`, { method: "POST", body: "x", headers: { "x-own": "ü" } });
  expect(heard[0]).toEqual(["Host", host]);
  const type = ["content-type", "text/plain;charset=UTF-8"];
  expect(heard[1]).toEqual(["Host", host, "Content-Length", "1", "x-own", "Ã¼", ...type]);
});

it("keeps connections, and tries once more when the server has just closed one", async () => {
  const { fetch } = setup();
  const ports: (number | undefined)[] = [];
  const host = await serve(({ socket, url }, response) => {
    ports.push(socket.remotePort);
    if (url === "/gone" && ports.length === 3) socket.destroy();
    else response.end("here");
  });
  for (const path of ["/", "/", "/gone"]) expect(await (await fetch(`http://${host}${path}`)).text()).toBe("here");
  expect(new Set(ports.slice(0, 3)).size).toBe(1);
  expect(ports).toHaveLength(4);
});

it("tries nothing twice that may have been done", async () => {
  const { fetch } = setup();
  let posts = 0;
  const host = await serve(({ method, socket }, response) => {
    if (method !== "POST") return response.end("here");
    posts++;
    return socket.destroy();
  });
  await (await fetch(`http://${host}/`)).text();
  await expect(fetch(`http://${host}/`, { method: "POST", body: "x" })).rejects.toThrow("Network connection lost.");
  expect(posts).toBe(1);
});

it("loses a connection that the server switches to another protocol unasked", async () => {
  const { fetch, invocation } = setup();
  const host = await serve((_, { socket }) =>
    socket?.end("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
  );
  const asked = runInvocation(invocation, () => fetch(`http://${host}/`));
  await expect(asked).rejects.toThrow("Network connection lost.");
});

it("streams both ways at once", async () => {
  const { fetch } = setup();
  const host = await serve((request, response) => {
    response.flushHeaders();
    request.pipe(response);
  });
  const { readable, writable } = new TransformStream<string, string>();
  const writer = writable.getWriter();
  const got = await fetch(`http://${host}/`, {
    method: "POST",
    body: readable as unknown as ReadableStream<Uint8Array>,
  });
  const reader = (got.body as ReadableStream<Uint8Array>).getReader();
  for (const text of ["one", "zwölf"]) {
    void writer.write(text);
    expect(new TextDecoder().decode((await reader.read()).value)).toBe(text);
  }
  await writer.close();
  expect((await reader.read()).done).toBe(true);
});

it("reads no further ahead than it is read", async () => {
  const { fetch } = setup();
  let sent = 0;
  const host = await serve((_, response) => {
    const chunk = Buffer.alloc(64 * 1024);
    const send = () => {
      while (sent < 64 * 1024 * 1024 && !response.destroyed) {
        sent += chunk.length;
        if (!response.write(chunk)) return response.once("drain", send);
      }
      return response.end();
    };
    send();
  });
  const got = await fetch(`http://${host}/`);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(sent).toBeLessThan(32 * 1024 * 1024); // What fits into the buffers of two sockets.
  expect((await got.arrayBuffer()).byteLength).toBe(64 * 1024 * 1024);
});

it("closes the connection of what is aborted", async () => {
  const { fetch } = setup();
  const closed = Promise.withResolvers<void>();
  const host = await serve((request, response) => {
    response.write("one");
    request.once("close", () => closed.resolve());
  });
  const abort = new AbortController();
  const got = await fetch(`http://${host}/`, { signal: abort.signal });
  abort.abort();
  await expect(got.text()).rejects.toMatchObject({ name: "AbortError", message: "The operation was aborted" });
  await closed.promise;
});

it("unpacks brotli, and says when gzip is none", async () => {
  const { fetch } = setup();
  const host = await serve(({ url }, response) => {
    if (url === "/br") response.writeHead(200, { "content-encoding": "br" }).end(brotliCompressSync("unpacked"));
    else response.writeHead(200, { "content-encoding": "gzip" }).end("no gzip");
  });
  expect(await (await fetch(`http://${host}/br`)).text()).toBe("unpacked");
  const broken = await fetch(`http://${host}/gzip`);
  await expect(broken.text()).rejects.toThrow(new TypeError("Gzip decompression failed."));
});

it("tells whoever runs the Worker what the Worker is not told", async () => {
  const { fetch, warnings } = setup();
  await expect(fetch("http://127.0.0.1:1/a?secret")).rejects.toThrow("Network connection lost.");
  expect(warnings).toEqual(["fetch GET http://127.0.0.1:1/a: connect ECONNREFUSED 127.0.0.1:1"]);
});

it("speaks TLS, to those that it knows", async () => {
  const { fetch, warnings } = setup();
  const folder = mkdtempSync(join(tmpdir(), "hidb-tls-"));
  closing.push(() => rmSync(folder, { recursive: true }));
  const [key = "", cert = ""] = makeCertificate(folder);
  const server = createTlsServer({ key, cert }, (_, response) => response.end("in private"));
  const [, port] = (await listen(server)).split(":");
  await expect(fetch(`https://localhost:${port}/`)).rejects.toThrow(/^internal error; reference = \w{24}$/);
  expect(warnings[0]).toMatch(/self-signed certificate/);
  const known = getCACertificates("default");
  closing.push(() => setDefaultCACertificates(known));
  setDefaultCACertificates([...known, cert]);
  expect(await (await fetch(`https://localhost:${port}/`)).text()).toBe("in private");
});

function makeCertificate(folder: string): string[] {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...kind, "-keyout", key, "-out", cert, ...names], { stdio: "ignore" });
  return [readFileSync(key, "utf8"), readFileSync(cert, "utf8")];
}

it("keeps authorization on the way to another origin before 2025-09-01 only", async () => {
  const heard: (string | undefined)[] = [];
  const host = await serve(({ url, headers, socket }, response) => {
    if (url === "/there") {
      heard.push(headers.authorization);
      response.end();
    } else response.writeHead(302, { location: `http://localhost:${socket.localPort}/there` }).end();
  });
  const init = { headers: { authorization: "secret" } };
  await setup({ date: "2025-08-31" }).fetch(`http://${host}/`, init);
  await setup({ date: "2025-09-01" }).fetch(`http://${host}/`, init);
  expect(heard).toEqual(["secret", undefined]);
});

it("refuses fetch and bodies while the module's top level runs", async () => {
  const { fetch, Response } = setup({ isStarting: true });
  await expect(fetch("http://127.0.0.1:1/")).rejects.toThrow("Disallowed operation called within global scope.");
  expect(() => new Response("x")).toThrow("Disallowed operation called within global scope.");
  expect(new Response(null).status).toBe(200);
});

it("gives a Worker an incoming request of its own class, whose headers stay as they are", async () => {
  const { Request } = setup();
  const body = new TextEncoder().encode('{"a":1}');
  const request = makeIncomingRequest("http://a.test/b?c", { method: "POST", headers: [["X-One", "1"]], body });
  expect(request).toBeInstanceOf(Request);
  expect([request.url, request.redirect, request.headers.get("x-one")]).toEqual(["http://a.test/b?c", "manual", "1"]);
  expect(() => request.headers.set("a", "b")).toThrow(new TypeError("Can't modify immutable headers."));
  expect(await request.json()).toEqual({ a: 1 });
});

it("reads off bytes what was made of something known, and a stream only where there is one", async () => {
  const { Response } = setup();
  const texts = (body: unknown) => (body instanceof Uint8Array ? new TextDecoder().decode(body) : body);
  const made = new Response("a");
  const form = new FormData();
  form.set("a", "1");
  expect(texts(readAnswer(new Response("grün"))?.body)).toBe("grün");
  expect(texts(readAnswer(Response.json({ a: 1 }))?.body)).toBe('{"a":1}');
  expect(texts(readAnswer(new Response(new URLSearchParams({ a: "1" })))?.body)).toBe("a=1");
  expect(texts(readAnswer(new Response(form))?.body)).toMatch(/^--\w+\r\nContent-Disposition: form-data; name="a"/);
  // What frameworks do with every response.
  expect(texts(readAnswer(new Response(made.body, made))?.body)).toBe("a");
  expect(readAnswer(new Response(null))?.body).toBeNull();
  const { body } = readAnswer(new Response(ReadableStream.from(["a", new Uint8Array([98])]) as ReadableStream)) ?? {};
  const chunks: Uint8Array[] = [];
  for await (const chunk of body as ReadableStream<Uint8Array>) chunks.push(chunk);
  expect(chunks).toEqual([new Uint8Array([97]), new Uint8Array([98])]);
});

it("takes Node's own response for one, and nothing else", async () => {
  const native = new globalThis.Response("x", { status: 201, headers: { a: "b" } });
  const { status, headers, body } = readAnswer(native) ?? {};
  expect([status, headers?.find(([name]) => name === "a")]).toEqual([201, ["a", "b"]]);
  expect(body).toBeInstanceOf(ReadableStream);
  for (const other of [undefined, null, {}, "x", new Map(), { status: 200 }]) expect(readAnswer(other)).toBeNull();
});

it("leaves the connection's headers, and packing, to the server", () => {
  const { Response } = setup();
  const headers = { connection: "close", "content-length": "9", "content-encoding": "gzip", "x-own": "1" };
  expect(readAnswer(new Response(null, { headers }))?.headers).toEqual([["x-own", "1"]]);
  expect(readAnswer(new Response(null, { headers }), "HEAD")?.headers).toContainEqual(["content-length", "9"]);
  const packed = new Response(new Uint8Array([1]), { headers, encodeBody: "manual" } as ResponseInit);
  expect(readAnswer(packed)?.headers).toContainEqual(["content-encoding", "gzip"]);
});

it("answers nothing with a body that was read before", async () => {
  const { Response } = setup();
  const response = new Response("x");
  await response.text();
  expect(() => readAnswer(response)).toThrow("Body has already been used.");
});
