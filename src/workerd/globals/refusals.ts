// workerd's errors, in its own words.
import { currentInvocation } from "../invocation.js";
import type { Realm } from "../realm.js";

export const GLOBAL_SCOPE =
  "Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), setting a timeout, and generating random values are not allowed within global scope. To fix this error, perform this operation within a handler. https://developers.cloudflare.com/workers/runtime-apis/handlers/";

/** Throws while the module's top level runs. */
export function refuseGlobalScope(realm: Realm): void {
  if (realm.isStarting() && currentInvocation() === undefined) throw new Error(GLOBAL_SCOPE);
}

export function illegalInvocation(): TypeError {
  return new TypeError(
    "Illegal invocation: function called with incorrect `this` reference. See https://developers.cloudflare.com/workers/observability/errors/#illegal-invocation-errors for details.",
  );
}

export function illegalConstructor(): TypeError {
  return new TypeError("Illegal constructor");
}

/** `wrongType("match", "Cache", 1, "Request or string")`. */
export function wrongType(method: string, owner: string, parameter: number, type: string): TypeError {
  return new TypeError(`Failed to execute '${method}' on '${owner}': parameter ${parameter} is not of type '${type}'.`);
}

export function wrongConstructorType(owner: string, parameter: number, type: string): TypeError {
  const which = `constructor parameter ${parameter}`;
  return new TypeError(`Failed to construct '${owner}': ${which} is not of type '${type}'.`);
}

export function wrongField(field: string, owner: string, type: string): TypeError {
  return new TypeError(
    `Incorrect type for the '${field}' field on '${owner}': the provided value is not of type '${type}'.`,
  );
}

export function notImplemented(method: string, owner: string): Error {
  return new Error(`Failed to execute '${method}' on '${owner}': the method is not implemented.`);
}

/** Makes instances of a class print as `[object Name]`, as workerd's do. */
export function nameInstances(made: { prototype: object }, name: string): void {
  Object.defineProperty(made.prototype, Symbol.toStringTag, { value: name, configurable: true });
}
