// Which addresses a source of the catalogue may lead to: a list from somebody else shall not make this machine ask its own
// network, or the service of its cloud that hands out credentials, and show what came of it.
import { lookup as resolveName } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { Refusal } from "./failure.js";

/** The IANA special-purpose registries, multicast, and the services of clouds that have an address outside of those. */
const PRIVATE_IPV4 = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["168.63.129.16", 32], // Azure's
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const;
/** Of what is assigned to anybody (2000::/3): Teredo and 6to4, which wrap IPv4, benchmarks, identifiers, examples. */
const PRIVATE_IPV6 = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const;

const reserved = new BlockList();
for (const [net, bits] of PRIVATE_IPV4) reserved.addSubnet(net, bits, "ipv4");
for (const [net, bits] of PRIVATE_IPV6) reserved.addSubnet(net, bits, "ipv6");
const assigned = new BlockList();
assigned.addSubnet("2000::", 3, "ipv6");
const translated = new BlockList();
translated.addSubnet("64:ff9b::", 96, "ipv6");
const mapped = new BlockList();
mapped.addSubnet("::ffff:0:0", 96, "ipv6");

/** Whether anybody on the internet can be at this address. */
export function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !reserved.check(address, "ipv4");
  // What a network without IPv4 makes of every address that has only that.
  if (translated.check(address, "ipv6") || isMapped(address)) return isPublic(lastFour(address));
  return assigned.check(address, "ipv6") && !reserved.check(address, "ipv6");
}

/** BlockList itself takes every IPv4 address for a mapped one. */
function isMapped(address: string): boolean {
  return isIP(address) === 6 && mapped.check(address, "ipv6");
}

/** `64:ff9b::a00:1` ends in 10.0.0.1. */
function lastFour(address: string): string {
  // The URL parser writes IPv6 in one way, with its last 32 bits as two groups.
  const { hostname } = new URL(`http://[${address}]`);
  const groups = hostname.slice(1, -1).split(":").slice(-2);
  return groups
    .map((group) => Number.parseInt(group || "0", 16))
    .flatMap((group) => [group >> 8, group & 255])
    .join(".");
}

export interface Allowed {
  all: boolean;
  names: ReadonlySet<string>;
  ranges: BlockList;
}

/** What HIDB_ALLOW_PRIVATE_SOURCES says. */
export function readAllowed(words: readonly string[]): Allowed {
  const ranges = new BlockList();
  const names = new Set<string>();
  for (const word of words) {
    const [address = "", bits] = word.split("/");
    const version = isIP(address);
    if (version === 0) names.add(word.toLowerCase());
    else ranges.addSubnet(address, Number(bits ?? (version === 4 ? 32 : 128)), version === 4 ? "ipv4" : "ipv6");
  }
  return { all: names.has("*"), names, ranges };
}

/** Throws a Refusal for a host that is itself an address, and may not be asked. Names are looked at when they are resolved. */
export function checkHost({ hostname }: URL, allowed: Allowed): void {
  const host = hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) === 0 || allowed.all || mayAsk(host, allowed)) return;
  throw refusal(host, host);
}

/** Resolves as Node does and gives out what may be asked: whatever the name says a moment later, this is what is used. */
export function lookupWithin(allowed: Allowed): LookupFunction | undefined {
  if (allowed.all) return undefined;
  return (name, options, callback) => {
    const isAllowedName = allowed.names.has(name.toLowerCase());
    resolveName(name, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, "");
      const usable = isAllowedName ? found : found.filter(({ address }) => mayAsk(address, allowed));
      const [first] = usable;
      if (first === undefined) {
        const refused = refusal(name, found[0]?.address ?? "no address");
        return callback(refused, "");
      }
      if (options.all) return callback(null, usable);
      return callback(null, first.address, first.family);
    });
  };
}

function mayAsk(address: string, { ranges }: Allowed): boolean {
  // With its zone an address is of this link alone.
  if (isIP(address) === 0 || address.includes("%")) return false;
  return isPublic(address) || ranges.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
}

function refusal(host: string, address: string): Refusal {
  const got = host === address ? address : `${host} at ${address}`;
  return new Refusal(
    `expected a source at a public address, got ${got}; if that is meant, set HIDB_ALLOW_PRIVATE_SOURCES=${host}`,
  );
}
