// No code from strings and no WebAssembly from bytes in handlers: workerd refuses both once a Worker has started.
import type { Realm, Target } from "../realm.js";
import { defineByCaller } from "./callers.js";

const STRINGS = "Code generation from strings disallowed for this context";
const WASM = "Wasm code generation disallowed by embedder";
/** From this compatibility date on, `eval` works while the module's top level runs. */
const EVAL_AT_START_FROM = "2025-06-01";

type Constructor = new (...given: unknown[]) => object;
interface WasmNames {
  Module: Constructor;
  CompileError: new (message: string) => Error;
  compile: Wasm;
  instantiate: Wasm;
}
type Wasm = (source: unknown, ...given: unknown[]) => Promise<unknown>;

export function installCodeGeneration(target: Target, realm: Realm): void {
  if (!realm.isolated || realm.plan.codeGeneration) return;
  refuseStrings(target, realm);
  refuseWasm(target, realm);
}

function refuseStrings(target: Target, realm: Realm): void {
  const { date, flags } = realm.compatibility;
  const isAllowedAtStart = date >= EVAL_AT_START_FROM || flags.includes("allow_eval_during_startup");
  const isRefused = () => !realm.isStarting() || !isAllowedAtStart;
  const refuse = () => {
    throw new EvalError(STRINGS);
  };
  // Only the real one can see the variables around its call.
  const real = target.eval;
  const refusing = Object.defineProperty((_code: unknown) => refuse(), "name", { value: "eval" });
  let given: unknown;
  Object.defineProperty(target, "eval", {
    get: () => given ?? (isRefused() ? refusing : real),
    set: (value: unknown) => {
      given = value;
    },
    configurable: true,
    enumerable: false,
  });
  let plain: object | undefined;
  for (const original of functionConstructors()) {
    const guarded = new Proxy(original, {
      // A function without a body needs no code generated, says V8.
      apply: (made, self, args) => (args.length > 0 && isRefused() ? refuse() : Reflect.apply(made, self, args)),
      construct: (made, args, newTarget) =>
        args.length > 0 && isRefused() ? refuse() : Reflect.construct(made, args, newTarget),
    });
    Object.defineProperty(original.prototype, "constructor", { value: guarded, configurable: true });
    // Theirs is the plain one by inheritance, and that is the guarded one now.
    if (plain !== undefined) Object.setPrototypeOf(original, plain);
    else {
      plain = guarded;
      // better-sqlite3 makes the function that builds its rows.
      defineByCaller(target, "Function", { worker: guarded, host: original });
    }
  }
}

/** The plain one first; the others have no names of their own. */
function functionConstructors(): Constructor[] {
  const functions = [() => undefined, async () => undefined, function* () {}, async function* () {}];
  return functions.map((made) => Object.getPrototypeOf(made).constructor as Constructor);
}

function refuseWasm(target: Target, realm: Realm): void {
  const wasm = target.WebAssembly as Record<string, unknown>;
  const refusal = (method: string) => new CompileError(`WebAssembly.${method}(): ${WASM}`);
  const { Module, CompileError, compile, instantiate } = wasm as unknown as WasmNames;
  const guardedModule = new Proxy(Module, {
    construct: (made, args, newTarget) => {
      if (!realm.isStarting()) throw refusal("Module");
      return Reflect.construct(made, args, newTarget);
    },
  });
  Object.defineProperty(Module.prototype, "constructor", { value: guardedModule, configurable: true });
  // fetch compiles its parser at its first use, and the rewriter of HTML its own.
  defineByCaller(wasm, "Module", { worker: guardedModule, host: Module });
  const guardedCompile: Wasm = async (source, ...given) => {
    if (!realm.isStarting()) throw refusal("compile");
    return compile(source, ...given);
  };
  defineByCaller(wasm, "compile", { worker: nameIt(guardedCompile, "compile"), host: compile });
  const guardedInstantiate: Wasm = async (source, ...given) => {
    const isBytes = source instanceof ArrayBuffer || ArrayBuffer.isView(source);
    if (isBytes && !realm.isStarting()) throw refusal("instantiate");
    return instantiate(source, ...given);
  };
  defineByCaller(wasm, "instantiate", { worker: nameIt(guardedInstantiate, "instantiate"), host: instantiate });
  delete wasm.compileStreaming;
  delete wasm.instantiateStreaming;
}

function nameIt<T extends Wasm>(method: T, name: string): T {
  return Object.defineProperty(method, "name", { value: name });
}
