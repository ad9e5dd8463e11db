// Who listens on a TCP port of this machine, as far as /proc lets this user see it.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const LISTENING = "0A";

export interface PortOwner {
  pid: number;
  name: string;
}

export function findPortOwner(port: number): PortOwner | undefined {
  const sockets = new Set(["tcp", "tcp6"].flatMap((table) => listeningSockets(table, port)));
  if (sockets.size === 0) return undefined;
  return listPids()
    .map((pid) => ownerOf(pid, sockets))
    .find((owner) => owner !== undefined);
}

/** As links of open files name them. */
function listeningSockets(table: string, port: number): string[] {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return read(`/proc/net/${table}`)
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(ending) && state === LISTENING)
    .map((fields) => `socket:[${fields[9]}]`);
}

function ownerOf(pid: number, sockets: Set<string>): PortOwner | undefined {
  try {
    const folder = `/proc/${pid}/fd`;
    const holds = readdirSync(folder).some((name) => sockets.has(tryLink(`${folder}/${name}`)));
    return holds ? { pid, name: read(`/proc/${pid}/comm`).trim() } : undefined;
  } catch {
    return undefined; // Another user's, or it has ended.
  }
}

function listPids(): number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return []; // No /proc here.
  }
}

function tryLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
