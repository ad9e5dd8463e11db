// What the global object says of itself, and the names that only stand there.
import { define, type Realm, type Target } from "../realm.js";
import { compatibilityFlags } from "./compatibility-flags.js";
import { installEventSource } from "./event-source.js";
import { illegalConstructor, nameInstances } from "./refusals.js";
import { installServiceWorker } from "./service-worker.js";

const SCOPE = "ServiceWorkerGlobalScope";

class Cloudflare {
  declare readonly compatibilityFlags: Record<string, boolean>;

  constructor(realm: Realm) {
    this.compatibilityFlags = compatibilityFlags(realm.compatibility);
  }
}

class WorkerGlobalScope {
  constructor() {
    throw illegalConstructor();
  }

  static [Symbol.hasInstance](): boolean {
    return false;
  }
}

class ServiceWorkerGlobalScope {
  constructor() {
    throw illegalConstructor();
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    return value === globalThis;
  }
}

nameInstances(Cloudflare, "Cloudflare");

export function installGlobalScope(target: Target, realm: Realm): void {
  define(target, "self", target);
  define(target, "Cloudflare", new Cloudflare(realm));
  define(target, "WorkerGlobalScope", WorkerGlobalScope);
  define(target, "ServiceWorkerGlobalScope", ServiceWorkerGlobalScope);
  Object.defineProperty(target, "origin", { value: "null", enumerable: true, configurable: true });
  installServiceWorker(target);
  installEventSource(target, realm);
  if (!realm.isolated) return;
  define(target, "constructor", ServiceWorkerGlobalScope);
  Object.defineProperty(target, Symbol.toStringTag, { value: SCOPE, configurable: true });
}
