// The keys of a wrangler config that hidb knows, under wrangler's own names. A new one is an entry here and nothing else.
import * as v from "valibot";

const D1_DATABASE = v.looseObject({
  binding: v.string(),
  database_name: v.exactOptional(v.string()),
  database_id: v.exactOptional(v.string()),
  preview_database_id: v.exactOptional(v.string()),
  migrations_dir: v.exactOptional(v.string()),
  migrations_table: v.exactOptional(v.string()),
  migrations_pattern: v.exactOptional(v.string()),
});

export const KNOWN_KEYS = v.object({
  name: v.exactOptional(v.string()),
  account_id: v.exactOptional(v.string()),
  d1_databases: v.optional(v.array(D1_DATABASE), []),
});

const STRINGS = v.array(v.string());
const FILES = v.optional(v.record(v.string(), v.string()), {});

const QUEUES = v.object({
  producers: v.optional(
    v.array(v.object({ binding: v.string(), queue: v.string(), delivery_delay: v.exactOptional(v.number()) })),
    [],
  ),
  consumers: v.optional(
    v.array(
      v.object({
        queue: v.string(),
        type: v.exactOptional(v.string()),
        max_batch_size: v.exactOptional(v.number()),
        max_batch_timeout: v.exactOptional(v.number()),
        max_retries: v.exactOptional(v.number()),
        dead_letter_queue: v.exactOptional(v.string()),
        retry_delay: v.exactOptional(v.number()),
      }),
    ),
    [],
  ),
});

const ASSETS = v.object({
  directory: v.exactOptional(v.string()),
  binding: v.exactOptional(v.string()),
  html_handling: v.exactOptional(
    v.picklist(["auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none"]),
  ),
  not_found_handling: v.exactOptional(v.picklist(["single-page-application", "404-page", "none"])),
  run_worker_first: v.exactOptional(v.union([v.boolean(), STRINGS])),
});

/** What the code of a Worker and its `env` are made of; read only where a Worker is hosted. */
export const WORKER_KEYS = v.object({
  main: v.exactOptional(v.string()),
  base_dir: v.exactOptional(v.string()),
  no_bundle: v.optional(v.boolean(), false),
  find_additional_modules: v.exactOptional(v.boolean()),
  rules: v.optional(
    v.array(v.object({ type: v.string(), globs: STRINGS, fallthrough: v.exactOptional(v.boolean()) })),
    [],
  ),
  build: v.exactOptional(v.looseObject({ command: v.exactOptional(v.string()) })),
  alias: v.exactOptional(v.record(v.string(), v.string())),
  define: v.optional(v.record(v.string(), v.string()), {}),
  pages_build_output_dir: v.exactOptional(v.string()),
  compatibility_date: v.exactOptional(v.string()),
  compatibility_flags: v.optional(STRINGS, []),
  vars: v.optional(v.record(v.string(), v.unknown()), {}),
  secrets: v.exactOptional(v.looseObject({ required: v.optional(STRINGS, []) })),
  queues: v.optional(QUEUES, {}),
  kv_namespaces: v.optional(
    v.array(
      v.looseObject({
        binding: v.string(),
        id: v.exactOptional(v.string()),
        preview_id: v.exactOptional(v.string()),
      }),
    ),
    [],
  ),
  r2_buckets: v.optional(
    v.array(
      v.looseObject({
        binding: v.string(),
        bucket_name: v.exactOptional(v.string()),
        preview_bucket_name: v.exactOptional(v.string()),
      }),
    ),
    [],
  ),
  services: v.optional(
    v.array(
      v.looseObject({
        binding: v.string(),
        service: v.string(),
        environment: v.exactOptional(v.string()),
        entrypoint: v.exactOptional(v.string()),
        props: v.exactOptional(v.record(v.string(), v.unknown())),
      }),
    ),
    [],
  ),
  ratelimits: v.optional(
    v.array(v.looseObject({ name: v.string(), simple: v.object({ limit: v.number(), period: v.number() }) })),
    [],
  ),
  version_metadata: v.exactOptional(v.looseObject({ binding: v.string() })),
  assets: v.exactOptional(ASSETS),
  wasm_modules: FILES,
  text_blobs: FILES,
  data_blobs: FILES,
  triggers: v.optional(v.looseObject({ crons: v.optional(STRINGS, []) }), {}),
  limits: v.optional(
    v.looseObject({ cpu_ms: v.exactOptional(v.number()), subrequests: v.exactOptional(v.number()) }),
    {},
  ),
});

export type WorkerKeys = v.InferOutput<typeof WORKER_KEYS>;

export type WranglerD1Database = v.InferOutput<typeof D1_DATABASE>;

/** What `env.<name>` has to repeat: wrangler leaves it out of an environment that does not say it itself. */
export const NOT_INHERITED: ReadonlySet<string> = new Set([
  "agent_memory",
  "ai",
  "ai_search",
  "ai_search_namespaces",
  "analytics_engine_datasets",
  "artifacts",
  "browser",
  "cloudchamber",
  "containers",
  "d1_databases",
  "define",
  "dispatch_namespaces",
  "durable_objects",
  "flagship",
  "hyperdrive",
  "images",
  "kv_namespaces",
  "media",
  "mtls_certificates",
  "pipelines",
  "queues",
  "r2_buckets",
  "ratelimits",
  "secrets",
  "secrets_store_secrets",
  "send_email",
  "services",
  "stream",
  "streaming_tail_consumers",
  "tail_consumers",
  "unsafe",
  "unsafe_hello_world",
  "vars",
  "vectorize",
  "version_metadata",
  "vpc_networks",
  "vpc_services",
  "websearch",
  "worker_loaders",
  "workflows",
]);
