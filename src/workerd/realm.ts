// Where a Worker's globals come from. Each file of globals/ has one `install...(target, realm)` that puts its names on the
// global object; those of modules/ make the `cloudflare:` modules.
import type { Compatibility, WorkerPlan } from "./plan.js";

/** The global object that the Worker will see. */
export type Target = Record<PropertyKey, unknown>;

export interface Realm {
  readonly plan: WorkerPlan;
  readonly compatibility: Compatibility;
  /** The one `env` object of the Worker, filled before its module is imported. */
  readonly env: Record<string, unknown>;
  /** In a thread of its own; else the globals belong to the whole process, and nothing of Node's may be taken away. */
  readonly isolated: boolean;
  /** True while the module's top level runs. */
  isStarting(): boolean;
  /** One line of the Worker's console, or a warning of the host. */
  log(level: "debug" | "log" | "info" | "warn" | "error", text: string): void;
  /** The Worker's own handlers, for services to itself and `ctx.exports`; `entrypoint` null is the default export. */
  self(entrypoint: string | null, props?: Record<string, unknown>): unknown;
}

/** Puts a name on the global object as the platform does: writable, configurable, not enumerable. */
export function define(target: Target, name: string, value: unknown): void {
  // Node loads what it has under some names when they are redefined, but not when they are taken away: for the Worker's
  // Response alone that would be all of undici, 6 MB.
  delete target[name];
  Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
}
