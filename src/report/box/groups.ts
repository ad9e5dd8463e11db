// The box: which limits of memory this process lives under, from its own cgroup up to the root of what it can see.
import { readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** One cgroup with a say about memory; files of version 1 and 2 say the same things under different names. */
export interface MemoryGroup {
  folder: string;
  version: 1 | 2;
}

export interface GroupMemory {
  limitBytes: number;
  /** Without what the kernel can take back at once: pages of files. */
  usedBytes: number;
}

/** From the innermost to the outermost; empty where there is none (macOS, no cgroups mounted). */
export function findMemoryGroups(
  read = (file: string) => readFileSync(file, "utf8"),
  self = "/proc/self",
): MemoryGroup[] {
  try {
    const own = ownPaths(read(join(self, "cgroup")));
    return read(join(self, "mountinfo"))
      .split("\n")
      .flatMap((line) => mountedGroups(line, own));
  } catch {
    return [];
  }
}

interface OwnPaths {
  v1?: string;
  v2?: string;
}

function ownPaths(text: string): OwnPaths {
  const paths: OwnPaths = {};
  for (const line of text.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    if (controllers === "") paths.v2 = path;
    else if (controllers?.split(",").includes("memory")) paths.v1 = path;
  }
  return paths;
}

/** `36 35 0:32 /root /mount/point rw ... - cgroup2 cgroup2 rw,...` */
function mountedGroups(line: string, own: OwnPaths): MemoryGroup[] {
  const [before = "", after = ""] = line.split(" - ");
  const [, , , root = "/", mountPoint = ""] = before.split(" ");
  const [type, , options = ""] = after.split(" ");
  if (type === "cgroup2" && own.v2 !== undefined) return chain(mountPoint, root, own.v2, 2);
  if (type === "cgroup" && options.split(",").includes("memory") && own.v1 !== undefined)
    return chain(mountPoint, root, own.v1, 1);
  return [];
}

/** A container may see its own cgroup as the root, or the host's path below a mount of only a part. */
function chain(mountPoint: string, root: string, path: string, version: 1 | 2): MemoryGroup[] {
  const below = relative(root, path);
  // `/..`: the cgroup lies outside of what this namespace shows.
  const steps = path.startsWith("/..") || below.startsWith("..") ? [] : below.split("/").filter((step) => step !== "");
  const groups: MemoryGroup[] = [];
  for (let depth = steps.length; depth >= 0; depth--)
    groups.push({ folder: join(mountPoint, ...steps.slice(0, depth)), version });
  return groups;
}

/** Undefined where this cgroup sets no limit. */
export function readGroup({ folder, version }: MemoryGroup): GroupMemory | undefined {
  const [limitFile, usageFile, prefix] =
    version === 2 ? ["memory.max", "memory.current", ""] : ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_"];
  try {
    const limitBytes = Number(readFileSync(join(folder, limitFile), "utf8"));
    // "max", or in version 1 a number beyond any machine.
    if (!Number.isFinite(limitBytes) || limitBytes > UNLIMITED) return undefined;
    const usage = Number(readFileSync(join(folder, usageFile), "utf8"));
    const stat = readFileSync(join(folder, "memory.stat"), "utf8");
    const files = ["inactive_file", "active_file"].map((name) => Number(statOf(stat, prefix + name)));
    return { limitBytes, usedBytes: Math.max(0, usage - files.reduce((sum, one) => sum + one, 0)) };
  } catch {
    return undefined; // The root has no such files, and others may not be ours to read.
  }
}

const UNLIMITED = 2 ** 60;

function statOf(stat: string, name: string): string {
  return new RegExp(`^${name} (\\d+)$`, "m").exec(stat)?.[1] ?? "0";
}
