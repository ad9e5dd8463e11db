// What a recorded Worker is: a program, what it is given, and calls whose answers are compared. The same in real workerd
// (through miniflare) and on the shim, in both isolation settings.

/** A call from outside. */
export type Call =
  | { fetch: string; method?: string; headers?: Record<string, string>; body?: string }
  | { scheduled: { cron?: string; scheduledTime?: number } }
  | { queue: string; messages: { id: string; timestamp: number; body: unknown; attempts: number }[] };

/** The answer to a call, as plain JSON: what workerd has said once, and what the shim has to say. */
export type Answer =
  /** `headers` without those of answers.ts; `body` as text, or as `base64:...` if it is none. A throw is a 500 with its text. */
  | { status: number; headers: [string, string][]; body: string }
  /** workerd's own result objects of `scheduled` and `queue`. */
  | { result: unknown }
  /** Not even an answer; as the only answer: the Worker does not start. */
  | { error: string };

/** A queue that the Worker consumes, in wrangler's words. */
export interface Consumed {
  queue: string;
  maxBatchSize?: number;
  maxRetries?: number;
  retryDelay?: number;
  deadLetterQueue?: string;
}

export interface WorkerCase {
  /** The entry module, plain JavaScript; `index.js`. Either this or `project`. */
  source?: string;
  /** A folder beside this file with a wrangler.jsonc that wrangler builds; its bindings are said here again. */
  project?: string;
  /** The source is a script with `addEventListener`, and its bindings are globals. */
  serviceWorker?: boolean;
  /** Further modules by path. */
  modules?: Record<
    string,
    { type: "ESModule" | "CommonJS" | "Text" | "Data" | "CompiledWasm"; contents: string | Uint8Array }
  >;
  /** Default 2026-07-30 (no Node) unless a case is about dates. */
  compatibilityDate?: string;
  compatibilityFlags?: string[];
  vars?: Record<string, unknown>;
  /** Binding names; each stands for an empty database, namespace or bucket of its own. */
  d1?: string[];
  kv?: string[];
  r2?: string[];
  /** Producers by binding; a queue in `consumes` is consumed by the Worker itself. */
  queues?: Record<string, string>;
  consumes?: (string | Consumed)[];
  /** Bindings to the Worker itself; the value names an entrypoint, "" the default export. */
  services?: Record<string, string>;
  /**
   * Made one after the other on one instance of the Worker. Answers may not hold times, random values or ports.
   * The var `OUTSIDE` is set by the runner: the origin of a small server that a Worker's own fetch may call (outside.ts).
   */
  calls: Call[];
}

/** Workers by name: a sentence about what the runtime does. */
export type WorkerCases = Record<string, WorkerCase>;
