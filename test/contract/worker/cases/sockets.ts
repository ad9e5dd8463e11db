// WebSocketPair, WebSocket and the TCP sockets of `cloudflare:sockets`.
import type { WorkerCases } from "../case.ts";
import { routed } from "./http-router.ts";

const withTop = (top: string, paths: string) => {
  const { source, calls } = routed(paths);
  return {
    source: top.includes("import") ? `${top}${source}` : source.replace("\nexport default", `${top}\nexport default`),
    calls,
  };
};

/** Two ends that note what they hear but for errors: workerd's own end of a pair breaks down in an order of its own. */
const PAIR = `
// Turns of the event loop, not a time: each brings one message however busy the machine is.
const tick = async () => { for (let turn = 0; turn < 10; turn++) await scheduler.wait(1); };
const pair = ({ accept = true, options } = {}) => {
  const [a, b] = Object.values(new WebSocketPair());
  const heard = [];
  for (const [name, end] of Object.entries({ a, b })) {
    end.addEventListener("message", ({ data }) => heard.push([name, typeof data === "string" ? data : data.constructor.name]));
    end.addEventListener("close", ({ code, reason, wasClean }) => heard.push([name, "close", code, reason, wasClean]));
    if (accept) end.accept(options);
  }
  return { a, b, heard };
};
`;

export const sockets: WorkerCases = {
  "the ends of a WebSocketPair hear one another": withTop(
    PAIR,
    `
  "/pair": async () => { const pair = new WebSocketPair(); return [Object.keys(pair), String(pair), pair[0].constructor.name, pair[0].readyState, pair[0].url, pair[0].protocol, pair[0].extensions, [...pair].length]; },
  "/texts": async () => { const { a, b, heard } = pair(); a.send("one"); b.send("two"); const before = heard.length; await tick(); return [before, heard]; },
  "/bytes": async () => { const { a, heard } = pair(); a.send(new Uint8Array([1, 2])); a.send(new ArrayBuffer(1)); await tick(); return heard; },
  "/others": async () => { const { a, heard } = pair(); for (const data of [5, null, {}, true]) a.send(data); await tick(); return heard; },
  "/nothing": async () => pair().a.send(),
  "/early": async () => { const { a, b, heard } = pair({ accept: false }); a.accept(); a.send("early"); await tick(); const before = heard.length; b.accept(); await tick(); return [before, heard]; },
  "/not-accepted": async () => { const { a } = pair({ accept: false }); return each({ send: () => a.send("x"), close: () => a.close() }); },
  "/handler": async () => { const { a, b } = pair(); const heard = []; b.onmessage = ({ data }) => heard.push(data); a.send("x"); await tick(); return heard; },
  "/states": async () => [WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.READY_STATE_CLOSING, WebSocket.CLOSED, pair().a.OPEN],
`,
  ),
  "a close is answered": withTop(
    PAIR,
    `
  "/closed": async () => { const { a, b, heard } = pair(); a.close(1000, "bye"); const now = [a.readyState, b.readyState]; await tick(); return [now, heard, a.readyState, b.readyState]; },
  "/no-code": async () => { const { a, heard } = pair(); a.close(); await tick(); return heard; },
  "/afterwards": async () => { const { a, b } = pair(); a.close(3001); await tick(); return each({ send: () => a.send("x"), close: () => a.close(), other: () => b.send("x") }); },
  "/half-open": async () => {
    const { a, b, heard } = pair({ options: { allowHalfOpen: true } });
    a.close(3001, "x");
    await tick();
    const states = [a.readyState, b.readyState];
    b.send("still");
    await tick();
    b.close(3002, "y");
    await tick();
    return [states, heard, a.readyState, b.readyState];
  },
  "/wrong": async () => { const { a } = pair(); return each({ low: () => a.close(1), reserved: () => a.close(1005), high: () => a.close(5000), long: () => a.close(1000, "x".repeat(200)), reason: () => a.close(undefined, "r") }); },
`,
  ),
  "before April 2026 a close waits for its answer, and bytes are buffers": {
    compatibilityDate: "2026-01-01",
    ...withTop(
      PAIR,
      `
  "/closed": async () => {
    const { a, b, heard } = pair();
    a.close(3001, "x");
    await tick();
    const states = [a.readyState, b.readyState];
    b.close(3002, "y");
    await tick();
    return [states, heard, a.readyState, b.readyState];
  },
  "/bytes": async () => { const { a, heard } = pair(); a.send(new Uint8Array([1, 2])); await tick(); return heard; },
`,
    ),
  },
  "responses carry one end": withTop(
    PAIR,
    `
  "/made": async () => { const { a } = pair({ accept: false }); const response = new Response(null, { status: 101, webSocket: a }); return [response.status, response.webSocket === a, response.statusText]; },
  "/status": async () => new Response(null, { webSocket: pair({ accept: false }).a }),
  "/none": async () => new Response(null, { status: 101 }),
  "/wrong": async () => new Response(null, { status: 101, webSocket: {} }),
  "/plain": async () => new Response("x").webSocket,
`,
  ),
  "a WebSocket to somebody else": routed(`
  "/upgrade": async (request, env) => {
    const response = await fetch(env.OUTSIDE + "/any", { headers: { upgrade: "websocket" } });
    const end = response.webSocket;
    const heard = [];
    end.addEventListener("message", ({ data }) => heard.push(data));
    const closed = new Promise((resolve) => end.addEventListener("close", ({ code, reason }) => resolve([code, reason])));
    end.accept();
    end.send("hello");
    end.send("bye");
    return [response.status, await closed, heard];
  },
  "/client": async (request, env) => {
    const client = new WebSocket(env.OUTSIDE.replace("http", "ws"));
    const heard = [client.readyState];
    await new Promise((resolve) => client.addEventListener("open", resolve));
    heard.push(client.readyState);
    const answered = new Promise((resolve) => client.addEventListener("message", ({ data }) => resolve(data)));
    client.send("hello");
    heard.push(await answered);
    const closed = new Promise((resolve) => client.addEventListener("close", ({ code }) => resolve(code)));
    client.send("bye");
    return [...heard, await closed, client.readyState];
  },
  "/refused": async () => {
    const client = new WebSocket("ws://127.0.0.1:1/");
    const heard = [client.readyState, client.url];
    await new Promise((resolve) => {
      client.addEventListener("error", ({ message }) => heard.push(message));
      client.addEventListener("close", ({ code, reason, wasClean }) => { heard.push(code, reason, wasClean); resolve(); });
    });
    return [...heard, client.readyState];
  },
  "/wrong": async () => each({
    http: () => new WebSocket("http://a.test"), relative: () => new WebSocket("/a"), nothing: () => new WebSocket(), fragment: () => new WebSocket("ws://a.test/#b"),
    protocol: () => new WebSocket("ws://a.test", "a b"), twice: () => new WebSocket("ws://a.test", ["a", "a"]), empty: () => new WebSocket("ws://a.test", [""]),
  }),
  "/accept": async () => { const client = new WebSocket("ws://127.0.0.1:1/"); client.addEventListener("error", () => {}); return client.accept(); },
`),
  "TCP sockets": withTop(
    `import { connect } from "cloudflare:sockets";
const REQUEST = "GET /json HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\n\\r\\n";
const decoder = new TextDecoder();
const addressOf = (env) => env.OUTSIDE.replace("http://", "");
`,
    `
  "/http": async (request, env) => {
    const socket = connect(addressOf(env));
    const writer = socket.writable.getWriter();
    await writer.write(bytes(REQUEST));
    let text = "";
    for await (const chunk of socket.readable) text += decoder.decode(chunk);
    return [text.split("\\r\\n")[0], text.includes('{"a":[1,null,"ä"]}'), await seen(() => socket.closed)];
  },
  "/object": async (request, env) => {
    const [hostname, port] = addressOf(env).split(":");
    const socket = connect({ hostname, port: Number(port) });
    const { remoteAddress } = await socket.opened;
    await socket.close();
    return [remoteAddress === addressOf(env), await seen(() => socket.closed)];
  },
  "/shape": async (request, env) => {
    const socket = connect(addressOf(env));
    const found = [String(socket), socket.readable instanceof ReadableStream, socket.writable instanceof WritableStream, socket.secureTransport, socket.upgraded];
    await socket.close();
    return found;
  },
  "/refused": async () => { const socket = connect("127.0.0.1:1"); return each({ opened: () => socket.opened, closed: () => socket.closed, read: () => socket.readable.getReader().read() }); },
  "/closed": async (request, env) => {
    const socket = connect(addressOf(env));
    await socket.opened;
    await socket.close();
    await socket.close();
    return each({ read: () => socket.readable.getReader().read(), write: () => socket.writable.getWriter().write(bytes("x")) });
  },
  "/closed-while-reading": async (request, env) => {
    const socket = connect(addressOf(env));
    await socket.opened;
    const read = seen(() => socket.readable.getReader().read());
    await socket.close();
    return read;
  },
  "/addresses": async () => each(Object.fromEntries([5, undefined, "", "localhost", "localhost:abc", "localhost:70000", "http://localhost:80", "local host:80"].map((address) => [String(address), () => { connect(address); }]))),
  "/ports": async () => each({ negative: () => { connect({ hostname: "a", port: -1 }); }, none: () => { connect({ hostname: "a" }); } }),
  "/options": async (request, env) => each({ secure: () => { connect("127.0.0.1:1", { secureTransport: "nope" }); }, text: () => { connect("127.0.0.1:1", "x"); }, null: () => { connect("127.0.0.1:1", null); } }),
  "/start-tls": async (request, env) => { const socket = connect(addressOf(env)); await socket.opened; const found = await seen(() => socket.startTls()); await socket.close(); return found; },
  "/tls-to-plain": async (request, env) => { const socket = connect(addressOf(env), { secureTransport: "on" }); return each({ opened: () => socket.opened, closed: () => socket.closed }); },
  "/not-bytes": async (request, env) => { const socket = connect(addressOf(env)); const writer = socket.writable.getWriter(); return writer.write(5); },
`,
  ),
};
