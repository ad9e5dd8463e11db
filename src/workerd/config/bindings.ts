// The bindings of a wrangler config: what `env` will hold, and what wakes the Worker.
import { randomUUID } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { systemClock } from "../../clock.js";
import { wranglerConfigError } from "../../database/wrangler/error.js";
import type { WorkerKeys } from "../../database/wrangler/keys.js";
import { localD1File } from "../../database/wrangler/local-file.js";
import { isRecord } from "../../database/wrangler/parse.js";
import type { WranglerConfig } from "../../database/wrangler/read.js";
import { messageOf } from "../../errors.js";
import type { Binding, D1Plan, QueueConsumer } from "../plan.js";
import { consumerOf } from "./queues.js";
import { readSecrets } from "./secrets.js";
import { type Finding, refuseUnsupported } from "./unsupported.js";

/** A D1 database that a config binds and the options say nothing of: whoever hosts the Worker decides where it lives. */
export interface D1Wish {
  binding: string;
  databaseName?: string;
  databaseId?: string;
  previewDatabaseId?: string;
  remote?: boolean;
}

export interface ConfigBindings {
  bindings: Binding[];
  consumers: QueueConsumer[];
  d1: D1Wish[];
  warnings: string[];
  /** Values that no log may show. */
  secrets: string[];
}

/** Errors: WORKER_UNSUPPORTED, WRANGLER_CONFIG. */
export function readBindings(config: WranglerConfig, keys: WorkerKeys, environment: NodeJS.ProcessEnv): ConfigBindings {
  refuseUnsupported(config, findForeignServices(config, keys));
  const secrets = readSecrets({
    folder: config.projectFolder,
    env: config.env,
    vars: Object.keys(keys.vars),
    required: keys.secrets?.required,
    environment,
  });
  const bindings = [
    ...config.d1_databases.map((database) => d1Binding(config, database)),
    ...plainBindings(config, keys),
    ...fileBindings(config, keys),
  ];
  refuseTwins(config, bindings);
  // A secret comes before a var of its name, and after anything else of its name.
  const taken = new Set(bindings.map(({ name }) => name));
  const values = Object.entries({ ...keys.vars, ...secrets.values }).filter(([name]) => !taken.has(name));
  bindings.push(...values.map(([name, value]): Binding => ({ name, kind: "value", value })));
  return {
    bindings,
    consumers: keys.queues.consumers.map(({ queue, ...consumer }) =>
      consumerOf({
        queue,
        maxBatchSize: consumer.max_batch_size,
        maxBatchTimeoutMs: seconds(consumer.max_batch_timeout),
        maxRetries: consumer.max_retries,
        retryDelayS: consumer.retry_delay,
        deadLetterQueue: consumer.dead_letter_queue,
      }),
    ),
    d1: config.d1_databases.map(wishOf),
    warnings: [...warnOfMissing(config, secrets.missing), ...warnOfRemote(config, keys), ...warnOfTails(config)],
    secrets: Object.values(secrets.values).filter((value) => value !== ""),
  };
}

function plainBindings(config: WranglerConfig, keys: WorkerKeys): Binding[] {
  const { queues, kv_namespaces, r2_buckets, services, ratelimits, version_metadata: version } = keys;
  return [
    ...queues.producers.map(
      ({ binding: name, queue, delivery_delay = 0 }): Binding => ({
        ...{ name, kind: "queue", queue, deliveryDelayS: delivery_delay },
      }),
    ),
    ...kv_namespaces.map(
      ({ binding: name, id, preview_id }): Binding => ({ name, kind: "kv", id: preview_id ?? id ?? name }),
    ),
    ...r2_buckets.map(
      ({ binding: name, bucket_name, preview_bucket_name }): Binding => ({
        ...{ name, kind: "r2", bucket: preview_bucket_name ?? bucket_name ?? name },
      }),
    ),
    ...services.map(
      ({ binding: name, entrypoint = null, props = {} }): Binding => ({ name, kind: "service", entrypoint, props }),
    ),
    ...[...ratelimits, ...unsafeRateLimits(config)].map(
      ({ name, simple }): Binding => ({ name, kind: "ratelimit", limit: simple.limit, periodS: simple.period }),
    ),
    ...(version === undefined ? [] : [{ name: version.binding, kind: "value" as const, value: makeVersion() }]),
  ];
}

function makeVersion() {
  return { id: randomUUID(), tag: "", timestamp: new Date(systemClock.now()).toISOString() };
}

/** How a rate limit is written for a wrangler before 4.36. */
function unsafeRateLimits({ raw }: WranglerConfig): WorkerKeys["ratelimits"] {
  const list: unknown = isRecord(raw.unsafe) ? raw.unsafe.bindings : undefined;
  const limits = Array.isArray(list) ? list.filter(isRecord).filter(({ type }) => type === "ratelimit") : [];
  return limits.map(({ name, simple }) => {
    const { limit, period } = isRecord(simple) ? simple : {};
    return { name: String(name), simple: { limit: Number(limit), period: Number(period) } };
  });
}

function fileBindings({ file }: WranglerConfig, keys: WorkerKeys): Binding[] {
  const at = (path: string) => resolve(dirname(file), path);
  return [
    ...Object.entries(keys.wasm_modules).map(([name, path]): Binding => ({ name, kind: "wasm", file: at(path) })),
    ...Object.entries(keys.text_blobs).map(
      ([name, path]): Binding => ({ name, kind: "value", value: new TextDecoder().decode(readBlob(at(path), file)) }),
    ),
    ...Object.entries(keys.data_blobs).map(
      ([name, path]): Binding => ({ name, kind: "value", value: new Uint8Array(readBlob(at(path), file)).buffer }),
    ),
  ];
}

function readBlob(path: string, config: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw wranglerConfigError({
      expected: `to read ${path}, which ${config} binds`,
      got: messageOf(cause),
      fix: "correct the path, or put the file there",
      cause,
    });
  }
}

type WranglerD1 = WranglerConfig["d1_databases"][number];

/** Where wrangler keeps it for local work, if it has; else memory. */
function d1Binding(config: WranglerConfig, database: WranglerD1): Binding {
  const file = localD1File(config.projectFolder, database);
  const isThere = statSync(file, { throwIfNoEntry: false })?.isFile();
  const plan: D1Plan = isThere ? { kind: "file", file, strict: true } : { kind: "memory", strict: true };
  return { name: database.binding, kind: "d1", database: plan };
}

function wishOf(database: WranglerD1): D1Wish {
  const { binding, database_name: name, database_id: id, preview_database_id: preview, remote } = database;
  return {
    binding,
    ...(name === undefined ? {} : { databaseName: name }),
    ...(id === undefined ? {} : { databaseId: id }),
    ...(preview === undefined ? {} : { previewDatabaseId: preview }),
    ...(remote === true ? { remote } : {}),
  };
}

/** Services that are other Workers; a Worker may only be bound to itself. */
function findForeignServices({ name }: WranglerConfig, { services }: WorkerKeys): Finding[] {
  return services.flatMap(({ binding, service, environment }, index) => {
    const isSelf = service === name || (environment !== undefined && `${service}-${environment}` === name);
    const what = `the other Worker "${service}" as`;
    const advice = `fetch from "${service}" by its URL instead, or make it an entrypoint of this Worker`;
    return isSelf ? [] : [{ what, advice, binding, path: ["services", index] }];
  });
}

function refuseTwins(config: WranglerConfig, bindings: readonly Binding[]): void {
  const names = bindings.map(({ name }) => name);
  const twin = names.find((name, index) => names.indexOf(name) !== index);
  if (twin === undefined) return;
  throw wranglerConfigError({
    expected: `each binding of ${config.file} to have a name of its own`,
    got: `"${twin}" twice`,
    fix: "rename one of them",
  });
}

function warnOfMissing({ projectFolder }: WranglerConfig, missing: readonly string[]): string[] {
  if (missing.length === 0) return [];
  return [`missing required secrets: ${missing.join(", ")}; add them to .dev.vars or .env in ${projectFolder}`];
}

function warnOfRemote(config: WranglerConfig, { kv_namespaces, r2_buckets }: WorkerKeys): string[] {
  const remote = [...config.d1_databases, ...kv_namespaces, ...r2_buckets].filter((entry) => entry.remote === true);
  return remote.map(({ binding }) => `${binding} is "remote": true in ${config.file}; here it is local`);
}

function warnOfTails({ raw, file }: WranglerConfig): string[] {
  const keys = ["tail_consumers", "streaming_tail_consumers"].filter((key) => {
    const list = raw[key];
    return Array.isArray(list) && list.length > 0;
  });
  return keys.map((key) => `${key} of ${file}: nothing is sent to them from here`);
}

function seconds(value: number | undefined): number | undefined {
  return value === undefined ? undefined : value * 1000;
}
