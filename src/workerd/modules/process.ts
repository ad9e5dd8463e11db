// `process` as a Worker sees it: an event emitter that knows nothing of the real one.
import { EventEmitter } from "node:events";
import { native } from "../native.js";
import type { Realm } from "../realm.js";
import { findBuiltin } from "./builtin.js";
import { fileError, notImplemented, refusals, requireString } from "./node-errors.js";

const VERSION = "22.19.0";
const UNKNOWN_VERSIONS =
  "v8 modules zlib brotli zstd ares napi llhttp nghttp2 acorn ada simdutf nbytes ncrypto uvwasi uv openssl sqlite icu undici simdjson unicode cldr tz cjs_module_lexer amaro merve";

const FEATURES = {
  cached_builtins: true,
  debug: false,
  inspector: false,
  ipv6: true,
  openssl_is_boringssl: true,
  require_module: false,
  tls: true,
  tls_alpn: true,
  tls_ocsp: true,
  tls_sni: true,
  typescript: false,
  uv: true,
};

const NOT_IMPLEMENTED = [
  "_kill",
  "_linkedBinding",
  "binding",
  "cpuUsage",
  "dlopen",
  "execve",
  "getActiveResourcesInfo",
  "hasUncaughtExceptionCaptureCallback",
  "kill",
  "setUncaughtExceptionCaptureCallback",
  "threadCpuUsage",
];
const PRIVILEGED = ["initgroups", "setegid", "seteuid", "setgid", "setgroups", "setuid"];
const SILENT = [
  "_debugEnd",
  "_debugProcess",
  "_rawDebug",
  "_startProfilerIdleNotifier",
  "_stopProfilerIdleNotifier",
  "_tickCallback",
  "ref",
  "setSourceMapsEnabled",
  "unref",
];

const processes = new WeakMap<Realm, object>();

/** The `process` of `nodejs_compat`: one for a Worker, as a global and as `node:process`. */
export function makeProcess(realm: Realm): object {
  const known = processes.get(realm) ?? makeCompatProcess(realm);
  processes.set(realm, known);
  return known;
}

/** What `node:process` is without any compatibility. */
export function bareProcess(realm: Realm): Record<string, unknown> {
  return {
    nextTick,
    env: makeEnv({}),
    exit,
    getBuiltinModule: (name: unknown) => builtinModule(realm, name),
    platform: "linux",
    features: FEATURES,
  };
}

function makeCompatProcess(realm: Realm): object {
  const made = Object.create(EventEmitter.prototype) as Record<string, unknown>;
  EventEmitter.call(made as unknown as EventEmitter);
  let env = makeEnv(realm.compatibility.processEnv ? textBindings(realm) : {});
  Object.assign(made, constants(), functions(realm, made), refusals("process", NOT_IMPLEMENTED));
  for (const name of PRIVILEGED) made[name] = notPermitted;
  for (const name of SILENT) made[name] = () => undefined;
  Object.defineProperty(made, "env", {
    get: () => env,
    set: (value: unknown) => {
      env = Object(value) as Record<string, string>;
    },
    enumerable: true,
    configurable: true,
  });
  Object.defineProperty(made, Symbol.toStringTag, { value: "process", configurable: true });
  return made;
}

function constants(): Record<string, unknown> {
  const versions = Object.fromEntries(UNKNOWN_VERSIONS.split(" ").map((name) => [name, ""]));
  return {
    version: `v${VERSION}`,
    versions: { node: VERSION, ...versions },
    platform: "linux",
    arch: "x64",
    title: "workerd",
    argv: ["workerd"],
    argv0: "workerd",
    execArgv: [],
    execPath: "",
    pid: 1,
    ppid: 0,
    debugPort: 0,
    exitCode: undefined,
    release: { name: "node", lts: true, sourceUrl: "", headersUrl: "" },
    features: FEATURES,
    config: { target_defaults: {}, variables: {} },
    connected: false,
    channel: null,
    allowedNodeEnvironmentFlags: new Set(),
    moduleLoadList: [],
    _exiting: false,
    _preload_modules: [],
    noDeprecation: false,
    throwDeprecation: false,
    traceDeprecation: false,
    sourceMapsEnabled: false,
  };
}

function functions(realm: Realm, made: Record<string, unknown>): Record<string, unknown> {
  let cwd = "/bundle";
  const startedMs = performance.now();
  const zeros = { rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 };
  return {
    nextTick,
    exit,
    reallyExit: exit,
    abort: () => exit(1),
    cwd: () => cwd,
    chdir: (directory: unknown) => {
      requireString("directory", directory);
      cwd = changeDirectory(realm, directory, cwd);
    },
    getBuiltinModule: (name: unknown) => builtinModule(realm, name),
    hrtime: native.process.hrtime,
    uptime: () => Math.floor((performance.now() - startedMs) / 1000),
    memoryUsage: () => ({ ...zeros }),
    availableMemory: () => 0,
    constrainedMemory: () => 0,
    resourceUsage: () => ({ userCPUTime: 0, systemCPUTime: 0, maxRSS: 0 }),
    umask: () => 18,
    getuid: () => 0,
    geteuid: () => 0,
    getgid: () => 0,
    getegid: () => 0,
    getgroups: () => [0],
    emitWarning: (warning: unknown) => {
      const error = warning instanceof Error ? warning : Object.assign(new Error(String(warning)), { name: "Warning" });
      queueMicrotask(() => (made as unknown as EventEmitter).emit("warning", error));
    },
    send: () => false,
    getSourceMapsSupport: () => ({ enabled: false, nodeModules: false, generatedCode: false }),
    permission: { has: () => fail(notImplemented("process.permission.has")) },
    report: { getReport: () => ({}), writeReport: () => undefined },
    loadEnvFile: () => fail(fileError("ENOENT", "readAll", "/bundle/.env")),
    _getActiveHandles: () => [],
    _getActiveRequests: () => [],
    stdin: { fd: 0, isTTY: undefined },
    stdout: printer(realm, 1, "stdout"),
    stderr: printer(realm, 2, "stderr"),
  };
}

/** The handler may catch it; whatever runs beside it runs on. */
function exit(code: unknown = 0): never {
  throw new Error(`The Node.js process.exit(${Number(code)}) API was called. Canceling the request.`);
}

/** As in workerd: one queue with the promises. */
function nextTick(work: (...given: unknown[]) => void, ...given: unknown[]): void {
  queueMicrotask(() => work(...given));
}

function fail(error: Error): never {
  throw error;
}

function notPermitted(): never {
  throw Object.assign(new Error("operation not permitted"), { code: "EPERM" });
}

/** Node's modules as far as this Worker may have them, and never Node's own lookup. */
function builtinModule(realm: Realm, name: unknown): unknown {
  const specifier = String(name);
  if (specifier.startsWith("cloudflare:")) return undefined;
  const found = findBuiltin(realm, specifier.startsWith("node:") ? specifier : `node:${specifier}`);
  return found === undefined ? undefined : (found.load() as Record<string, unknown>).default;
}

interface FilesLike {
  statSync(path: string): { isDirectory(): boolean };
}

function changeDirectory(realm: Realm, directory: string, cwd: string): string {
  const path = directory.startsWith("/") ? directory : `${cwd}/${directory}`;
  const files = builtinModule(realm, "node:fs") as FilesLike | undefined;
  const shown = path.replace(/^\/+/, "");
  try {
    if (files?.statSync(path).isDirectory() !== true) throw fileError("ENOTDIR", "chdir", shown);
  } catch {
    throw fileError("ENOENT", "chdir", shown);
  }
  return path;
}

function textBindings({ plan }: Realm): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const binding of plan.bindings) {
    if (binding.kind !== "value" || binding.value instanceof Uint8Array) continue;
    const { name, value } = binding;
    values[name] = typeof value === "string" ? value : JSON.stringify(value);
  }
  return values;
}

/** Whatever is put into it becomes a string. */
function makeEnv(values: Record<string, unknown>): Record<string, string> {
  const texts = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
  return new Proxy<Record<string, string>>(texts, {
    set: (target, name, value) => (typeof name === "symbol" ? true : Reflect.set(target, name, String(value))),
    defineProperty: (target, name, descriptor) =>
      Reflect.defineProperty(
        target,
        name,
        "value" in descriptor ? { ...descriptor, value: String(descriptor.value) } : descriptor,
      ),
  });
}

/** A stream as far as programs that print use it: each line of text is a line of the Worker's log. */
function printer(realm: Realm, fd: number, name: string): object {
  const stream = new EventEmitter();
  const write = (chunk: unknown, ...rest: unknown[]): boolean => {
    const text = typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk as Uint8Array);
    realm.log("log", `${name}: ${text.replace(/\n$/, "")}`);
    const done = rest.at(-1);
    if (typeof done === "function") queueMicrotask(() => done());
    return true;
  };
  return Object.assign(stream, { fd, isTTY: undefined, writable: true, write, end: write });
}
