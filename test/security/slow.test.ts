// Whoever sends or reads slowly, or holds many connections, over bare sockets.
import type { Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock as clock } from "../../src/clock.js";
import { Listener, type ListenerOptions } from "../../src/dashboard/listener.js";
import { freePort } from "../support/ports.js";
import { open, say } from "./raw.js";

describe("whoever is slow", () => {
  const SOON = { headersMs: 300, requestMs: 600, idleMs: 500, lookMs: 50 };

  async function listen(
    onRequest: ListenerOptions["onRequest"],
    bounds: Partial<ListenerOptions["bounds"]> = {},
  ): Promise<number> {
    const port = await freePort(4);
    const listener = new Listener({
      port,
      host: "127.0.0.1",
      clock,
      onRequest,
      onTaken: () => undefined,
      bounds: { ...SOON, ...bounds },
    });
    onTestFinished(() => listener.close(0));
    await expect.poll(() => listener.port).toBe(port);
    return port;
  }

  /** However it comes: a reset is an end like any other. */
  const endOf = (socket: Socket) => new Promise<void>((resolve) => socket.once("close", () => resolve()));

  it("to begin, or with headers, has his connection closed", async () => {
    const port = await listen((_, response) => void response.end("fine"));
    const silent = open(port);
    silent.resume();
    const dribbling = open(port);
    dribbling.resume();
    dribbling.write("GET / HTTP/1.1\r\n");
    const dribble = setInterval(() => dribbling.write("X: y\r\n"), 50);
    onTestFinished(() => clearInterval(dribble));
    await Promise.all([endOf(silent), endOf(dribbling)]);
  });

  it("with a body has his connection closed, whatever he sends in between", async () => {
    const port = await listen((request, response) => {
      request.on("error", () => undefined).resume();
      request.on("end", () => response.end("fine"));
    });
    const socket = open(port);
    socket.resume();
    socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
    const dribble = setInterval(() => socket.write("x"), 50);
    onTestFinished(() => clearInterval(dribble));
    await endOf(socket);
  });

  it("to read has his connection closed, and what was meant for him is let go", async () => {
    let closed = false;
    const port = await listen((_, response) => {
      response.on("close", () => {
        closed = true;
      });
      response.end(Buffer.alloc(30_000_000));
    });
    const socket = open(port);
    socket.pause();
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await expect.poll(() => closed).toBe(true);
  });

  it("but reads what little there is, as the event stream's clients do, stays", async () => {
    const port = await listen(
      (_, response) => {
        const beat = setInterval(() => response.write(": still here\n\n"), 150);
        response.on("close", () => clearInterval(beat));
      },
      { idleMs: 1500 },
    );
    const socket = open(port);
    socket.resume();
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await clock.sleep(3000);
    expect(socket.closed).toBe(false);
  });

  it("cannot take all connections for long: there is a bound, and the rest are turned away at once", async () => {
    const port = await listen((_, response) => void response.end("fine"), {
      connections: 5,
      headersMs: 3000,
      requestMs: 3000,
      idleMs: 3000,
    });
    const held = Array.from({ length: 12 }, () => open(port).resume());
    const left = () => held.filter(({ closed }) => !closed).length;
    await expect.poll(left).toBe(5);
    await expect.poll(left).toBe(0);
    expect((await say(port, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).status).toBe(200);
  });
});
