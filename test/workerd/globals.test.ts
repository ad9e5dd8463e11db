// What workerd cannot be asked about: the log, the host beside the Worker, ends of sockets that are the host's.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { Call } from "../../src/workerd/events/call.js";
import { defineByCaller } from "../../src/workerd/globals/callers.js";
import { installConsole } from "../../src/workerd/globals/console.js";
import { installEventSource } from "../../src/workerd/globals/event-source.js";
import { announceRejection, installEvents } from "../../src/workerd/globals/events.js";
import { installNodeNames } from "../../src/workerd/globals/node-names.js";
import { serviceWorkerHandler, serviceWorkerHandlerNames } from "../../src/workerd/globals/service-worker.js";
import { installTimers } from "../../src/workerd/globals/timers.js";
import { installWebSockets, takeEnd, type WebSocket } from "../../src/workerd/globals/websocket.js";
import { endInvocation, runInvocation } from "../../src/workerd/invocation.js";
import type { Target } from "../../src/workerd/realm.js";
import { invoke, makeRealm } from "./realm.js";

type Log = (...values: unknown[]) => void;
type Start = (work: () => unknown, ms: number) => unknown;

describe("console", () => {
  const setup = (options?: Parameters<typeof makeRealm>[0]) => {
    const made = makeRealm(options);
    installConsole(made.target, made.realm);
    return {
      ...made,
      console: made.target.console as Record<"log" | "error" | "group" | "groupEnd" | "table" | "count", Log>,
    };
  };

  it("writes values side by side and leaves percent signs alone", () => {
    const { console, lines } = setup();
    console.log("%s", 5n, { a: [1, "x"] }, undefined);
    console.error("bad");
    expect(lines).toEqual(["log: %s 5n { a: [ 1, 'x' ] } undefined", "error: bad"]);
  });

  it("indents groups and draws tables", () => {
    const { console, lines } = setup();
    console.group("G");
    console.log("in");
    console.groupEnd();
    console.count("n");
    expect(lines).toEqual(["log: G", "log:   in", "log: n: 1"]);
    console.table([{ a: 1 }]);
    expect(lines.at(-1)).toContain("│ (index) │ a │");
  });

  it("counts its bytes against the invocation, and ends it when there are too many", async () => {
    const { console } = setup();
    const { invocation } = await invoke(() => console.log("grün"));
    expect(invocation.meter.usage.logBytes).toBe(5);
  });

  it("does not hear a host that prints what it hears", async () => {
    let depth = 0;
    const { console, lines } = setup({
      isolated: false,
      onLog: () => {
        if (++depth === 1) console.log("from the host, to Node's own console");
      },
    });
    await invoke(() => console.log("from the Worker"));
    expect(lines).toEqual(["log: from the Worker"]);
  });
});

describe("timers", () => {
  const setup = () => {
    const made = makeRealm();
    installEvents(made.target, made.realm);
    installTimers(made.target, made.realm);
    return { ...made, start: made.target.setTimeout as Start, repeat: made.target.setInterval as Start };
  };

  it("log what their callbacks throw or reject with, and go on", async () => {
    const { start, lines } = setup();
    await invoke(async () => {
      start(() => {
        throw new Error("thrown");
      }, 1);
      start(async () => Promise.reject(new Error("rejected")), 1);
      await wait(20);
    });
    expect(lines.map((line) => line.split("\n")[0])).toEqual([
      "error: Uncaught Error: thrown",
      "error: Uncaught (in promise) Error: rejected",
    ]);
  });

  it("end with their invocation when it is told so", async () => {
    const { start, repeat } = setup();
    const found: string[] = [];
    const { invocation } = await invoke(() => {
      repeat(() => found.push("cancelled"), 5);
      start(() => found.push("cancelled"), 5);
    });
    await invoke(() => start(() => found.push("of another invocation"), 5));
    endInvocation(invocation);
    await wait(40);
    expect(found).toEqual(["of another invocation"]);
  });
});

describe("names with two values", () => {
  it("are Node's own for Node's own code, and the Worker's for anybody else", () => {
    const target: Target = {};
    defineByCaller(target, "name", { worker: "the Worker's", host: "the host's" });
    Object.defineProperty(target, "name", { enumerable: true });
    expect([target.name, Reflect.get(target, "name")]).toEqual(["the Worker's", "the Worker's"]);
    expect(inspect(target, { getters: true })).toContain("the host's");
    target.name = "changed by the Worker";
    expect([target.name, inspect(target, { getters: true }).includes("the host's")]).toEqual([
      "changed by the Worker",
      true,
    ]);
  });

  it("hide Node from Workers without compatibility, and from nobody who shares the process", () => {
    const names = () =>
      ({ process, Buffer, global: 1, setImmediate, Worker: 1, PerformanceEntry, require: 1 }) as Target;
    const seen = (target: Target) => Object.keys(names()).filter((name) => target[name] !== undefined);
    const [off, compatible, full, shared] = [names(), names(), names(), names()];
    installNodeNames(off, makeRealm().realm);
    installNodeNames(compatible, makeRealm({ compatibility: { node: "compat" } }).realm);
    installNodeNames(full, makeRealm({ compatibility: { node: "full" } }).realm);
    installNodeNames(shared, makeRealm({ isolated: false }).realm);
    expect(seen(off)).toEqual([]);
    expect(seen(compatible)).toEqual(["process", "Buffer", "global", "setImmediate", "PerformanceEntry"]);
    expect([seen(full), seen(shared)]).toEqual([Object.keys(names()), Object.keys(names())]);
  });
});

describe("the service-worker syntax", () => {
  const setup = () => {
    const made = makeRealm();
    installEvents(made.target, made.realm);
    return {
      ...made,
      listen: made.target.addEventListener as (type: string, listener: (event: never) => void) => void,
    };
  };

  it("answers a request with what a listener responds with, and says which events are heard", async () => {
    const { realm, listen } = setup();
    listen("fetch", (event: { request: string; respondWith(answer: object): void }) => {
      event.respondWith(Promise.resolve(`answer to ${event.request}`));
    });
    listen("scheduled", () => undefined);
    const call = new Call("fetch", realm);
    expect(serviceWorkerHandlerNames(realm)).toEqual(["fetch", "scheduled"]);
    expect(await runInvocation(call, () => serviceWorkerHandler(realm, "fetch", call)?.("a request"))).toBe(
      "answer to a request",
    );
    expect(serviceWorkerHandler(realm, "queue", call)).toBeUndefined();
  });

  it("takes one answer, in time, and fails without any", () => {
    const { realm, listen } = setup();
    const found: string[] = [];
    let late: (() => void) | undefined;
    listen("fetch", (event: { request: string; respondWith(answer: object): void }) => {
      late = () => event.respondWith({});
      if (event.request === "none") return;
      event.respondWith({ answer: 1 });
      try {
        event.respondWith({ answer: 2 });
      } catch (error) {
        found.push(String(error));
      }
    });
    const call = new Call("fetch", realm);
    const handler = serviceWorkerHandler(realm, "fetch", call);
    expect(handler?.("a")).toEqual({ answer: 1 });
    expect(found).toEqual([
      "InvalidStateError: FetchEvent.respondWith() has already been called; it can only be called once.",
    ]);
    expect(late).toThrow("Too late to call FetchEvent.respondWith()");
    expect(() => handler?.("none")).toThrow("has called respondWith()");
  });
});

it("tells a listener of rejections, which may take care of them", () => {
  const { realm, target } = makeRealm();
  installEvents(target, realm);
  const about = { promise: Promise.resolve(), reason: new Error("nobody") };
  expect(announceRejection(realm, "unhandledrejection", about)).toBe(false);
  (target.addEventListener as (type: string, listener: (event: Event) => void) => void)("unhandledrejection", (event) =>
    event.preventDefault(),
  );
  expect(announceRejection(realm, "unhandledrejection", about)).toBe(true);
});

it("gives the host the other end of a WebSocket that a Worker has given away", async () => {
  const { realm, target } = makeRealm();
  installWebSockets(target, realm);
  const { result } = await invoke(async () => {
    const [client, server] = [...new (target.WebSocketPair as new () => Iterable<WebSocket>)()];
    const heard: unknown[] = [];
    server?.accept();
    server?.addEventListener("message", ({ data }: { data: string }) => server.send(`echo of ${data}`));
    server?.addEventListener("close", ({ code }: { code: number }) => heard.push(["server", code]));
    const inbound = takeEnd(client, {
      message: (data) => heard.push(data),
      close: (code, reason) => heard.push([code, reason]),
      lost: () => heard.push("lost"),
    });
    inbound?.message("hello");
    inbound?.close(4000, "bye");
    await wait(30);
    return heard;
  });
  expect(result).toEqual(["echo of hello", ["server", 4000], [4000, "bye"]]);
  expect(takeEnd({}, { message: () => {}, close: () => {}, lost: () => {} })).toBeNull();
});

it("reads server-sent events", async () => {
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: one\r\n\r");
    setTimeout(() => response.end('\nid: 7\nevent: named\ndata: {"a":\ndata: 1}\n\n: nothing\ndata: lost'), 5);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { realm, target } = makeRealm();
  target.fetch = globalThis.fetch;
  installEventSource(target, realm);
  const { result } = await invoke(async () => {
    const found: unknown[] = [];
    const source = new (target.EventSource as new (url: string) => EventTarget & { readyState: number })(
      `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    );
    const keep = (event: Event) =>
      found.push([event.type, (event as MessageEvent).data, (event as MessageEvent).lastEventId]);
    for (const type of ["open", "message", "named"]) source.addEventListener(type, keep);
    await new Promise((resolve) => source.addEventListener("error", resolve));
    return [...found, source.readyState];
  });
  server.close();
  expect(result).toEqual([["open", undefined, undefined], ["message", "one", ""], ["named", '{"a":\n1}', "7"], 2]);
});
