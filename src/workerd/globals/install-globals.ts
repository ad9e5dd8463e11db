// Makes the global object that of workerd: removes Node's names that workerd lacks, and adds those that Node lacks.
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

/** In order: later ones may need earlier ones, and the one that removes names is the last. */
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

export function installGlobals(target: Target, realm: Realm): void {
  for (const install of INSTALLERS) install(target, realm);
}
