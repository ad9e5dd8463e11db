// What `stat` and `readdir` tell of the files in memory.
import { bytesOf, type TreeNode } from "./fs-tree.js";

const TYPE_BITS = { file: 0o100000, folder: 0o040000, link: 0o120000, device: 0o020000 } as const;
const READ = 0o444;
const WRITE = 0o222;

class Kinds {
  // Not to be seen among the properties.
  readonly #kind: TreeNode["kind"];

  constructor(kind: TreeNode["kind"]) {
    this.#kind = kind;
  }
  isFile(): boolean {
    return this.#kind === "file";
  }
  isDirectory(): boolean {
    return this.#kind === "folder";
  }
  isSymbolicLink(): boolean {
    return this.#kind === "link";
  }
  isCharacterDevice(): boolean {
    return this.#kind === "device";
  }
  isBlockDevice(): boolean {
    return false;
  }
  isFIFO(): boolean {
    return false;
  }
  isSocket(): boolean {
    return false;
  }
}

export class Stats extends Kinds {}

export class Dirent extends Kinds {
  readonly name: string;
  readonly parentPath: string;

  constructor(name: string, parentPath: string, kind: TreeNode["kind"]) {
    super(kind);
    this.name = name;
    this.parentPath = parentPath;
  }
}

export function statsOf(node: TreeNode, isBig: boolean): Stats {
  const size = node.kind === "file" ? bytesOf(node).byteLength : 0;
  const changedMs = node.kind === "file" ? node.changedMs : 0;
  const isWritable = node.kind === "device" || node.kind === "link" || node.isWritable;
  const numbers = {
    dev: node.kind === "device" ? 1 : 0,
    ino: 0,
    mode: TYPE_BITS[node.kind] | READ | (isWritable ? WRITE : 0),
    nlink: 1,
    uid: 0,
    gid: 0,
    rdev: 0,
    size,
    blksize: 0,
    blocks: 0,
    atimeMs: 0,
    mtimeMs: changedMs,
    ctimeMs: changedMs,
    birthtimeMs: changedMs,
  };
  const shown = isBig
    ? Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, BigInt(Math.floor(value))]))
    : numbers;
  const changed = new Date(changedMs);
  const dates = { atime: new Date(0), mtime: changed, ctime: changed, birthtime: changed };
  return Object.assign(new Stats(node.kind), shown, dates);
}
