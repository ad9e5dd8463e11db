// `net`, `tls`, `http` and `https`: outwards Node's own, for hosts and ports only and counted as subrequests; inwards
// nothing, for a server of a Worker has no port of the machine.
import type * as Http from "node:http";
import type * as Net from "node:net";
import type * as Tls from "node:tls";
import { currentInvocation } from "../invocation.js";
import type { Realm } from "../realm.js";
import { nodeModule } from "./native-module.js";
import { notImplemented, optionNotImplemented, pathNotSupported, refused } from "./node-errors.js";
import { makeServerClass } from "./node-server.js";

type Options = Record<string, unknown>;
type Loose = (...given: unknown[]) => unknown;

export function networkModules(realm: Realm): Record<string, () => object> {
  const net = once(() => sockets());
  const http = once(() => client("http", realm));
  const https = once(() => client("https", realm));
  const pick = (from: () => object, names: string[]) => () => picked(from() as Options, names);
  return {
    net,
    tls: () => secureSockets(),
    http,
    https,
    _http_agent: pick(http, ["Agent", "globalAgent"]),
    _http_client: pick(http, ["ClientRequest"]),
    _http_incoming: pick(http, ["IncomingMessage"]),
    _http_outgoing: pick(http, ["OutgoingMessage", "validateHeaderName", "validateHeaderValue"]),
    _http_server: pick(http, ["STATUS_CODES", "Server", "ServerResponse", "_connectionListener"]),
  };
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function picked(from: Options, names: readonly string[]): object {
  return Object.fromEntries(names.map((name) => [name, from[name]]));
}

/** A place to connect to: never a socket of the file system. */
function checkTarget(given: readonly unknown[]): void {
  const [first] = Array.isArray(given[0]) ? (given[0] as unknown[]) : given;
  if (typeof first === "string" && Number.isNaN(Number(first))) throw pathNotSupported(first);
  const path = typeof first === "object" && first !== null && "path" in first ? first.path : undefined;
  if (path !== undefined && path !== null) throw pathNotSupported(path);
  currentInvocation()?.meter.count("subrequests");
}

function sockets(): object {
  const real = nodeModule<typeof Net>("node:net");
  class Socket extends real.Socket {
    constructor(options: Options = {}) {
      if (options.fd !== undefined) throw optionNotImplemented("fd");
      const { handle: _handle, ...rest } = options;
      super(rest);
    }
    override connect(...given: unknown[]): this {
      checkTarget(given);
      return (super.connect as Loose)(...given) as this;
    }
  }
  const connect = (...given: unknown[]) => {
    const [first] = given;
    const options = typeof first === "object" && first !== null ? (first as Options) : {};
    return new Socket(options).connect(...given);
  };
  return {
    ...real,
    Socket,
    Stream: Socket,
    connect,
    createConnection: connect,
    Server: () => {
      throw new Error("Server is not implemented");
    },
    createServer: () => {
      throw new Error("createServer() is not implemented");
    },
  };
}

function secureSockets(): object {
  const real = nodeModule<typeof Tls>("node:tls");
  const none = () => {
    throw new Error("Not implemented");
  };
  return {
    ...real,
    connect: (...given: unknown[]) => {
      checkTarget(given);
      return (real.connect as Loose)(...given);
    },
    Server: none,
    createServer: none,
    createSecurePair: refused("createSecurePair"),
    getCiphers: none,
    rootCertificates: [],
  };
}

function client(name: "http" | "https", realm: Realm): object {
  const real = nodeModule<typeof Http>(`node:${name}`);
  class Agent extends real.Agent {
    override createConnection(): never {
      throw notImplemented("createConnection");
    }
  }
  // The connections are made by Node's own agents, which a Worker does not get to see.
  const own = new real.Agent({ keepAlive: true });
  const prepare = (given: unknown[]): unknown[] => {
    const at = given.findIndex((part) => isOptions(part));
    const options = at === -1 ? {} : (given[at] as Options);
    if (options.socketPath !== undefined) throw optionNotImplemented("socketPath");
    currentInvocation()?.meter.count("subrequests");
    const { createConnection: _connection, ...rest } = options;
    const safe = { ...rest, agent: own };
    if (at !== -1) return given.with(at, safe);
    return [given[0], safe, ...given.slice(1)];
  };
  const request = (...given: unknown[]) => (real.request as Loose)(...prepare(given)) as Http.ClientRequest;
  const get = (...given: unknown[]) => {
    const made = request(...given);
    made.end();
    return made;
  };
  const Server = makeServerClass(realm);
  return {
    ...real,
    Agent,
    globalAgent: new Agent({ keepAlive: true }),
    ClientRequest: request,
    request,
    get,
    Server,
    createServer: (...given: unknown[]) => new Server(...given),
    _connectionListener: refused("_connectionListener"),
    WebSocket: globalThis.WebSocket,
  };
}

function isOptions(part: unknown): boolean {
  return typeof part === "object" && part !== null && !(part instanceof URL);
}
