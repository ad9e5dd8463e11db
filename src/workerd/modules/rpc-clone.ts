// What a value becomes on its way through an RPC call: a copy of its own, with stubs in the place of functions and targets.
import { native } from "../native.js";

/** Makes a stub for what cannot be copied and is called from afar instead. */
export type Stubbing = (target: object) => unknown;

/** Marks classes whose instances go as stubs; their own file cannot be imported here. */
export const REMOTE = Symbol("hidb.remote");
/** Marks stubs: they pass as they are. */
export const STUB = Symbol("hidb.stub");

const COPIED_BY_PLATFORM = new Set([
  "Date",
  "RegExp",
  "ArrayBuffer",
  "SharedArrayBuffer",
  "DataView",
  "Boolean",
  "Number",
  "String",
  "BigInt",
]);

export function cloneForRpc(value: unknown, stub: Stubbing): unknown {
  return copy(value, { stub, seen: new Map() });
}

interface Cloning {
  stub: Stubbing;
  /** Copies of what has been met: cycles and shared parts stay so. */
  seen: Map<object, unknown>;
}

function copy(value: unknown, cloning: Cloning): unknown {
  if (typeof value === "symbol") throw new DOMException(`${String(value)} could not be cloned.`, "DataCloneError");
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return value;
  const known = cloning.seen.get(value);
  if (known !== undefined) return known;
  if (STUB in value) return value;
  if (typeof value === "function" || REMOTE in value) return cloning.stub(value);
  return copyObject(value, cloning);
}

function copyObject(value: object, cloning: Cloning): unknown {
  const keep = <T>(made: T): T => {
    cloning.seen.set(value, made);
    return made;
  };
  if (Array.isArray(value)) {
    const list: unknown[] = keep([]);
    for (const entry of value) list.push(copy(entry, cloning));
    return list;
  }
  if (value instanceof Map) {
    const map = keep(new Map<unknown, unknown>());
    for (const [key, entry] of value) map.set(copy(key, cloning), copy(entry, cloning));
    return map;
  }
  if (value instanceof Set) {
    const set = keep(new Set<unknown>());
    for (const entry of value) set.add(copy(entry, cloning));
    return set;
  }
  if (value instanceof Error) return keep(copyError(value));
  if (ArrayBuffer.isView(value) || COPIED_BY_PLATFORM.has(tagOf(value))) return keep(structuredClone(value));
  if (isHandedOver(value)) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw unserializable(value);
  const made: Record<string, unknown> = keep({});
  for (const [key, entry] of Object.entries(value)) made[key] = copy(entry, cloning);
  return made;
}

/** Name, message and what was put on it; the stack as it is. */
export function copyError(error: Error): Error {
  const known: unknown = (globalThis as Record<string, unknown>)[error.name];
  const kind = typeof known === "function" && known.prototype instanceof Error ? (known as ErrorConstructor) : Error;
  if (error instanceof DOMException) return new DOMException(error.message, error.name) as unknown as Error;
  const made = new kind(error.message);
  if (made.name !== error.name) Object.assign(made, { name: error.name });
  for (const [key, value] of Object.entries(error)) {
    if (typeof value !== "function" && typeof value !== "symbol") Object.assign(made, { [key]: value });
  }
  if (error.stack !== undefined) Object.defineProperty(made, "stack", { value: error.stack, configurable: true });
  return made;
}

/** Streams, requests and responses are not copied: the other side gets the thing itself. */
function isHandedOver(value: object): boolean {
  const kinds = [
    globalThis.Request,
    globalThis.Response,
    globalThis.Headers,
    native.Request,
    native.Response,
    native.Headers,
    native.ReadableStream,
    native.WritableStream,
    globalThis.ReadableStream,
    globalThis.WritableStream,
  ];
  return kinds.some((kind) => typeof kind === "function" && value instanceof kind);
}

function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

function unserializable(value: object): DOMException {
  const name = value.constructor?.name ?? "Object";
  const text = `Could not serialize object of type "${name}". This type does not support serialization.`;
  return new DOMException(text, "DataCloneError");
}
