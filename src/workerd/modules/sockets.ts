// `connect` of `cloudflare:sockets`: TCP and TLS over Node's own, with workerd's streams and words.
import { connect as connectPlain, isIP, type Socket as NetSocket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { GLOBAL_SCOPE, illegalConstructor, nameInstances } from "../globals/refusals.js";
import { closeWhenOver, currentInvocation } from "../invocation.js";
import { type Address, readAddress, readOptions, type SecureTransport, type SocketOptions } from "./sockets-address.js";
import { SocketStreams } from "./sockets-streams.js";

const UNREACHED = "proxy request failed, cannot connect to the specified address";
const USE_FETCH =
  ". It looks like you might be trying to connect to a HTTP-based service — consider using fetch instead";
const NOT_STARTTLS = "The `secureTransport` socket option must be set to 'starttls' for startTls to be used.";
const GONE = "The connection was closed before startTls could be started.";

interface SocketInfo {
  remoteAddress: string;
  localAddress?: string;
}

/** What a socket is made of; nobody else has one. */
class Link {
  constructor(
    readonly address: Address,
    readonly options: SocketOptions,
    /** Resolves once it is connected. */
    readonly net: Promise<NetSocket>,
  ) {}
}

class Socket {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<unknown>;
  readonly opened: Promise<SocketInfo>;
  readonly closed: Promise<void>;
  readonly #link: Link;
  readonly #streams: SocketStreams;
  readonly #closed = Promise.withResolvers<void>();
  #isUpgraded = false;

  constructor(link?: unknown) {
    if (!(link instanceof Link)) throw illegalConstructor();
    this.#link = link;
    this.#streams = new SocketStreams(link.options);
    this.readable = this.#streams.readable;
    this.writable = this.#streams.writable;
    this.closed = this.#closed.promise;
    this.opened = link.net.then((net) => this.#open(net));
    this.opened.catch((error: unknown) => {
      this.#streams.fail(error);
      this.#closed.reject(error);
    });
    // Who does not ask does not want to know.
    this.closed.catch(() => undefined);
  }

  get secureTransport(): SecureTransport {
    return this.#link.options.secureTransport;
  }

  get upgraded(): boolean {
    return this.#isUpgraded;
  }

  async close(): Promise<void> {
    this.#streams.stop();
    const net = await this.#link.net.catch(() => null);
    net?.destroySoon();
    this.#closed.resolve();
  }

  startTls(options?: { expectedServerHostname?: string }): Socket {
    const { address, options: given, net } = this.#link;
    if (given.secureTransport !== "starttls") throw new TypeError(NOT_STARTTLS);
    if (this.#isUpgraded) throw new TypeError(GONE);
    this.#isUpgraded = true;
    this.#streams.lock();
    const hostname = options?.expectedServerHostname ?? address.hostname;
    const secured = net.then(async (plain) => {
      this.#streams.release(plain);
      this.#closed.resolve();
      return secure({ socket: plain }, { address, hostname });
    });
    return new Socket(new Link(address, { ...given, secureTransport: "on" }, secured));
  }

  #open(net: NetSocket): SocketInfo {
    this.#streams.attach(net);
    net.once("close", () => this.#closed.resolve());
    net.once(
      "close",
      closeWhenOver(() => net.destroy()),
    );
    const { hostname, port } = this.#link.address;
    return { remoteAddress: `${hostname}:${port}` };
  }
}

nameInstances(Socket, "Socket");

/** Counts as a subrequest and as a connection until it is open. */
export function connect(given: unknown, options?: unknown): Socket {
  const invocation = currentInvocation();
  if (invocation === undefined) throw new Error(GLOBAL_SCOPE);
  const address = readAddress(given);
  const read = readOptions(options);
  invocation.meter.count("subrequests");
  return new Socket(
    new Link(
      address,
      read,
      invocation.connect(() => open(address, read)),
    ),
  );
}

async function open(address: Address, { secureTransport }: SocketOptions): Promise<NetSocket> {
  const { hostname, port } = address;
  if (secureTransport === "on") return secure({ host: hostname, port }, { address, hostname });
  // Whether the other half stays open is the streams' business.
  return whenReady(connectPlain({ host: hostname, port, allowHalfOpen: true }), "connect", address);
}

async function secure(to: ConnectionOptions, who: { address: Address; hostname: string }): Promise<NetSocket> {
  const { connect: connectSecure } = await import("node:tls");
  const servername = isIP(who.hostname) === 0 ? { servername: who.hostname } : {};
  return whenReady(connectSecure({ ...to, ...servername } as ConnectionOptions), "secureConnect", who.address);
}

function whenReady(net: NetSocket, event: "connect" | "secureConnect", { port }: Address): Promise<NetSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<NetSocket>();
  // Why is not for the Worker to know.
  const fail = () => {
    net.destroy();
    reject(new Error(UNREACHED + (port === 80 || port === 443 ? USE_FETCH : "")));
  };
  net.once("error", fail);
  net.once("close", fail);
  net.once(event, () => {
    net.off("error", fail);
    net.off("close", fail);
    resolve(net);
  });
  return promise;
}
