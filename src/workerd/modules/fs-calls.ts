// The calls of `node:fs` on the files in memory, each in its synchronous form; node-fs.ts makes the other forms of them.
import { native } from "../native.js";
import { Descriptors } from "./fs-descriptors.js";
import { Dirent, statsOf } from "./fs-stats.js";
import { bytesOf, type FileNode, type FileTree, type Folder, pathOf, type TreeNode } from "./fs-tree.js";
import { fileError, invalidArgument, statError } from "./node-errors.js";

type Options = Record<string, unknown>;
type Call = (...given: never[]) => unknown;

const ENCODINGS = ["utf8", "utf-8", "base64", "base64url", "hex", "latin1", "binary", "ascii", "utf16le", "ucs2"];

/** What the calls have in common. */
interface Calls {
  tree: FileTree;
  /** The path that an argument names. */
  at: (given: unknown) => string;
  descriptors: Descriptors;
}

export function fileCalls(tree: FileTree, cwd: () => string): Record<string, Call> {
  const at = (given: unknown) => pathOf(given, cwd());
  const descriptors = new Descriptors(tree);
  const calls: Calls = { tree, at, descriptors };
  return { ...contentCalls(calls), ...entryCalls(calls), ...folderCalls(calls), ...descriptors.calls(at) };
}

function contentCalls({ tree, at, descriptors }: Calls): Record<string, Call> {
  const writeFile = (given: unknown, data: unknown, options?: unknown): number => {
    const flag = String(optionsOf(options).flag ?? "w");
    const bytes = bytesFrom(data, encodingOf(options));
    if (typeof given === "number") return descriptors.write(given, bytes, null);
    return writeAll(tree, at(given), { bytes, isAppended: flag.startsWith("a"), isNew: flag.includes("x") });
  };
  return {
    readFile: (given: unknown, options?: unknown): unknown => {
      const encoding = encodingOf(options);
      const bytes = typeof given === "number" ? descriptors.readAll(given) : readAll(tree, at(given));
      const buffer = native.Buffer.from(bytes);
      return encoding === undefined ? buffer : buffer.toString(encoding);
    },
    writeFile,
    appendFile: (given: unknown, data: unknown, options?: unknown) =>
      void writeFile(given, data, { ...optionsOf(options), flag: "a" }),
    truncate: (given: unknown, length = 0) => {
      const node = find(tree, at(given), "ftruncate");
      if (node.kind !== "file" || !node.isWritable) throw fileError("EPERM", "ftruncate");
      const bytes = new Uint8Array(length);
      bytes.set(bytesOf(node).subarray(0, length));
      node.bytes = bytes;
    },
    copyFile: (from: unknown, to: unknown, mode = 0) => {
      const node = find(tree, at(from), "copyfile");
      if ((mode & 1) !== 0 && tree.find(at(to)) !== undefined) throw statError("EEXIST", "copyFile", at(to));
      if (node.kind === "folder") throw fileError("EISDIR", "copyfile");
      writeAll(tree, at(to), { bytes: readAll(tree, at(from)).slice() });
    },
    cp: (from: unknown, to: unknown) => {
      find(tree, at(from), "cp");
      copyAll(tree, at(from), at(to));
    },
  };
}

function entryCalls({ tree, at }: Calls): Record<string, Call> {
  const stat = (syscall: "stat" | "lstat") => (given: unknown, options?: unknown) => {
    const path = at(given);
    const { bigint = false, throwIfNoEntry = true } = optionsOf(options);
    const node = tree.find(path, { followsLast: syscall === "stat" });
    if (node !== undefined) return statsOf(node, bigint === true);
    if (throwIfNoEntry === false) return undefined;
    throw statError("ENOENT", syscall, path);
  };
  const mustExist = (syscall: string) => (given: unknown) => {
    if (tree.find(at(given)) === undefined) throw statError("ENOENT", syscall, at(given));
  };
  return {
    exists: (given: unknown) => isPath(given) && tree.find(at(given)) !== undefined,
    stat: stat("stat"),
    lstat: stat("lstat"),
    access: (given: unknown, mode = 0) => {
      const node = tree.find(at(given));
      const isReadOnly = node?.kind === "file" && !node.isWritable;
      // workerd reports a file that may not be written, and any that is to be executed, as missing.
      if (node === undefined || (mode & 1) !== 0 || ((mode & 2) !== 0 && isReadOnly)) {
        throw statError("ENOENT", "access", at(given));
      }
    },
    utimes: (given: unknown, _accessed: unknown, changed: unknown) => {
      const node = find(tree, at(given), "utimes");
      if (node.kind === "file") node.changedMs = changed instanceof Date ? changed.getTime() : Number(changed);
    },
    chmod: mustExist("chmod"),
    chown: mustExist("chown"),
    statfs: () => ({ type: 0, bsize: 0, blocks: 0, bfree: 0, bavail: 0, files: 0, ffree: 0 }),
  };
}

function folderCalls({ tree, at }: Calls): Record<string, Call> {
  let temporary = 0;
  const addLink = (given: unknown, syscall: string, node: TreeNode) => {
    const { folder, name } = writableParent(tree, at(given), syscall);
    if (folder.children.has(name)) throw fileError("EEXIST", syscall);
    folder.children.set(name, node);
  };
  return {
    readdir: (given: unknown, options?: unknown) => listFolder(tree, at(given), optionsOf(options)),
    mkdir: (given: unknown, options?: unknown) => makeFolder(tree, at(given), optionsOf(options).recursive === true),
    mkdtemp: (prefix: unknown) => {
      const path = `${at(prefix)}${temporary++}`;
      makeFolder(tree, path, false);
      return path;
    },
    rm: (given: unknown, options?: unknown) => remove(tree, at(given), optionsOf(options)),
    rmdir: (given: unknown, options?: unknown) => {
      const { folder, name } = tree.parent(at(given));
      if (folder?.kind !== "folder" || !folder.children.has(name)) throw fileError("ENOENT", "rm", name);
      if (folder.children.get(name)?.kind !== "folder") throw fileError("ENOTDIR", "rm");
      remove(tree, at(given), optionsOf(options));
    },
    unlink: (given: unknown) => unlink(tree, at(given)),
    rename: (from: unknown, to: unknown) => rename(tree, at(from), at(to)),
    realpath: (given: unknown) => {
      find(tree, at(given), "readlink");
      const node = tree.find(at(given), { followsLast: false });
      return node?.kind === "link" ? node.target : at(given);
    },
    readlink: (given: unknown) => {
      const node = find(tree, at(given), "readlink", { followsLast: false });
      if (node.kind !== "link") throw fileError("EINVAL", "readlink", at(given));
      return node.target;
    },
    symlink: (target: unknown, given: unknown) => addLink(given, "symlink", { kind: "link", target: at(target) }),
    link: (from: unknown, given: unknown) => addLink(given, "link", find(tree, at(from), "link")),
  };
}

function find(tree: FileTree, path: string, syscall: string, options?: { followsLast: boolean }): TreeNode {
  const node = tree.find(path, options);
  if (node === undefined) throw fileError("ENOENT", syscall, path);
  return node;
}

export function optionsOf(options: unknown): Options {
  if (typeof options === "string") return { encoding: options };
  return typeof options === "object" && options !== null ? (options as Options) : {};
}

export function encodingOf(options: unknown): BufferEncoding | undefined {
  const { encoding } = optionsOf(options);
  if (encoding === undefined || encoding === null || encoding === "buffer") return undefined;
  if (ENCODINGS.includes(String(encoding).toLowerCase())) return encoding as BufferEncoding;
  const text = `The property 'options.encoding' is invalid. Received '${String(encoding)}'`;
  throw Object.assign(new TypeError(text), { code: "ERR_INVALID_ARG_VALUE" });
}

export function bytesFrom(data: unknown, encoding: BufferEncoding = "utf8"): Uint8Array {
  if (typeof data === "string") return new Uint8Array(native.Buffer.from(data, encoding));
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  throw invalidArgument("data", "of type string or an instance of Buffer, TypedArray, or DataView", data);
}

function isPath(given: unknown): boolean {
  return typeof given === "string" || given instanceof URL || given instanceof Uint8Array;
}

function readAll(tree: FileTree, path: string): Uint8Array {
  const node = tree.find(path);
  if (node === undefined || node.kind === "link") throw fileError("ENOENT", "readAll", path);
  if (node.kind === "folder") throw fileError("EISDIR", "readAll");
  return node.kind === "device" ? new Uint8Array() : bytesOf(node);
}

interface Writing {
  bytes: Uint8Array;
  isAppended?: boolean;
  isNew?: boolean;
}

export function writeAll(tree: FileTree, path: string, { bytes, isAppended = false, isNew = false }: Writing): number {
  const node = tree.find(path);
  if (node?.kind === "folder") throw fileError("EISDIR", "writeAll");
  if (node?.kind === "device") {
    if (node.name === "full") throw fileError("EPERM", "writeAll");
    return bytes.byteLength;
  }
  if (node?.kind === "file") {
    if (!node.isWritable) throw fileError("EPERM", "writeAll");
    if (isNew) throw fileError("EEXIST", "writeAll");
    node.bytes = isAppended ? native.Buffer.concat([bytesOf(node), bytes]) : bytes;
    return bytes.byteLength;
  }
  const { folder, name } = writableParent(tree, path, "writeAll");
  folder.children.set(name, { kind: "file", isWritable: true, bytes, changedMs: 0 } satisfies FileNode);
  return bytes.byteLength;
}

function writableParent(tree: FileTree, path: string, syscall: string): { folder: Folder; name: string } {
  const { folder, name } = tree.parent(path);
  if (folder === undefined) throw fileError("ENOENT", syscall, syscall === "mkdir" ? name : path);
  if (folder.kind !== "folder") throw fileError("ENOTDIR", syscall);
  if (!folder.isWritable) throw fileError("EPERM", syscall);
  return { folder, name };
}

/** The first folder made, where several are asked for. An existing one is no error, as in workerd. */
function makeFolder(tree: FileTree, path: string, isRecursive: boolean): string | undefined {
  const existing = tree.find(path);
  if (existing?.kind === "folder") return undefined;
  if (existing !== undefined) throw fileError("EEXIST", "mkdir");
  const above = path.slice(0, path.lastIndexOf("/"));
  const first = isRecursive && above !== "" ? makeFolder(tree, above, true) : undefined;
  const { folder, name } = writableParent(tree, path, "mkdir");
  folder.children.set(name, { kind: "folder", isWritable: true, children: new Map() });
  return first ?? (isRecursive ? path : undefined);
}

function listFolder(tree: FileTree, path: string, options: Options): unknown[] {
  const node = tree.find(path);
  if (node === undefined) throw fileError("ENOENT", "readdir", path);
  if (node.kind !== "folder") throw fileError("ENOTDIR", "readdir", path);
  const isDeep = options.recursive === true;
  return [...node.children].flatMap(([name, child]) => {
    const below = path === "/" ? `/${name}` : `${path}/${name}`;
    // Deep names are full ones without the first slash: so workerd has it.
    const shown = isDeep ? below.slice(1) : name;
    const entry = options.withFileTypes === true ? new Dirent(name, path, child.kind) : shown;
    return isDeep && child.kind === "folder" ? [entry, ...listFolder(tree, below, options)] : [entry];
  });
}

function remove(tree: FileTree, path: string, { recursive, force }: Options): void {
  const { folder, name } = tree.parent(path);
  if (folder?.kind !== "folder" || !folder.children.has(name)) {
    // What is not there is as good as removed: workerd says nothing either way.
    if (folder?.kind === "folder" || force === true) return;
    throw fileError("ENOENT", "rm", name);
  }
  if (!folder.isWritable) throw fileError("EPERM", "rm");
  const node = folder.children.get(name);
  const isFull = node?.kind === "folder" && node.children.size > 0;
  if (isFull && recursive !== true) throw fileError("ENOTEMPTY", "rm", name);
  folder.children.delete(name);
}

function unlink(tree: FileTree, path: string): void {
  const { folder, name } = tree.parent(path);
  const node = folder?.kind === "folder" ? folder.children.get(name) : undefined;
  if (node === undefined || folder?.kind !== "folder") {
    throw Object.assign(new Error("File not found"), { syscall: "unlink", code: "ENOENT", path: name });
  }
  if (!folder.isWritable) throw fileError("EPERM", "unlink");
  if (node.kind === "folder") {
    throw Object.assign(new Error("Cannot unlink a directory"), { syscall: "unlink", code: "EISDIR" });
  }
  folder.children.delete(name);
}

function rename(tree: FileTree, from: string, to: string): void {
  const source = tree.parent(from);
  const node = source.folder?.kind === "folder" ? source.folder.children.get(source.name) : undefined;
  if (node === undefined || source.folder?.kind !== "folder") throw fileError("ENOENT", "rename", from);
  if (!source.folder.isWritable) throw fileError("EPERM", "rename");
  const target = writableParent(tree, to, "rename");
  source.folder.children.delete(source.name);
  target.folder.children.set(target.name, node);
}

function copyAll(tree: FileTree, from: string, to: string): void {
  const node = tree.find(from);
  if (node?.kind !== "folder") {
    writeAll(tree, to, { bytes: readAll(tree, from).slice() });
    return;
  }
  makeFolder(tree, to, true);
  for (const name of node.children.keys()) copyAll(tree, `${from}/${name}`, `${to}/${name}`);
}
