// Node's modules that reach the machine: as in workerd they can be imported, and their functions say that they do nothing.
import { EventEmitter } from "node:events";
import { constants as osConstants } from "node:os";
import { native } from "../native.js";
import {
  invalidArgument,
  notImplemented,
  refusals,
  refused,
  refusedClass,
  requireString,
  unsupported,
} from "./node-errors.js";
import { virtualMachine } from "./node-vm.js";

const silent = () => undefined;

export const GUARDED: Record<string, () => object> = {
  child_process: childProcess,
  cluster,
  dgram,
  domain: domains,
  http2,
  inspector,
  "inspector/promises": inspector,
  os: operatingSystem,
  readline: () => ({ ...readline(), promises: readlinePromises() }),
  "readline/promises": readlinePromises,
  repl,
  sqlite,
  test: () => ({ ...refusals("test", ["after", "afterEach", "before", "beforeEach", "describe", "it", "test"]) }),
  trace_events: traceEvents,
  tty,
  v8: heap,
  vm: virtualMachine,
  wasi: () => ({ WASI: refusedClass("WASI") }),
  worker_threads: workerThreads,
};

function childProcess(): object {
  const withCommand = (name: string) => (command: unknown) => {
    requireString("command", command);
    throw notImplemented(`child_process.${name}`);
  };
  return {
    ChildProcess: refusedClass("child_process.ChildProcess"),
    ...refusals("child_process", ["_forkChild", "execFile", "execFileSync", "execSync", "fork", "spawn"]),
    exec: withCommand("exec"),
    spawnSync: withCommand("spawnSync"),
  };
}

function cluster(): object {
  class Worker extends EventEmitter {
    id = 0;
  }
  class Cluster extends EventEmitter {}
  return Object.assign(new Cluster(), {
    Cluster,
    SCHED_NONE: 1,
    SCHED_RR: 2,
    schedulingPolicy: 2,
    isMaster: true,
    isPrimary: true,
    isWorker: false,
    settings: {},
    workers: {},
    Worker,
    ...refusals("cluster", ["disconnect", "fork", "setupPrimary"]),
    setupMaster: refused("cluster.setupWorker", "setupMaster"),
  });
}

function dgram(): object {
  const createSocket = () => {
    throw notImplemented("dgram.createSocket");
  };
  return { Socket: refusedClass("dgram.Socket"), createSocket };
}

function domains(): object {
  class Domain extends EventEmitter {
    enter(): void {}
    exit(): void {}
    add(): void {}
    remove(): void {}
    run<T>(work: (...given: unknown[]) => T, ...given: unknown[]): T {
      return work(...given);
    }
    bind<T>(work: T): T {
      return work;
    }
  }
  return { Domain, active: null, createDomain: () => new Domain(), create: () => new Domain() };
}

function http2(): object {
  return {
    Http2ServerRequest: refusedClass("http2.Http2ServerRequest"),
    Http2ServerResponse: refusedClass("http2.Http2ServerResponse"),
    ...refusals("http2", ["connect", "createSecureServer", "createServer", "performServerHandshake"]),
    constants: {},
    getDefaultSettings: () => ({}),
    getPackedSettings: () => native.Buffer.alloc(0),
    getUnpackedSettings: () => ({}),
    sensitiveHeaders: Symbol("nodejs.http2.sensitiveHeaders"),
  };
}

function inspector(): object {
  return {
    Session: refusedClass("Session", "StubSession"),
    Network: {},
    console: globalThis.console,
    close: silent,
    open: () => ({ [Symbol.dispose]: silent }),
    url: silent,
    waitForDebugger: silent,
  };
}

/** Of a machine that has no name, no size and one processor. */
function operatingSystem(): object {
  return {
    EOL: "\n",
    devNull: "/dev/null",
    constants: osConstants,
    arch: () => "x64",
    availableParallelism: () => 1,
    cpus: () => [],
    endianness: () => "LE",
    freemem: () => 0,
    getPriority: () => 0,
    homedir: () => "/tmp/",
    hostname: () => "localhost",
    loadavg: () => [0, 0, 0],
    machine: () => "x86_64",
    networkInterfaces: () => ({}),
    platform: () => "linux",
    release: () => "",
    setPriority: silent,
    tmpdir: () => "/tmp/",
    totalmem: () => 0,
    type: () => "Linux",
    uptime: () => 0,
    userInfo: () => ({}),
    version: () => "",
  };
}

class Interface extends EventEmitter {
  terminal = false;
  line = "";
  cursor = 0;
  close(): void {}
  pause(): this {
    return this;
  }
  resume(): this {
    return this;
  }
  prompt(): void {}
  setPrompt(): void {}
  write(): void {}
}

function readline(): object {
  const no = () => false;
  const createInterface = () => new Interface();
  const moves = { clearLine: no, clearScreenDown: no, cursorTo: no, moveCursor: no };
  return { Interface, createInterface, emitKeypressEvents: silent, ...moves };
}

function readlinePromises(): object {
  return { Interface, Readline: class Readline {}, createInterface: () => new Interface() };
}

function repl(): object {
  return {
    REPLServer: refusedClass("REPLServer"),
    Recoverable: class Recoverable extends SyntaxError {},
    REPL_MODE_SLOPPY: Symbol("repl-sloppy"),
    REPL_MODE_STRICT: Symbol("repl-strict"),
    builtinModules: [],
    _builtinLibs: [],
    ...refusals("", ["start", "writer"]),
  };
}

function sqlite(): object {
  const illegal = (name: string) =>
    Object.defineProperty(
      function illegal() {
        throw new TypeError("Illegal constructor");
      },
      "name",
      { value: name },
    );
  const backup = () => {
    throw new Error("backup is not implemented");
  };
  return { DatabaseSync: illegal("DatabaseSync"), StatementSync: illegal("StatementSync"), backup, constants: {} };
}

function traceEvents(): object {
  return {
    createTracing: (options: unknown) => {
      if (typeof options !== "object" || options === null) throw invalidArgument("options", "of type object", options);
      throw unsupported();
    },
    getEnabledCategories: silent,
  };
}

function tty(): object {
  class ReadStream extends EventEmitter {
    isRaw = false;
    isTTY = false;
  }
  class WriteStream extends EventEmitter {
    columns = 0;
    rows = 0;
  }
  return { ReadStream, WriteStream, isatty: () => false };
}

function heap(): object {
  const numbers = (names: string) => Object.fromEntries(names.split(" ").map((name) => [name, 0]));
  const sizes =
    "total_heap_size total_heap_size_executable total_physical_size total_available_size used_heap_size heap_size_limit malloced_memory peak_malloced_memory does_zap_garbage number_of_native_contexts number_of_detached_contexts total_global_handles_size used_global_handles_size external_memory";
  const serializers = ["Serializer", "DefaultSerializer"].map((name) => [name, refusedClass("Serializer", name)]);
  const deserializers = ["Deserializer", "DefaultDeserializer"].map((name) => [
    name,
    refusedClass("Deserializer", name),
  ]);
  return {
    ...Object.fromEntries([...serializers, ...deserializers]),
    ...refusals("", [
      "deserialize",
      "getHeapSnapshot",
      "serialize",
      "stopCoverage",
      "takeCoverage",
      "writeHeapSnapshot",
    ]),
    ...refusals("", ["queryObjects", "setHeapSnapshotNearHeapLimit", "isStringOneByteRepresentation"]),
    GCProfiler: class GCProfiler {},
    promiseHooks: {},
    getHeapCodeStatistics: () =>
      numbers(
        "code_and_metadata_size bytecode_and_metadata_size external_script_source_size cpu_profiler_metadata_size",
      ),
    cachedDataVersionTag: () => 0,
    getHeapSpaceStatistics: () => [],
    getHeapStatistics: () => numbers(sizes),
    setFlagsFromString: (flags: unknown) => requireString("flags", flags),
    startupSnapshot: { isBuildingSnapshot: () => false },
  };
}

function workerThreads(): object {
  const environment = new Map<unknown, unknown>();
  return {
    Worker: refusedClass("Worker"),
    BroadcastChannel: refusedClass("BroadcastChannel"),
    MessageChannel: globalThis.MessageChannel,
    MessagePort: globalThis.MessagePort,
    SHARE_ENV: Symbol.for("nodejs.worker_threads.SHARE_ENV"),
    getEnvironmentData: (key: unknown) => environment.get(key),
    setEnvironmentData: (key: unknown, value: unknown) => void environment.set(key, value),
    isInternalThread: false,
    isMainThread: true,
    isMarkedAsUntransferable: () => false,
    markAsUncloneable: silent,
    markAsUntransferable: silent,
    moveMessagePortToContext: refused("moveMessagePortToContext"),
    postMessageToThread: refused("postMessageToThread"),
    receiveMessageOnPort: silent,
    parentPort: null,
    resourceLimits: {},
    threadId: 0,
    workerData: null,
  };
}
