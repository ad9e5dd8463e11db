// What a program that hosts a Worker may say: the options of `hostWorker`.
import type { D1Database } from "@cloudflare/workers-types";
import type { Limits, LimitsMode, LimitsPlan } from "./limits/tables.js";
import type { ModuleRule, ModuleType, NodeAccess, QueueConsumer } from "./plan.js";

export interface GivenModule {
  /** By the ending of the path if not said: .js and .mjs ESModule, .txt .html .sql Text, .bin Data, .wasm CompiledWasm. */
  type?: ModuleType;
  path: string;
  contents: string | Uint8Array;
}

export interface HostWorkerOptions {
  /** A built module, a Pages `_worker.js` (file or folder), or a Pages output folder. One of `file`, `config`, `modules`. */
  file?: string;
  /** A wrangler config, or a folder to look for one; TypeScript is built with the project's own wrangler. */
  config?: string;
  /** The environment (`env.<name>`) of that config. */
  env?: string;
  /** Modules that are no files: beside `file`, or by themselves, then the first one is the entry. */
  modules?: readonly GivenModule[] | Readonly<Record<string, string | Uint8Array | Omit<GivenModule, "path">>>;
  rules?: readonly ModuleRule[];
  /** Added to those of the config. */
  vars?: Readonly<Record<string, unknown>>;
  /** Databases by binding: a SQLite file, ":memory:", or any D1Database; a list of bindings stands for empty ones in memory. */
  d1?: readonly string[] | Readonly<Record<string, string | D1Database>>;
  kv?: readonly string[] | Readonly<Record<string, string>>;
  r2?: readonly string[] | Readonly<Record<string, string>>;
  queues?: {
    /** Queue names by binding. */
    producers?: Readonly<Record<string, string | { queue: string; deliveryDelayS?: number }>>;
    /** Queues that this Worker consumes. */
    consumers?: readonly (string | (Pick<QueueConsumer, "queue"> & Partial<QueueConsumer>))[];
  };
  /** Bindings to this Worker itself; the value names an entrypoint, "" the default export. */
  services?: Readonly<Record<string, string>>;
  compatibilityDate?: string;
  compatibilityFlags?: readonly string[];
  /** By compatibility date and flags if not said. */
  node?: NodeAccess;
  /** Whether `eval` works in handlers; default false, as in workerd. */
  codeGeneration?: boolean;
  /** Where KV, R2 and the cache are kept; memory if not said. */
  stateFolder?: string;
  limits?: { mode?: LimitsMode; plan?: LimitsPlan } & Partial<Limits>;
  /** `thread` (default): whatever the Worker does ends its thread at most. `process`: faster, and at your own risk. */
  isolation?: "thread" | "process";
  /** Hears what the Worker prints and what the host warns of. */
  onLog?: (level: "debug" | "log" | "info" | "warn" | "error", text: string) => void;
}
