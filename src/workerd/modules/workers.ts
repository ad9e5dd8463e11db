// `cloudflare:workers`.
import { AsyncLocalStorage } from "node:async_hooks";
import { currentInvocation } from "../invocation.js";
import type { Realm } from "../realm.js";
import { Fetcher, loopbackOf, WorkerEntrypoint } from "./entrypoint.js";
import { RpcPromise, RpcProperty, RpcStub, RpcTarget } from "./rpc.js";

const AT_TOP_LEVEL =
  "Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), setting a timeout, and generating random values are not allowed within global scope. To fix this error, perform this operation within a handler. https://developers.cloudflare.com/workers/runtime-apis/handlers/";
const NO_PROMISE = "Failed to execute 'waitUntil' on 'EntrypointsModule': parameter 1 is not of type 'Promise'.";

/** A class that extends it loads; nothing here makes instances of it. */
export class DurableObject {
  constructor() {
    throw new TypeError(
      "Failed to construct 'DurableObjectBase': constructor parameter 1 is not of type 'DurableObjectState'.",
    );
  }
}

export class WorkflowEntrypoint {
  readonly ctx: unknown;
  readonly env: unknown;

  constructor(...given: [ctx?: unknown, env?: unknown]) {
    const [ctx, env] = given;
    if (typeof ctx !== "object" || ctx === null) {
      throw new TypeError(
        "Failed to construct 'WorkflowEntrypoint': constructor parameter 1 is not of type 'JsObject'.",
      );
    }
    this.ctx = ctx;
    this.env = env;
  }
}

class Span {
  get isTraced(): boolean {
    return false;
  }
  setAttribute(): void {}
  end(): void {}
}

/** Spans are not recorded. */
class Tracing {
  enterSpan<T>(_name: string, work: (span: Span, ...more: unknown[]) => T, ...more: unknown[]): T {
    return work(new Span(), ...more);
  }
  startActiveSpan<T>(_name: string, work: (span: Span, ...more: unknown[]) => T, ...more: unknown[]): T {
    return work(new Span(), ...more);
  }
  get Span(): typeof Span {
    return Span;
  }
}

interface Overrides {
  env?: object;
  exports?: object;
}

export function workersModule(realm: Realm): Record<string, unknown> {
  const storage = new AsyncLocalStorage<Overrides>();
  const within = <T>(overrides: Overrides, work: () => T): T =>
    storage.run({ ...storage.getStore(), ...overrides }, work);
  /** What is no object leaves the real one in place, as in workerd. */
  const only = <K extends keyof Overrides>(name: K, value: unknown): Overrides =>
    typeof value === "object" && value !== null ? { [name]: value } : {};
  return {
    env: viewOf(() => storage.getStore()?.env ?? realm.env),
    exports: viewOf(() => storage.getStore()?.exports ?? loopbackOf(realm)),
    waitUntil,
    withEnv: <T>(env: unknown, work: () => T) => within(only("env", env), work),
    withExports: <T>(exports: unknown, work: () => T) => within(only("exports", exports), work),
    withEnvAndExports: <T>(env: unknown, exports: unknown, work: () => T) =>
      within({ ...only("env", env), ...only("exports", exports) }, work),
    WorkerEntrypoint,
    DurableObject,
    WorkflowEntrypoint,
    RpcTarget,
    RpcStub,
    RpcPromise,
    RpcProperty,
    ServiceStub: Fetcher,
    cache: Object.create(null) as object,
    tracing: new Tracing(),
    restore: Symbol("restore"),
    abortIsolate: (reason?: unknown) => abortIsolate(realm, reason),
  };
}

function waitUntil(...given: [work?: unknown]): void {
  const invocation = currentInvocation();
  if (invocation === undefined) throw new Error(AT_TOP_LEVEL);
  if (given.length === 0) throw new TypeError(NO_PROMISE);
  invocation.waitUntil(given[0]);
}

/** There it ends the whole isolate; here the thread only, where there is one. */
function abortIsolate(realm: Realm, reason: unknown): never {
  throw new Error(`abortIsolate() called by ${realm.plan.name}; reason = ${String(reason)}`);
}

/** An object that is always the current one: what is read of it and written to it goes there. */
function viewOf(current: () => object): object {
  return new Proxy(
    {},
    {
      get: (_target, key) => Reflect.get(current(), key),
      set: (_target, key, value) => Reflect.set(current(), key, value),
      has: (_target, key) => Reflect.has(current(), key),
      deleteProperty: (_target, key) => Reflect.deleteProperty(current(), key),
      ownKeys: () => Reflect.ownKeys(current()),
      getPrototypeOf: () => Object.prototype,
      getOwnPropertyDescriptor: (_target, key) => {
        const found = Reflect.getOwnPropertyDescriptor(current(), key);
        // The proxy's own target is empty, so nothing of it may be called fixed.
        return found === undefined ? undefined : { ...found, configurable: true };
      },
      defineProperty: (_target, key, descriptor) => Reflect.defineProperty(current(), key, descriptor),
    },
  );
}
