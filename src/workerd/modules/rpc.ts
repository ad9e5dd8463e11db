// Calls from one entrypoint to another, as `cloudflare:workers` has them: stubs, and promises whose parts can be used
// before they are there. Here both ends live in one thread; what passes between them is copied all the same.
import { cloneForRpc, copyError, REMOTE, STUB } from "./rpc-clone.js";

type Method = (...given: unknown[]) => unknown;

/** Something that is called from afar; a promise of it, in a pipeline. */
interface Remote {
  /** The value itself, for `await`. */
  value(): Promise<unknown>;
  /** The value called, for `(...)`. */
  call(given: readonly unknown[]): Promise<unknown>;
  /** A property of it. */
  part(name: string): Remote;
}

export class RpcTarget {
  constructor() {
    // The mark is on each instance and not to be seen: subclasses may say what they like.
    Object.defineProperty(this, REMOTE, { value: true });
  }
}

/** Only stubs of this class can be made by a Worker. */
export class RpcStub {
  constructor(target: unknown) {
    if ((typeof target !== "object" && typeof target !== "function") || target === null) {
      throw new TypeError("Failed to construct 'RpcStub': constructor parameter 1 is not of type 'JsObject'.");
    }
    // biome-ignore lint/correctness/noConstructorReturn: a stub is a function that has properties on demand.
    return makeRpcStub(target);
  }
}

export class RpcPromise {
  constructor() {
    throw new TypeError("Illegal constructor");
  }
}

export class RpcProperty {
  constructor() {
    throw new TypeError("Illegal constructor");
  }
}

export function makeRpcStub(target: object): RpcStub {
  return proxyOf(
    remoteOf(() => Promise.resolve(target)),
    RpcStub.prototype,
  ) as RpcStub;
}

/** A method of an entrypoint, which is found anew for each call. */
export function makeRpcProperty(receiver: () => Promise<Receiver>, name: string): unknown {
  return proxyOf(entryPart(receiver, name), RpcProperty.prototype);
}

/** Where an entrypoint's methods are, and what follows a call's arguments: `env` and `ctx` for plain objects. */
export interface Receiver {
  target: object;
  more: readonly unknown[];
}

function entryPart(receiver: () => Promise<Receiver>, name: string): Remote {
  const found = async () => {
    const { target, more } = await receiver();
    return { target, more, value: memberOf(target, name) };
  };
  return {
    value: () => answered(async () => (await found()).value),
    call: (given) => {
      const sent = cloneArguments(given);
      return answered(async () => {
        const { target, more, value } = await found();
        return Reflect.apply(asMethod(value, name), target, [...sent, ...more]);
      });
    },
    part: (part) => partOf(() => found().then(({ value }) => value), part),
  };
}

/** A value that is there, or will be: itself, called, or a part of it. */
function remoteOf(find: () => Promise<unknown>): Remote {
  return {
    value: find,
    call: (given) => {
      const sent = cloneArguments(given);
      return answered(async () => Reflect.apply(asMethod(await find(), ""), undefined, sent));
    },
    part: (name) => partOf(find, name),
  };
}

function partOf(find: () => Promise<unknown>, name: string): Remote {
  const found = async () => {
    const owner = await find();
    if (isStub(owner)) return { owner, value: (owner as unknown as Record<string, unknown>)[name] };
    return { owner, value: memberOf(owner, name) };
  };
  return {
    value: () => answered(async () => (await found()).value),
    call: (given) => {
      const sent = cloneArguments(given);
      return answered(async () => {
        const { owner, value } = await found();
        return Reflect.apply(asMethod(value, name), owner, sent);
      });
    },
    part: (part) => partOf(() => found().then(({ value }) => value), part),
  };
}

/** What a receiver offers: of a class only what its prototypes have, of a plain object what it has itself. */
function memberOf(owner: unknown, name: string): unknown {
  if ((typeof owner !== "object" && typeof owner !== "function") || owner === null) throw unknownMethod(name);
  const prototype: unknown = Object.getPrototypeOf(owner);
  const isPlain = prototype === Object.prototype || prototype === null || Array.isArray(owner);
  if (isPlain ? !Object.hasOwn(owner, name) : Object.hasOwn(owner, name) || !isDeclared(prototype as object, name)) {
    throw unknownMethod(name);
  }
  return (owner as Record<string, unknown>)[name];
}

function isDeclared(prototype: object, name: string): boolean {
  if (name === "constructor") return false;
  for (let at: object | null = prototype; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, name)) return true;
  }
  return false;
}

function asMethod(value: unknown, name: string): Method {
  if (typeof value === "function") return value as Method;
  throw new TypeError(`"${name}" is not a function.`);
}

function unknownMethod(name: string): TypeError {
  return new TypeError(`The RPC receiver does not implement the method "${name}".`);
}

function cloneArguments(given: readonly unknown[]): unknown[] {
  return given.map((value) => cloneForRpc(value, makeRpcStub));
}

/** The answer of the other side, copied; its errors come with `remote`. */
async function answered(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return cloneForRpc(await work(), makeRpcStub);
  } catch (error) {
    throw remoteError(error);
  }
}

export function remoteError(error: unknown): Error {
  const made = error instanceof Error ? copyError(error) : new Error(String(error));
  return Object.assign(made, { remote: true });
}

function isStub(value: unknown): value is object {
  return (typeof value === "object" || typeof value === "function") && value !== null && STUB in value;
}

/** A function to call, a promise to await, an object with any property: whatever the Worker makes of it. */
function proxyOf(remote: Remote, prototype: object): unknown {
  const isStubOrMethod = prototype !== RpcPromise.prototype;
  return new Proxy(() => {}, {
    apply: (_target, _self, given: unknown[]) => promiseOf(remote.call(given)),
    getPrototypeOf: () => prototype,
    has: (_target, key) => key === STUB || key in prototype,
    ownKeys: () => [],
    getOwnPropertyDescriptor: () => undefined,
    get: (_target, key) => {
      if (typeof key === "symbol") return symbolOf(key, prototype);
      if (key === "constructor") return (prototype as { constructor: unknown }).constructor;
      if (key === "toJSON") return undefined;
      if (prototype === RpcStub.prototype) {
        if (key === "then") return undefined;
        if (key === "dup") return () => proxyOf(remote, prototype);
      } else if (key === "then" || key === "catch" || key === "finally") return settled(remote)[key];
      if (isStubOrMethod && key === "dup") return () => Promise.reject(reserved(key));
      return proxyOf(remote.part(key), RpcProperty.prototype);
    },
  });
}

function promiseOf(answer: Promise<unknown>): unknown {
  // Whoever drops the promise of a call does not wait for its failure either.
  answer.catch(() => undefined);
  return proxyOf(
    remoteOf(() => answer),
    RpcPromise.prototype,
  );
}

function settled(remote: Remote): Record<"then" | "catch" | "finally", unknown> {
  return {
    // biome-ignore lint/suspicious/noThenProperty: it is the `then` of an object that is awaited.
    then: (...given: Parameters<Promise<unknown>["then"]>) => remote.value().then(...given),
    catch: (...given: Parameters<Promise<unknown>["catch"]>) => remote.value().catch(...given),
    finally: (...given: Parameters<Promise<unknown>["finally"]>) => remote.value().finally(...given),
  };
}

function symbolOf(key: symbol, prototype: object): unknown {
  if (key === STUB) return true;
  if (key === Symbol.dispose) return () => undefined;
  if (key === Symbol.toStringTag) return prototype === RpcPromise.prototype ? "JsRpcPromise" : "JsRpcStub";
  return Reflect.get(prototype, key);
}

export function reserved(name: string): TypeError {
  return new TypeError(`'${name}' is a reserved method and cannot be called over RPC.`);
}
