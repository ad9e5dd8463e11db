// Where a Worker's socket goes and how, read as workerd reads it.

export interface Address {
  hostname: string;
  port: number;
}

export type SecureTransport = "on" | "off" | "starttls";

export interface SocketOptions {
  secureTransport: SecureTransport;
  allowHalfOpen: boolean;
}

const LARGEST_PORT = 65_535;
const NOT_PARSED = "Specified address could not be parsed.";

export function readAddress(given: unknown): Address {
  if (given === undefined || given === null) throw missingMembers("13SocketAddressE");
  if (typeof given === "object" && ("hostname" in given || "port" in given || !(Symbol.toPrimitive in given))) {
    const { hostname, port } = given as { hostname?: unknown; port?: unknown };
    return { hostname: String(hostname), port: readPort(port) };
  }
  const url = URL.parse(`fake://${String(given)}`);
  if (url === null) throw new TypeError(NOT_PARSED);
  if (url.hostname === "") throw new TypeError("Specified address is missing hostname.");
  if (url.port === "") throw new TypeError("Specified address is missing port.");
  return { hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(url.port) };
}

function readPort(given: unknown): number {
  const port = Number(given);
  if (!Number.isInteger(port)) {
    throw new TypeError("The value cannot be converted because it is not an integer.");
  }
  if (port < 0) {
    const why = "it is negative and this API expects a positive number.";
    throw new TypeError(`The value cannot be converted because ${why}`);
  }
  if (port > LARGEST_PORT) throw new TypeError(NOT_PARSED);
  return port;
}

export function readOptions(given: unknown): SocketOptions {
  if (given === null) throw missingMembers("13SocketOptionsE");
  if (given !== undefined && typeof given !== "object") {
    const where = "Failed to execute 'connect' on 'SocketsModule'";
    throw new TypeError(`${where}: parameter 2 is not of type 'SocketOptions'.`);
  }
  const { secureTransport = "off", allowHalfOpen } = (given ?? {}) as Record<string, unknown>;
  if (secureTransport !== "on" && secureTransport !== "off" && secureTransport !== "starttls") {
    throw new TypeError(`Unsupported value in secureTransport socket option: ${String(secureTransport)}`);
  }
  return { secureTransport, allowHalfOpen: allowHalfOpen === true };
}

/** The name is C++'s own. */
function missingMembers(name: string): TypeError {
  const from = "with required members from an undefined or null value.";
  return new TypeError(`Cannot initialize N7workerd3api${name} ${from}`);
}
