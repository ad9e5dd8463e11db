// What a Worker's globals are made from. Each file of globals/ has one `install...(target, realm)` that defines its
// names on the global object; the files of modules/ make the `cloudflare:` modules.
import type { Compatibility, WorkerPlan } from "./plan.js";

/** The global object that the Worker will see. */
export type Target = Record<PropertyKey, unknown>;

export interface Realm {
  readonly plan: WorkerPlan;
  readonly compatibility: Compatibility;
  /** The one `env` object of the Worker, filled before its module is imported. */
  readonly env: Record<string, unknown>;
  /** In a thread of its own; else the globals are those of the whole process, and none of Node's may be removed. */
  readonly isolated: boolean;
  /** True while the module's top level runs. */
  isStarting(): boolean;
  /** One line of the Worker's console, or a warning of the host. */
  log(level: "debug" | "log" | "info" | "warn" | "error", text: string): void;
  /** The Worker's own handlers, for services to itself and `ctx.exports`; `entrypoint` null is the default export. */
  self(entrypoint: string | null, props?: Record<string, unknown>): unknown;
}

/** Defines a global as the platform does: writable, configurable, not enumerable. */
export function define(target: Target, name: string, value: unknown): void {
  // Node loads its own value of some names when they are redefined, but not when they are deleted: for Response alone
  // that would be all of undici, 6 MB.
  delete target[name];
  Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
}
