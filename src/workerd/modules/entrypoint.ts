// A Worker's own entrypoints, called by itself: through `ctx.exports`, and through service bindings that lead back to it.
import { Call } from "../events/call.js";
import { ExecutionContext } from "../events/context.js";
import { isClass, type Namespace } from "../events/handlers.js";
import { currentInvocation } from "../invocation.js";
import type { Realm } from "../realm.js";
import { makeRpcProperty, type Receiver, remoteError, reserved } from "./rpc.js";
import { STUB } from "./rpc-clone.js";

const NO_FETCH = "Handler does not export a fetch() function.";
const NO_RESPONSE = "Incorrect type for Promise: the Promise did not resolve to 'Response'.";

/** The base of entrypoint classes; a new instance for each event. */
export class WorkerEntrypoint {
  readonly ctx: unknown;
  readonly env: unknown;

  constructor(...given: [ctx?: unknown, env?: unknown]) {
    const [ctx, env] = given;
    if (typeof ctx !== "object" || ctx === null) throw notAnObject("WorkerEntrypoint");
    this.ctx = ctx;
    this.env = env;
  }
}

function notAnObject(name: string): TypeError {
  return new TypeError(`Failed to construct '${name}': constructor parameter 1 is not of type 'JsObject'.`);
}

/** What service bindings are made of. */
export class Fetcher {
  constructor() {
    throw new TypeError("Illegal constructor");
  }

  get [Symbol.toStringTag](): string {
    return "Fetcher";
  }
}

export class LoopbackServiceStub extends Fetcher {
  override get [Symbol.toStringTag](): string {
    return "LoopbackServiceStub";
  }
}
Object.defineProperty(Fetcher, "name", { value: "Fetcher" });

export interface StubParts {
  realm: Realm;
  /** Null is the default export. */
  entrypoint: string | null;
  props: Record<string, unknown>;
  /** The exported class or object, once the module is there. */
  find: () => unknown;
}

/** A service binding to an entrypoint of the Worker itself: `fetch`, and its methods by name. */
export function makeStub(parts: StubParts): unknown {
  const target: object = Object.create(Fetcher.prototype);
  return new Proxy(target, handlerOf(parts, Fetcher.prototype));
}

/** What `ctx.exports` has: a stub that makes further ones, with props, when called. */
function makeLoopback(parts: StubParts): unknown {
  return new Proxy(() => {}, {
    ...handlerOf(parts, LoopbackServiceStub.prototype),
    getPrototypeOf: () => LoopbackServiceStub.prototype,
    ownKeys: () => [],
    getOwnPropertyDescriptor: () => undefined,
    apply: (_target, _self, [options]: unknown[]) => {
      if (typeof options !== "object" || options === null) {
        throw new TypeError(
          "Failed to execute '(called as function)' on 'LoopbackServiceStub': parameter 1 is not of type 'Options'.",
        );
      }
      const { props = {} } = options as { props?: Record<string, unknown> };
      return makeStub({ ...parts, props });
    },
  });
}

function handlerOf(parts: StubParts, prototype: object): ProxyHandler<object> {
  const receiver = (): Promise<Receiver> => Promise.resolve().then(() => receive(parts));
  return {
    has: (_target, key) => key === STUB || key in prototype,
    get: (_target, key) => {
      if (key === STUB) return true;
      if (typeof key === "symbol" || key in Object.prototype) return Reflect.get(prototype, key);
      if (key === "then" || key === "toJSON") return undefined;
      if (key === "dup") return () => Promise.reject(Object.assign(reserved(key), { remote: true }));
      if (key === "fetch") return (...given: unknown[]) => fetchThrough(parts, given);
      if (key === "connect") {
        return () => {
          throw new TypeError(
            "Failed to execute 'connect' on 'Fetcher': a Worker's own entrypoints take no sockets here.",
          );
        };
      }
      return makeRpcProperty(receiver, key);
    },
  };
}

/** A fresh instance of a class; of an object its methods, which get `env` and `ctx` after the arguments. */
function receive({ realm, find, props }: StubParts): Receiver {
  const entrypoint = find();
  if (isClass(entrypoint)) {
    return { target: new entrypoint(contextFor(realm, props), realm.env) as object, more: [] };
  }
  if (typeof entrypoint !== "object" || entrypoint === null) throw new TypeError(NO_FETCH);
  return { target: entrypoint, more: [realm.env, contextFor(realm, props)] };
}

async function fetchThrough(parts: StubParts, [input, init]: unknown[]): Promise<Response> {
  const given = new Request(input as Request, init as RequestInit);
  // A request that comes in shows its redirects as they are.
  const request = new Request(given, { redirect: "manual" });
  try {
    const { target, more } = receive(parts);
    const method: unknown = (target as Record<string, unknown>).fetch;
    if (typeof method !== "function") throw new Error(NO_FETCH);
    const response: unknown = await method.call(target, request, ...more);
    if (!(response instanceof Response)) throw new TypeError(NO_RESPONSE);
    return response;
  } catch (error) {
    throw remoteError(error);
  }
}

/** Work that a called entrypoint leaves behind belongs to the invocation that has called it. */
function contextFor(realm: Realm, props: Record<string, unknown>): ExecutionContext {
  const invocation = currentInvocation();
  const call = invocation instanceof Call ? invocation : new Call("fetch", realm);
  const { contextExports } = realm.compatibility;
  return new ExecutionContext({ call, props, exports: contextExports ? loopbackOf(realm) : undefined });
}

const loopbacks = new WeakMap<Realm, Record<string, unknown>>();

/** The `exports` of the Worker, empty until its module is there. */
export function loopbackOf(realm: Realm): Record<string, unknown> {
  const known = loopbacks.get(realm) ?? {};
  loopbacks.set(realm, known);
  return known;
}

/** Fills `ctx.exports` from the entry's namespace: a stub for each class or object, the default first, classes last. */
export function exportsOf(namespace: Namespace, realm: Realm): Record<string, unknown> {
  const exported = loopbackOf(realm);
  const rank = ([name, value]: [string, unknown]) => (name === "default" ? 0 : isClass(value) ? 2 : 1);
  for (const [name, value] of Object.entries(namespace).sort((a, b) => rank(a) - rank(b))) {
    if ((typeof value !== "object" && typeof value !== "function") || value === null) continue;
    const entrypoint = name === "default" ? null : name;
    exported[name] = makeLoopback({ realm, entrypoint, props: {}, find: () => value });
  }
  return exported;
}
