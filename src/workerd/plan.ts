// What a hosted Worker is made of, as plain data: it is worked out once, crosses to the Worker's thread by structured
// clone, and is all that the runtime knows.
import type { Limits, LimitsMode } from "./limits/tables.js";

/** workerd's kinds of modules, under the names that wrangler's `rules` and miniflare's `modules` use. */
export type ModuleType = "ESModule" | "CommonJS" | "Text" | "Data" | "CompiledWasm" | "JSON";

export interface PlannedModule {
  type: ModuleType;
  /** How others import it, relative to `root`: `index.js`, `lib/query.sql`. */
  path: string;
  contents: string | Uint8Array;
}

/** A rule of wrangler's: files whose path below the root matches one of the globs are modules of this type. */
export interface ModuleRule {
  type: ModuleType;
  globs: readonly string[];
}

export type D1Plan =
  /** Opened by the runtime itself, in its own thread. */
  | { kind: "file"; file: string; strict: boolean }
  | { kind: "memory"; strict: boolean }
  /** Lives with the host: asked through its port, so that one budget of requests holds for all. */
  | { kind: "host"; key: string };

/** A binding of `env`. What is not here cannot be had and is refused before anything starts. */
export type Binding = { name: string } & (
  | { kind: "value"; value: unknown } // A var, a secret, a text, data or version_metadata.
  | { kind: "wasm"; file: string }
  | { kind: "d1"; database: D1Plan }
  | { kind: "queue"; queue: string; deliveryDelayS: number }
  | { kind: "kv"; id: string }
  | { kind: "r2"; bucket: string }
  | { kind: "service"; entrypoint: string | null; props: Record<string, unknown> } // To this Worker itself.
  | { kind: "assets"; directory: string }
  | { kind: "ratelimit"; limit: number; periodS: number }
);

/** A queue that this Worker consumes; figures as in wrangler's config. */
export interface QueueConsumer {
  queue: string;
  maxBatchSize: number;
  maxBatchTimeoutMs: number;
  maxRetries: number;
  retryDelayS: number;
  deadLetterQueue: string | null;
}

/** Static files that answer before the Worker, beside it, or only when it asks. */
export interface AssetsPlan {
  directory: string;
  htmlHandling: "auto-trailing-slash" | "force-trailing-slash" | "drop-trailing-slash" | "none";
  /** What a path without a file gets; `pages`: the nearest 404.html, else /index.html. */
  notFound: "none" | "404-page" | "single-page-application" | "pages";
  /** Whether a browser's navigation to no file gets `notFound` before the Worker is asked. */
  navigation: boolean;
  /** Who is asked first, by path (`*` for anything); a path in neither list: by `otherwise`. */
  assetPaths: readonly string[];
  workerPaths: readonly string[];
  /** `found`: the files if they have an answer, else the Worker. */
  otherwise: "found" | "worker" | "assets";
}

/** How much of Node a Worker may see: nothing, what `nodejs_compat` gives it, or all of it. */
export type NodeAccess = "off" | "compat" | "full";

/** What compatibility date and flags decide here; everything else about them is warned of and ignored. */
export interface Compatibility {
  date: string;
  flags: readonly string[];
  node: NodeAccess;
  /** Whether `process.env` holds the vars and secrets. */
  processEnv: boolean;
  /** Whether `ctx.exports` is there. */
  contextExports: boolean;
  /** Whether queue messages are JSON (else v8) when their sender does not say. */
  queuesJson: boolean;
}

export interface WorkerPlan {
  /** For logs and messages. */
  name: string;
  /** Path of the entry module: absolute where it is a file, else the path of one of `modules`. */
  entry: string;
  /** The folder that imports may not leave, packages in node_modules above it aside. */
  root: string;
  /** Modules that are no files. */
  modules: readonly PlannedModule[];
  rules: readonly ModuleRule[];
  compatibility: Compatibility;
  bindings: readonly Binding[];
  consumers: readonly QueueConsumer[];
  crons: readonly string[];
  /** Only where requests to the Worker's own addresses may be answered by files. */
  assets?: AssetsPlan;
  /** Where KV, R2 and the cache are kept; null for memory only. */
  stateFolder: string | null;
  limits: Limits;
  limitsMode: LimitsMode;
  /** Whether `eval` and `new Function` work in handlers; in workerd they do not. */
  codeGeneration: boolean;
}
