// Modules that belong to the runtime: the `cloudflare:` ones, and as much of Node's as the Worker may see.
import { createRequire, isBuiltin } from "node:module";
import type { Realm } from "../realm.js";
import { type Builtin, registerBuiltins } from "./builtin.js";
import { EmailMessage, NonRetryableError } from "./email.js";
import type { Bundle } from "./fs-tree.js";
import type { NodeModules } from "./node-modules.js";
import { bareProcess } from "./process.js";
import { workersModule } from "./workers.js";

export class Builtins {
  readonly #realm: Realm;
  readonly #bundle: Bundle;
  readonly #known = new Map<string, Builtin | undefined>();
  #node: NodeModules | undefined;

  constructor(realm: Realm, bundle: Bundle) {
    this.#realm = realm;
    this.#bundle = bundle;
    registerBuiltins(realm, (specifier) => this.find(specifier));
  }

  /** Node's modules in workerd's shape are many, and only for Workers that may see them. */
  async prepare(): Promise<void> {
    if (this.#realm.compatibility.node !== "compat") return;
    const { NodeModules } = await import("./node-modules.js");
    this.#node = new NodeModules(this.#realm, this.#bundle);
  }

  find(specifier: string): Builtin | undefined {
    if (!this.#known.has(specifier)) this.#known.set(specifier, this.#make(specifier));
    return this.#known.get(specifier);
  }

  #make(specifier: string): Builtin | undefined {
    if (specifier.startsWith("cloudflare:")) return this.#cloudflare(specifier);
    const name = specifier.startsWith("node:") ? specifier : `node:${specifier}`;
    switch (this.#realm.compatibility.node) {
      case "full":
        return isBuiltin(specifier) ? nodesOwn(name) : undefined;
      case "compat":
        // Newer ones have no bare name: `test`, `sqlite`.
        return specifier === name || isBuiltin(specifier) ? this.#compat(name) : undefined;
      default:
        return specifier === "node:process" ? processOnly(this.#realm) : undefined;
    }
  }

  #cloudflare(name: string): Builtin | undefined {
    const plain = (load: () => Record<string, unknown>): Builtin => {
      const exported = load();
      return { name, names: Object.keys(exported), load: () => exported, isLazy: false };
    };
    switch (name) {
      case "cloudflare:workers":
        return plain(() => workersModule(this.#realm));
      case "cloudflare:email":
        return plain(() => ({ EmailMessage }));
      case "cloudflare:workflows":
        return plain(() => ({ NonRetryableError }));
      case "cloudflare:sockets":
        return { name, names: ["connect"], load: async () => ({ ...(await import("./sockets.js")) }), isLazy: true };
      case "cloudflare:node": {
        const load = async () => (await import("./node-server.js")).nodeServerModule(this.#realm);
        return { name, names: ["handleAsNodeRequest", "httpServerHandler"], load, isLazy: true };
      }
      default:
        return undefined;
    }
  }

  #compat(name: string): Builtin | undefined {
    const found = this.#node?.find(name.slice("node:".length));
    if (found === undefined) return undefined;
    const named = Object(found) as Record<string, unknown>;
    const names = [...new Set([...Object.keys(named), "default"])];
    return { name, names, load: () => withDefault(named), isLazy: false };
  }
}

/** A module's own object, with itself as the default; a proxy of getters, so that nothing is read before its time. */
function withDefault(exported: Record<string, unknown>): Record<string, unknown> {
  return new Proxy(exported, { get: (target, key) => (key === "default" ? target : Reflect.get(target, key)) });
}

function nodesOwn(name: string): Builtin {
  const load = () => ({ default: createRequire(import.meta.url)(name) as unknown });
  return { name, names: ["default"], load, isLazy: false, native: name };
}

/** What is there without any Node compatibility: next to nothing, but under this name. */
function processOnly(realm: Realm): Builtin {
  const exported = bareProcess(realm);
  const names = [...Object.keys(exported), "default"];
  return { name: "node:process", names, load: () => ({ ...exported, default: exported }), isLazy: false };
}
