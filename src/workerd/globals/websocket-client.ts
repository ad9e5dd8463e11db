// WebSockets over the network: the package `ws`, loaded when the first Worker calls out with one.

import type { IncomingMessage } from "node:http";
import { createRequire } from "node:module";
import type Ws from "ws";
import { currentInvocation } from "../invocation.js";
import type { Peer } from "./websocket-inbound.js";

/** A handshake that succeeded. Nothing is lost before `attach`. */
export interface Dialled {
  protocol: string;
  /** The answer of status 101. */
  answer: IncomingMessage;
  attach: (inbound: Peer) => Peer;
}

/** The server answered with something else; `answer` has its status, headers and body. */
export class NoUpgrade extends Error {
  constructor(readonly answer: IncomingMessage) {
    super(`expected a WebSocket, got status ${answer.statusCode}`);
  }
}

/** Headers that `ws` makes itself. */
const OWN = new Set([
  "upgrade",
  "connection",
  "sec-websocket-key",
  "sec-websocket-version",
  "sec-websocket-extensions",
]);
const LOST = "Network connection lost.";

/** Counts as a subrequest. Errors: NoUpgrade, or workerd's for a server that cannot be reached. */
export async function dial(url: string, headers: Iterable<[string, string]>): Promise<Dialled> {
  const invocation = currentInvocation();
  invocation?.meter.count("subrequests");
  const work = () => handshake(url, [...headers]);
  return invocation === undefined ? work() : invocation.connect(work);
}

function handshake(url: string, headers: [string, string][]): Promise<Dialled> {
  const made = createRequire(import.meta.url)("ws") as typeof Ws;
  const { promise, resolve, reject } = Promise.withResolvers<Dialled>();
  const protocols = headers
    .filter(([name]) => name === "sec-websocket-protocol")
    .flatMap(([, value]) => value.split(/, */));
  const given = headers.filter(([name]) => !OWN.has(name) && name !== "sec-websocket-protocol");
  const socket = new made(url.replace(/^http/, "ws"), protocols, {
    headers: Object.fromEntries(given),
    perMessageDeflate: false,
    followRedirects: false,
  });
  let answer: IncomingMessage | undefined;
  socket.once("upgrade", (message) => {
    answer = message;
  });
  socket.once("unexpected-response", (_request, message) => reject(new NoUpgrade(message)));
  socket.on("error", (cause) => reject(new Error(LOST, { cause })));
  socket.once("open", () => {
    // Messages may come with the answer.
    socket.pause();
    if (answer === undefined) return reject(new Error(LOST));
    resolve({ protocol: socket.protocol, answer, attach: (inbound) => attach(socket, inbound) });
  });
  return promise;
}

/** Passes what comes to `inbound`, and returns what takes what goes out. */
function attach(socket: Ws, inbound: Peer): Peer {
  socket.on("message", (data: Buffer, isBinary) => {
    inbound.message(isBinary ? new Uint8Array(data) : data.toString("utf8"));
  });
  socket.on("close", (code, reason) => {
    if (code === 1006) inbound.lost();
    else inbound.close(code === 1005 ? null : code, reason.toString("utf8"));
  });
  socket.resume();
  return {
    message: (data) => socket.send(data),
    close: (code, reason) => (code === null ? socket.close() : socket.close(code, reason)),
    lost: () => socket.terminate(),
  };
}
