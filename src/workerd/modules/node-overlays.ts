// Node's own modules with a few things as workerd has them: what would show the machine, or is not there.
import type * as NodeAsyncHooks from "node:async_hooks";
import type * as NodePath from "node:path";
import { native } from "../native.js";
import { nodeModule } from "./native-module.js";
import { refusals } from "./node-errors.js";

type Exported = Record<string, unknown>;

/** A copy: what a Worker puts on a module stays with it. Functions such as `assert` would lose themselves in one. */
function over(name: string, changes: (real: Exported) => Exported): Exported {
  const real = nodeModule<Exported>(`node:${name}`);
  return { ...real, ...changes(real) };
}

export const OVERLAID: Record<string, () => object> = {
  async_hooks: () => asyncHooks(),
  buffer: () => over("buffer", ({ Buffer }) => ({ SlowBuffer: (Buffer as typeof native.Buffer).allocUnsafeSlow })),
  crypto: () =>
    over("crypto", (crypto) => ({
      ...refusals("", ["createCipher", "createDecipher", "Cipher", "Decipher", "setEngine", "setFips"]),
      CryptoKey: globalThis.CryptoKey,
      pseudoRandomBytes: crypto.randomBytes,
      webcrypto: globalThis.crypto,
      subtle: globalThis.crypto.subtle,
      fips: true,
      getFips: () => true,
    })),
  diagnostics_channel: () => over("diagnostics_channel", () => ({ TracingChannel: class TracingChannel {} })),
  "dns/promises": () => over("dns/promises", () => ({ ADDRCONFIG: 1024, ALL: 256, V4MAPPED: 2048 })),
  path: () => paths().posix,
  "path/posix": () => paths().posix,
  "path/win32": () => paths().win32,
  perf_hooks: () =>
    over("perf_hooks", () => ({
      ...refusals("", ["createHistogram", "monitorEventLoopDelay"]),
      performance: globalThis.performance,
      eventLoopUtilization: () => ({ idle: 0, active: 0, utilization: 0 }),
    })),
  punycode: () => punycode(),
  "stream/web": () => over("stream/web", (real) => globalsIn(real)),
  sys: () => util(),
  timers: () =>
    over("timers", (real) => ({
      ...globalsIn(real),
      promises: nodeModule("node:timers/promises"),
      active: () => undefined,
      unenroll: () => undefined,
      enroll: () => {
        throw new Error("Not implemented. Please use setTimeout() instead.");
      },
    })),
  "timers/promises": () => nodeModule("node:timers/promises"),
  url: () =>
    over("url", (real) => ({
      ...globalsIn(real),
      pathToFileURL: (path: string, options?: object) =>
        (real.pathToFileURL as (path: string, options?: object) => URL)(paths().posix.resolve(path), options),
    })),
  util: () => util(),
  // Node hides its old constants, and workerd shows them.
  zlib: () => over("zlib", (real) => real.constants as Exported),
};

/** The Worker's own, for names that are globals as well. */
function globalsIn(real: Exported): Exported {
  const names = Object.keys(real).filter((name) => name in globalThis);
  return Object.fromEntries(names.map((name) => [name, (globalThis as Record<string, unknown>)[name]]));
}

function asyncHooks(): Exported {
  return over("async_hooks", (real) => {
    const Real = real.AsyncLocalStorage as typeof NodeAsyncHooks.AsyncLocalStorage;
    /** Around Node's, and no subclass of it: its `run` calls the methods that do not work here. */
    class AsyncLocalStorage<T> {
      static bind = Real.bind;
      static snapshot = Real.snapshot;
      readonly #real: NodeAsyncHooks.AsyncLocalStorage<T>;

      constructor(...given: ConstructorParameters<typeof Real<T>>) {
        this.#real = new Real<T>(...given);
      }
      get name(): string {
        return this.#real.name;
      }
      getStore(): T | undefined {
        return this.#real.getStore();
      }
      run<R, A extends unknown[]>(store: T, work: (...given: A) => R, ...given: A): R {
        return this.#real.run(store, work, ...given);
      }
      exit<R, A extends unknown[]>(work: (...given: A) => R, ...given: A): R {
        return this.#real.exit(work, ...given);
      }
      enterWith(): never {
        throw new Error("asyncLocalStorage.enterWith() is not implemented");
      }
      disable(): never {
        throw new Error("asyncLocalStorage.disable() is not implemented");
      }
    }
    const hook = { enable: () => hook, disable: () => hook };
    return {
      AsyncLocalStorage,
      createHook: () => hook,
      executionAsyncId: () => 0,
      triggerAsyncId: () => 0,
      executionAsyncResource: () => ({}),
    };
  });
}

/** There is no working directory but the root, as in workerd: the host's is nobody's business. */
function paths(): { posix: typeof NodePath; win32: typeof NodePath } {
  const real = nodeModule<typeof NodePath>("node:path").posix;
  const posix = {
    ...real,
    resolve: (...parts: string[]) => real.resolve("/", ...parts),
    relative: (from: string, to: string) => real.relative(real.resolve("/", from), real.resolve("/", to)),
  };
  const win32 = { ...nodeModule<typeof NodePath>("node:path").win32 };
  const both = { posix, win32 };
  Object.assign(posix, both);
  Object.assign(win32, both);
  return both as unknown as { posix: typeof NodePath; win32: typeof NodePath };
}

/** Node deprecates the module, and says so on stderr whoever loads it. */
function punycode(): object {
  const { noDeprecation } = native.process;
  native.process.noDeprecation = true;
  try {
    return nodeModule<object>("node:punycode");
  } finally {
    if (noDeprecation === undefined) delete native.process.noDeprecation;
    else native.process.noDeprecation = noDeprecation;
  }
}

/** Old tests of types, which Node has dropped and workerd has not. */
const OLD_TESTS: Record<string, (value: unknown) => boolean> = {
  isArray: Array.isArray,
  isBoolean: (value) => typeof value === "boolean",
  isBuffer: (value) => native.Buffer.isBuffer(value),
  isDate: (value) => value instanceof Date,
  isError: (value) => value instanceof Error,
  isFunction: (value) => typeof value === "function",
  isNull: (value) => value === null,
  isNullOrUndefined: (value) => value === null || value === undefined,
  isNumber: (value) => typeof value === "number",
  isObject: (value) => typeof value === "object" && value !== null,
  isPrimitive: (value) => value === null || (typeof value !== "object" && typeof value !== "function"),
  isRegExp: (value) => value instanceof RegExp,
  isString: (value) => typeof value === "string",
  isSymbol: (value) => typeof value === "symbol",
  isUndefined: (value) => value === undefined,
};

function util(): Exported {
  return over("util", (real) => ({
    ...OLD_TESTS,
    getCallSite: real.getCallSites,
    log: (...given: unknown[]) => globalThis.console.log(...given),
  }));
}
