// `node:vm` as workerd has it: its objects can be made, and nothing runs in them.
import { native } from "../native.js";
import { invalidArgument, notImplemented, refused, requireString } from "./node-errors.js";

export function virtualMachine(): object {
  const contexts = new WeakSet<object>();
  const runInContext = (_code: unknown, context: unknown) => {
    if (typeof context !== "object" || context === null) throw invalidArgument("object", "of type object", context);
    if (!contexts.has(context)) throw invalidArgument("contextifiedObject", "an vm.Context", context);
    throw notImplemented("runInThisContext");
  };
  class Script {
    createCachedData(): Uint8Array {
      return native.Buffer.alloc(0);
    }
    runInThisContext(): never {
      throw notImplemented("runInThisContext");
    }
    runInNewContext(): never {
      throw notImplemented("runInThisContext");
    }
    runInContext(context: unknown): never {
      return runInContext(undefined, context);
    }
  }
  return {
    Script,
    constants: {},
    createContext: (given: unknown = {}) => {
      const context = typeof given === "object" && given !== null ? given : {};
      contexts.add(context);
      return context;
    },
    createScript: () => new Script(),
    isContext: (object: unknown) => {
      if (typeof object !== "object" || object === null) throw invalidArgument("object", "of type object", object);
      return contexts.has(object);
    },
    compileFunction: (code: unknown) => {
      requireString("code", code);
      throw notImplemented("compileFunction");
    },
    measureMemory: refused("measureMemory"),
    runInContext,
    runInNewContext: refused("runInThisContext", "runInNewContext"),
    runInThisContext: refused("runInThisContext"),
  };
}
