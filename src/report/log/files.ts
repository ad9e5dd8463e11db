// The log files of a folder: `hidb-<process id>.log` is written to, `hidb-<process id>.<moment>.<instance>.log` was rotated.
import { type BigIntStats, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../errors.js";
import type { Millis } from "../../video.js";

export interface LogFile {
  name: string;
  path: string;
  processId: number;
  /** Written to, until its instance or another of this process id sets it aside. */
  current: boolean;
  size: number;
  mtimeMs: Millis;
  /** The file behind the name: a name passes to another file, this does not. */
  identity: string;
}

const NAME = /^hidb-(\d+)(\.\d{8}T\d{9}Z\.[\w-]+)?\.log$/;

export function currentName(processId: number): string {
  return `hidb-${processId}.log`;
}

/** No two files ever get the same name: it holds the instance, and an instance sets one file aside in a millisecond. */
export function asideName(processId: number, at: Millis, instance: string): string {
  return `hidb-${processId}.${new Date(at).toISOString().replace(/[-:.]/g, "")}.${instance}.log`;
}

export function isAside(name: string): boolean {
  return NAME.exec(name)?.[2] !== undefined;
}

/** What lies there at this moment; throws ENOENT where there is no folder. */
export function listLogFiles(folder: string): LogFile[] {
  return readdirSync(folder).flatMap((name) => {
    const [, processId, aside] = NAME.exec(name) ?? [];
    if (processId === undefined) return [];
    const path = join(folder, name);
    const stats = statFile(path);
    return stats === undefined ? [] : [{ name, path, processId: Number(processId), current: !aside, ...stats }];
  });
}

/** Undefined when there is no such file (any more). */
export function statFile(path: string): Pick<LogFile, "size" | "mtimeMs" | "identity"> | undefined {
  try {
    return describe(statSync(path, { bigint: true }));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Inodes have 64 bits. */
export function describe({ dev, ino, size, mtimeMs }: BigIntStats) {
  return { identity: `${dev}:${ino}`, size: Number(size), mtimeMs: Number(mtimeMs) };
}
