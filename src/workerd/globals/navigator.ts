// `navigator`: says what runs the Worker, and nothing of the machine.
import { currentInvocation } from "../invocation.js";
import { define, type Realm, type Target } from "../realm.js";
import { illegalConstructor, nameInstances, refuseGlobalScope } from "./refusals.js";

const LANGUAGE_FROM = "2025-05-19";

class Parts {
  constructor(
    readonly target: Target,
    readonly realm: Realm,
  ) {}
}

class Navigator {
  readonly #parts: Parts;

  constructor(parts?: unknown) {
    if (!(parts instanceof Parts)) throw illegalConstructor();
    this.#parts = parts;
    const hasLanguage = parts.realm.compatibility.date >= LANGUAGE_FROM;
    const values = {
      ...(hasLanguage ? { languages: Object.freeze(["en"]), language: "en" } : {}),
      platform: "",
      hardwareConcurrency: 1,
      userAgent: "Cloudflare-Workers",
    };
    for (const [name, value] of Object.entries(values)) {
      Object.defineProperty(this, name, { value, enumerable: true, configurable: true });
    }
  }

  sendBeacon(url: unknown, body?: unknown): boolean {
    const { target, realm } = this.#parts;
    refuseGlobalScope(realm);
    const fetch = target.fetch as (url: unknown, init: object) => Promise<unknown>;
    const sent = fetch(url, { method: "POST", ...(body === undefined ? {} : { body }) });
    currentInvocation()?.waitUntil(sent.catch(() => undefined));
    return true;
  }
}

nameInstances(Navigator, "Navigator");

export function installNavigator(target: Target, realm: Realm): void {
  define(target, "Navigator", Navigator);
  define(target, "navigator", new Navigator(new Parts(target, realm)));
}
