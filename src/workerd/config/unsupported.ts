// What a wrangler config may bind and a host outside Cloudflare cannot give. It stops before anything starts: a binding
// that is simply missing would only be found by the first request that needs it.
import { basename } from "node:path";
import { isRecord } from "../../database/wrangler/parse.js";
import type { WranglerConfig } from "../../database/wrangler/read.js";
import type { Path } from "../../database/wrangler/toml-line.js";
import { HidbError } from "../../errors.js";

interface Unsupported {
  /** As Cloudflare calls it. */
  what: string;
  advice: string;
}

const REST = (service: string) => `call ${service} over its REST API with fetch instead`;

/** By wrangler's own keys: all of its binding keys that are not in `bindings.ts`. */
export const UNSUPPORTED: Readonly<Record<string, Unsupported>> = {
  agent_memory: { what: "Agent Memory", advice: "keep the state in D1 instead" },
  ai: { what: "Workers AI", advice: REST("Workers AI") },
  ai_search: { what: "an AI Search instance", advice: REST("AI Search") },
  ai_search_namespaces: { what: "an AI Search namespace", advice: REST("AI Search") },
  analytics_engine_datasets: { what: "an Analytics Engine dataset", advice: "write the figures to D1 instead" },
  artifacts: { what: "Artifacts", advice: "keep the files in R2 instead" },
  browser: { what: "a Browser", advice: REST("Browser Rendering") },
  cloudchamber: { what: "Cloudchamber", advice: "leave that part on Cloudflare" },
  containers: { what: "a Container", advice: "run its program beside hidb, and fetch from it" },
  dispatch_namespaces: { what: "a dispatch namespace", advice: "fetch from those Workers by their URLs" },
  durable_objects: { what: "a Durable Object", advice: "keep the state in D1 or KV instead" },
  flagship: { what: "Flagship", advice: "give the flags as vars instead" },
  hyperdrive: { what: "Hyperdrive", advice: "connect with the database's own address, given as a secret" },
  images: { what: "Images", advice: REST("Images") },
  logfwdr: { what: "logfwdr", advice: "leave that part on Cloudflare" },
  media: { what: "Media Transformations", advice: "leave that part on Cloudflare" },
  mtls_certificates: { what: "an mTLS certificate", advice: "leave that part on Cloudflare, and fetch from it" },
  pipelines: { what: "a Pipeline", advice: "send to its HTTP endpoint with fetch instead" },
  secrets_store_secrets: { what: "a Secrets Store secret", advice: "give it as a secret in .dev.vars instead" },
  send_email: { what: "an email sender", advice: "send by an email service's HTTP API instead" },
  stream: { what: "Stream", advice: REST("Stream") },
  unsafe_hello_world: { what: "Hello World", advice: "leave it out" },
  vectorize: { what: "a Vectorize index", advice: REST("Vectorize") },
  vpc_networks: { what: "a VPC network", advice: "fetch from the network's own addresses" },
  vpc_services: { what: "a VPC service", advice: "fetch from the service's own address" },
  websearch: { what: "Web Search", advice: "call a search service with fetch instead" },
  worker_loaders: { what: "a Worker loader", advice: "make what it loads a part of this Worker" },
  workflows: { what: "a Workflow", advice: "let hidb's own attempts and retries take its place" },
};

/** A binding that cannot be had, where it stands, and what to do without it. */
export interface Finding extends Unsupported {
  binding: string;
  path: Path;
}

/** Errors: WORKER_UNSUPPORTED, one for all that the config binds and this host has not. */
export function refuseUnsupported(config: WranglerConfig, more: readonly Finding[] = []): void {
  const findings = [...Object.entries(config.raw).flatMap(([key, value]) => findIn(key, value)), ...more];
  if (findings.length === 0) return;
  const got = findings.map(({ what, binding, path }) => `${what} "${binding}" (${config.place(path)})`);
  const advice = [...new Set(findings.map((finding) => finding.advice))];
  throw new HidbError({
    code: "WORKER_UNSUPPORTED",
    message: `expected only bindings that can be had outside Cloudflare, got ${got.join("; ")}`,
    fix: `${advice.join("; ")}; or name an environment of ${basename(config.file)} without ${findings.length > 1 ? "them" : "it"}`,
  });
}

function findIn(key: string, value: unknown): Finding[] {
  if (key === "unsafe") return findUnsafe(value);
  if (key === "site") return isRecord(value) ? [{ ...SITE, binding: "__STATIC_CONTENT", path: [key] }] : [];
  const known = Object.hasOwn(UNSUPPORTED, key) ? UNSUPPORTED[key] : undefined;
  if (known !== undefined) return entriesOf(key, value).map(([path, entry]) => finding(known, key, path, entry));
  if (SUPPORTED.has(key)) return [];
  // A kind of binding that is newer than this list.
  const fresh = entriesOf(key, value).filter(([, entry]) => typeof entry.binding === "string");
  return fresh.map(([path, entry]) => finding({ what: key, advice: NEWER }, key, path, entry));
}

const NEWER = "leave that part on Cloudflare";
const SITE = { what: "Workers Sites", advice: 'serve the folder as `assets: { "directory": ... }` instead' };

const SUPPORTED: ReadonlySet<string> = new Set([
  "assets",
  "d1_databases",
  "kv_namespaces",
  "queues",
  "r2_buckets",
  "ratelimits",
  "services",
  "vars",
  "version_metadata",
]);

function finding(unsupported: Unsupported, key: string, path: Path, entry: Record<string, unknown>): Finding {
  const name = entry.binding ?? entry.name ?? entry.class_name ?? key;
  return { ...unsupported, binding: String(name), path };
}

/** The entries of a list, of a list under `bindings`, or the one that it is. */
function entriesOf(key: string, value: unknown): [Path, Record<string, unknown>][] {
  const isNested = isRecord(value) && Array.isArray(value.bindings);
  const path: Path = isNested ? [key, "bindings"] : [key];
  const list = isNested ? value.bindings : value;
  if (Array.isArray(list)) {
    return list.filter(isRecord).map((entry, index): [Path, Record<string, unknown>] => [[...path, index], entry]);
  }
  return isRecord(list) && Object.keys(list).length > 0 ? [[path, list]] : [];
}

/** Bindings that wrangler itself does not know; of these only a rate limit, by its older name, can be had. */
function findUnsafe(value: unknown): Finding[] {
  const entries = entriesOf("unsafe", value).filter(([path]) => path.length > 1);
  return entries
    .filter(([, entry]) => entry.type !== "ratelimit")
    .map(([path, entry]) => finding({ what: `an unsafe ${String(entry.type)}`, advice: NEWER }, "unsafe", path, entry));
}
