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
