// Takes from the global object what Node has and workerd, at this Worker's compatibility, has not. Comes last: whatever
// needed those names to install itself has done so. The list is what Object.getOwnPropertyNames finds in a thread of
// Node 24 and not in workerd 2026-07-30.
import { traceOf } from "../events/thrown.js";
import { makeProcess } from "../modules/process.js";
import { native } from "../native.js";
import { define, type Realm, type Target } from "../realm.js";
import { defineByCaller } from "./callers.js";
import { wrongType } from "./refusals.js";

/** Never there, whatever the compatibility. */
const LACKING = [
  ...["BroadcastChannel", "Worker", "Storage", "localStorage", "sessionStorage"],
  ...["require", "module", "exports", "__filename", "__dirname", "gc"],
];

/** There with Node compatibility, from this date on. */
const PERFORMANCE_FROM = "2026-03-17";
const PERFORMANCE = [
  ...["Performance", "PerformanceEntry", "PerformanceMark", "PerformanceMeasure"],
  ...["PerformanceObserver", "PerformanceObserverEntryList", "PerformanceResourceTiming"],
];

export function installNodeNames(target: Target, realm: Realm): void {
  const { node, date, flags } = realm.compatibility;
  if (!realm.isolated || node === "full") return;
  for (const name of LACKING) delete target[name];
  const isCompatible = node === "compat";
  const hasPerformance = date >= PERFORMANCE_FROM && isCompatible;
  if (!hasPerformance && !flags.includes("enable_global_performance_classes")) {
    for (const name of PERFORMANCE) delete target[name];
  }
  // Node's own code and the host's packages go on reading these while they run.
  const { process, Buffer, setImmediate, clearImmediate } = native;
  const compatible = isCompatible ? { Buffer, setImmediate: guard(realm), clearImmediate } : {};
  hide(target, { Buffer, setImmediate, clearImmediate }, compatible);
  defineByCaller(target, "process", { worker: isCompatible ? makeProcess(realm) : undefined, host: process });
  if (isCompatible) define(target, "global", target);
  else hide(target, { global: target }, {});
}

function hide(target: Target, natives: Record<string, unknown>, compatible: Record<string, unknown>): void {
  for (const [name, host] of Object.entries(natives)) {
    defineByCaller(target, name, { worker: compatible[name], host });
  }
}

/** A throw in it is logged, as in a timer. */
function guard(realm: Realm): typeof setImmediate {
  const guarded = (work: (...given: unknown[]) => unknown, ...given: unknown[]) => {
    if (typeof work !== "function") throw wrongType("setImmediate", "ServiceWorkerGlobalScope", 1, "function");
    return native.setImmediate(() => {
      try {
        work(...given);
      } catch (error) {
        realm.log("error", `Uncaught ${traceOf(error)}`);
      }
    });
  };
  return Object.defineProperty(guarded, "name", { value: "setImmediate" }) as unknown as typeof setImmediate;
}
