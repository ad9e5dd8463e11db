// The files that a Worker has: a small tree in memory, with what it was built of in /bundle.
import { fileURLToPath } from "node:url";
import { currentInvocation } from "../invocation.js";
import { native } from "../native.js";
import { fileError, invalidArgument } from "./node-errors.js";

/** Files of `/bundle` by their path. */
export type Bundle = () => Map<string, () => Uint8Array>;

export interface Folder {
  kind: "folder";
  isWritable: boolean;
  children: Map<string, TreeNode>;
}

export interface FileNode {
  kind: "file";
  isWritable: boolean;
  /** Read when first asked for: the bundle is not copied into memory. */
  bytes: Uint8Array | (() => Uint8Array);
  changedMs: number;
}

export interface Link {
  kind: "link";
  target: string;
}

export interface Device {
  kind: "device";
  name: "null" | "zero" | "full" | "random";
}

export type TreeNode = Folder | FileNode | Link | Device;

const DEVICES = ["null", "zero", "full", "random"] as const;
const MAX_LINKS = 20;

export class FileTree {
  readonly #root: Folder = { kind: "folder", isWritable: false, children: new Map() };
  readonly #bundle: Bundle;
  /** As in workerd each invocation has a /tmp of its own, and what is in it ends with it. */
  readonly #temporary = new WeakMap<object, Folder>();

  constructor(bundle: Bundle) {
    this.#bundle = bundle;
    const folder = (isWritable: boolean): Folder => ({ kind: "folder", isWritable, children: new Map() });
    this.#root.children.set("bundle", folder(false));
    this.#root.children.set("tmp", folder(true));
    const devices = folder(false);
    for (const name of DEVICES) devices.children.set(name, { kind: "device", name });
    this.#root.children.set("dev", devices);
  }

  /** Undefined where there is nothing; links are followed, the last one if asked. */
  find(path: string, { followsLast = true, depth = 0 } = {}): TreeNode | undefined {
    if (depth > MAX_LINKS) throw fileError("ELOOP", "open", path);
    const names = partsOf(path);
    if (names[0] === "bundle") this.#fillBundle();
    if (names[0] === "tmp") this.#root.children.set("tmp", this.#ownTemporary());
    let node: TreeNode | undefined = this.#root;
    for (const [index, name] of names.entries()) {
      if (node?.kind !== "folder") return undefined;
      node = node.children.get(name);
      const isLast = index === names.length - 1;
      if (node?.kind === "link" && (!isLast || followsLast)) {
        node = this.find(node.target, { depth: depth + 1 });
      }
    }
    return node;
  }

  /** The folder that holds the path, for making and unmaking its last part. */
  parent(path: string): { folder: TreeNode | undefined; name: string } {
    const names = partsOf(path);
    const name = names.at(-1) ?? "";
    return { folder: this.find(`/${names.slice(0, -1).join("/")}`), name };
  }

  #ownTemporary(): Folder {
    const owner = currentInvocation() ?? this;
    const folder = this.#temporary.get(owner) ?? { kind: "folder" as const, isWritable: true, children: new Map() };
    this.#temporary.set(owner, folder);
    return folder;
  }

  /** The modules of the Worker may have become more since. */
  #fillBundle(): void {
    const top = this.#root.children.get("bundle") as Folder;
    for (const [path, read] of this.#bundle()) {
      const names = partsOf(path);
      const last = names.pop() ?? "";
      let folder = top;
      for (const name of names) {
        const next = folder.children.get(name) ?? { kind: "folder" as const, isWritable: false, children: new Map() };
        folder.children.set(name, next);
        if (next.kind === "folder") folder = next;
      }
      if (!folder.children.has(last))
        folder.children.set(last, { kind: "file", isWritable: false, bytes: read, changedMs: 0 });
    }
  }
}

export function bytesOf(node: FileNode): Uint8Array {
  if (typeof node.bytes === "function") node.bytes = node.bytes();
  return node.bytes;
}

export function partsOf(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts;
}

/** The path as its errors show it: absolute, from `/bundle` if it was not. */
export function pathOf(given: unknown, cwd: string): string {
  const path = textOf(given);
  if (path.includes("\0")) {
    const shown = path.replaceAll("\0", "\\x00");
    const text = `The argument 'path' must not contain null bytes. Received '${shown}'`;
    throw Object.assign(new TypeError(text), { code: "ERR_INVALID_ARG_VALUE" });
  }
  return `/${partsOf(path.startsWith("/") ? path : `${cwd}/${path}`).join("/")}`;
}

function textOf(given: unknown): string {
  if (typeof given === "string") return given;
  if (given instanceof URL) return fileURLToPath(given);
  if (given instanceof Uint8Array) return native.Buffer.from(given).toString();
  throw invalidArgument("path", "of type string or an instance of Buffer or URL", given);
}
