// Makes the global object what a Worker expects: Node's names that workerd lacks go, workerd's that Node lacks come.
import type { Realm, Target } from "../realm.js";
import { installCaches } from "./caches.js";
import { installCodeGeneration } from "./code-generation.js";
import { installConsole } from "./console.js";
import { installCrypto } from "./crypto.js";
import { installEvents } from "./events.js";
import { installFetch } from "./fetch.js";
import { installGlobalScope } from "./global-scope.js";
import { installHtmlRewriter } from "./html-rewriter.js";
import { installNavigator } from "./navigator.js";
import { installNodeNames } from "./node-names.js";
import { installScheduler } from "./scheduler.js";
import { installStreams } from "./streams.js";
import { installTimers } from "./timers.js";
import { installWebSockets } from "./websocket.js";

/** In this order: later ones may build on earlier ones, and what takes names away comes last. */
const INSTALLERS = [
  installStreams,
  installFetch,
  installEvents,
  installConsole,
  installTimers,
  installScheduler,
  installNavigator,
  installCrypto,
  installCaches,
  installHtmlRewriter,
  installWebSockets,
  installGlobalScope,
  installCodeGeneration,
  installNodeNames,
];

export function sculpt(target: Target, realm: Realm): void {
  for (const install of INSTALLERS) install(target, realm);
}
