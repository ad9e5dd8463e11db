// Open files of the tree in memory, by number.
import { native } from "../native.js";
import { statsOf } from "./fs-stats.js";
import { bytesOf, type FileTree, type TreeNode } from "./fs-tree.js";
import { fileError, invalidArgument } from "./node-errors.js";

interface Open {
  node: TreeNode;
  position: number;
  isAppending: boolean;
}

/** 0 to 2 are the standard streams. */
const FIRST = 3;

export class Descriptors {
  readonly #tree: FileTree;
  readonly #open = new Map<number, Open>();
  #next = FIRST;

  constructor(tree: FileTree) {
    this.#tree = tree;
  }

  calls(at: (given: unknown) => string): Record<string, (...given: never[]) => unknown> {
    return {
      open: (given: unknown, flags = "r") => this.#openFile(at(given), String(flags)),
      close: (fd: unknown) => void this.#open.delete(this.#number(fd)),
      read: (fd: unknown, buffer: unknown, ...where: unknown[]) => this.#read(fd, buffer, where),
      write: (fd: unknown, data: unknown, ...where: unknown[]) => this.#writeCall(fd, data, where),
      fstat: (fd: unknown, options?: { bigint?: boolean }) =>
        statsOf(this.#at(fd, "fstat").node, options?.bigint === true),
      ftruncate: (fd: unknown, length = 0) => this.#truncate(fd, length),
      readv: (fd: unknown, buffers: readonly unknown[], at?: number | null) =>
        buffers.reduce<number>((sum, buffer) => sum + this.#read(fd, buffer, at == null ? [] : [0, null, at + sum]), 0),
      writev: (fd: unknown, buffers: readonly unknown[], at?: number | null) =>
        buffers.reduce<number>(
          (sum, data) => sum + this.#writeCall(fd, data, at == null ? [] : [0, null, at + sum]),
          0,
        ),
      fchmod: (fd: unknown) => void this.#at(fd, "fchmod"),
      fchown: (fd: unknown) => void this.#at(fd, "fchown"),
      futimes: (fd: unknown) => void this.#at(fd, "futimes"),
      fsync: (fd: unknown) => void this.#number(fd),
      fdatasync: (fd: unknown) => void this.#number(fd),
    };
  }

  readAll(fd: number): Uint8Array {
    const { node } = this.#at(fd, "readAll");
    return node.kind === "file" ? bytesOf(node) : new Uint8Array();
  }

  /** `at` null is where the last write has ended. */
  write(fd: number, bytes: Uint8Array, at: number | null): number {
    const open = this.#at(fd, "write");
    const { node } = open;
    if (node.kind === "device") return bytes.byteLength;
    if (node.kind !== "file" || !node.isWritable) throw fileError("EPERM", "write");
    const old = bytesOf(node);
    const start = open.isAppending ? old.byteLength : (at ?? open.position);
    const made = new Uint8Array(Math.max(old.byteLength, start + bytes.byteLength));
    made.set(old);
    made.set(bytes, start);
    node.bytes = made;
    if (at === null) open.position = start + bytes.byteLength;
    return bytes.byteLength;
  }

  #openFile(path: string, flags: string): number {
    let node = this.#tree.find(path);
    if (node === undefined) {
      const { folder, name } = this.#tree.parent(path);
      if (flags.startsWith("r") || folder?.kind !== "folder") throw fileError("ENOENT", "open", path);
      if (!folder.isWritable) throw fileError("EPERM", "open");
      node = { kind: "file", isWritable: true, bytes: new Uint8Array(), changedMs: 0 };
      folder.children.set(name, node);
    } else if (flags.includes("x")) throw fileError("EEXIST", "open");
    const isWriting = !flags.startsWith("r") || flags.includes("+");
    if (isWriting && node.kind === "file" && !node.isWritable) throw fileError("EPERM", "open");
    if (flags.startsWith("w") && node.kind === "file") node.bytes = new Uint8Array();
    this.#open.set(this.#next, { node, position: 0, isAppending: flags.startsWith("a") });
    return this.#next++;
  }

  #read(fd: unknown, buffer: unknown, where: readonly unknown[]): number {
    if (!ArrayBuffer.isView(buffer)) {
      throw invalidArgument("buffer", "an instance of Buffer, TypedArray, or DataView", buffer);
    }
    const open = this.#at(fd, "read");
    const [offset, length, at] = placeOf(where, buffer.byteLength);
    const target = new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length);
    if (open.node.kind === "device") return readDevice(open.node.name, target);
    if (open.node.kind !== "file") throw fileError("EISDIR", "read");
    const start = at ?? open.position;
    const part = bytesOf(open.node).subarray(start, start + length);
    target.set(part);
    if (at === null) open.position = start + part.byteLength;
    return part.byteLength;
  }

  #writeCall(fd: unknown, data: unknown, where: readonly unknown[]): number {
    const number = this.#number(fd);
    if (typeof data === "string") {
      const [at, encoding = "utf8"] = where as [number | null | undefined, BufferEncoding | undefined];
      return this.write(number, native.Buffer.from(data, encoding), at ?? null);
    }
    if (!ArrayBuffer.isView(data)) throw invalidArgument("buffer", "an instance of Buffer or TypedArray", data);
    const [offset, length, at] = placeOf(where, data.byteLength);
    return this.write(number, new Uint8Array(data.buffer, data.byteOffset + offset, length), at);
  }

  #truncate(fd: unknown, length: number): void {
    const { node } = this.#at(fd, "ftruncate");
    if (node.kind !== "file" || !node.isWritable) throw fileError("EPERM", "ftruncate");
    const kept = new Uint8Array(length);
    kept.set(bytesOf(node).subarray(0, length));
    node.bytes = kept;
  }

  #number(fd: unknown): number {
    if (typeof fd !== "number") throw invalidArgument("fd", "of type number", fd);
    return fd;
  }

  #at(fd: unknown, syscall: string): Open {
    const open = this.#open.get(this.#number(fd));
    if (open === undefined) throw fileError("EBADF", syscall);
    return open;
  }
}

/** `offset, length, position`, or an object of them. */
function placeOf(where: readonly unknown[], size: number): [offset: number, length: number, at: number | null] {
  const [first] = where;
  const named = typeof first === "object" && first !== null ? (first as Record<string, unknown>) : undefined;
  const [offset, length, at] = named ? [named.offset, named.length, named.position] : where;
  const start = typeof offset === "number" ? offset : 0;
  return [start, typeof length === "number" ? length : size - start, typeof at === "number" ? at : null];
}

function readDevice(name: "null" | "zero" | "full" | "random", target: Uint8Array): number {
  if (name === "null") return 0;
  if (name === "random") native.crypto.getRandomValues(target as Uint8Array<ArrayBuffer>);
  else target.fill(0);
  return target.byteLength;
}
