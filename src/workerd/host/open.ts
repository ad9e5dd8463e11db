// Opens a host in a thread or in this process, by HIDB_WORKER_ISOLATION.
import type { Host, HostOptions } from "./host.js";

export async function openHost({
  isolation,
  ...options
}: HostOptions & { isolation: "thread" | "process" }): Promise<Host> {
  // The runtime itself is loaded only where it runs: an instance whose Worker has a thread stays small.
  if (isolation === "thread") return (await import("./thread-host.js")).openThreadHost(options);
  return (await import("./process-host.js")).openProcessHost(options);
}
