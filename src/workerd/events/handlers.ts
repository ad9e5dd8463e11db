// Which function of a Worker answers an event: a method of its default export, of a class made anew for each event, or a
// listener of the old service-worker syntax.
import type { Realm } from "../realm.js";
import type { ExecutionContext } from "./context.js";

export type HandlerName = "fetch" | "scheduled" | "queue";
export type Handler = (event: unknown) => unknown;

export type Namespace = Record<string, unknown>;
type Method = (...given: unknown[]) => unknown;

/** The handler, bound and with all its arguments but the first; undefined when this entrypoint has none of that name. */
export function findHandler(
  entrypoint: unknown,
  name: HandlerName,
  { realm, context }: { realm: Realm; context: ExecutionContext },
): Handler | undefined {
  if (isClass(entrypoint)) {
    const instance = new entrypoint(context, realm.env) as Record<string, unknown>;
    const method = instance[name];
    if (typeof method !== "function") return undefined;
    return (event) => (method as Method).call(instance, event, realm.env, context);
  }
  if (typeof entrypoint !== "object" || entrypoint === null) return undefined;
  const method = (entrypoint as Record<string, unknown>)[name];
  if (typeof method !== "function") return undefined;
  return (event) => (method as Method).call(entrypoint, event, realm.env, context);
}

/** The names of an entrypoint's handlers that we can call. */
export function handlerNames(entrypoint: unknown): HandlerName[] {
  const methods = isClass(entrypoint) ? entrypoint.prototype : entrypoint;
  if (typeof methods !== "object" || methods === null) return [];
  const names: HandlerName[] = ["fetch", "scheduled", "queue"];
  return names.filter((name) => typeof (methods as Record<string, unknown>)[name] === "function");
}

type Class = new (context: unknown, env: unknown) => unknown;

/** Objects with methods are functions never; a function is a class that extends WorkerEntrypoint or looks like one. */
export function isClass(value: unknown): value is Class & { prototype: Record<string, unknown> } {
  return typeof value === "function" && typeof value.prototype === "object" && value.prototype !== null;
}

/** The default export, or a named one; undefined when the module has none of it. */
export function entrypointOf(namespace: Namespace, name: string | null): unknown {
  return namespace[name ?? "default"];
}
