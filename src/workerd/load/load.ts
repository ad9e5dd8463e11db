// Imports a Worker: hooks into Node's module loader give its graph, and no other, workerd's modules and workerd's refusals.
import { registerHooks } from "node:module";
import { native } from "../native.js";
import type { WorkerPlan } from "../plan.js";
import type { Realm } from "../realm.js";
import { brokenWorker, noEntry } from "./broken.js";
import { INSIDE, INSIDE_SOURCE, INSIDE_URL, inside } from "./inside.js";
import { WorkerLoader } from "./loader.js";
import { workerOf } from "./place.js";

/** By the number in the mark of their modules' URLs. */
const loaders = new Map<number, WorkerLoader>();
let count = 0;

/** workerd does no I/O at the top level, so what has not settled by now waits for something that never comes. */
const TOP_LEVEL_MS = 20_000;
const UNSETTLED = "Top-level await in module is unsettled.";

/**
 * The namespace of the entry module, each time from fresh modules. Errors: WORKER_BROKEN, with file, line and reason as
 * far as they are known.
 */
export async function loadWorker(plan: WorkerPlan, realm: Realm): Promise<Record<string, unknown>> {
  hookOnce();
  const worker = ++count;
  const loader = new WorkerLoader({ plan, realm, worker });
  loaders.set(worker, loader);
  if (realm.isolated) alone = worker;
  await loader.prepare();
  const url = loader.entryUrl();
  if (url === undefined) throw noEntry(plan);
  try {
    return await inTime(inside().load(url));
  } catch (error) {
    throw brokenWorker(plan, error, () => loader.sources());
  }
}

const FUNCTION_MAKER = new URL("../globals/code-generation.js", import.meta.url).href;

/**
 * Code that a Worker makes of strings imports in the name of whoever called `eval` or `Function` for it: our own guard of
 * those, something of Node's, or nobody. In a thread of its own that code can only be the Worker's.
 */
function loaderOfMadeCode(parent: string | undefined): WorkerLoader | undefined {
  const isMade = parent === undefined || parent === FUNCTION_MAKER || !parent.startsWith("file:");
  return isMade && alone !== undefined ? loaders.get(alone) : undefined;
}

let isHooked = false;
/** The Worker that has this thread to itself. */
let alone: number | undefined;

function hookOnce(): void {
  if (isHooked) return;
  isHooked = true;
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const loader = loaders.get(workerOf(context.parentURL) ?? -1) ?? loaderOfMadeCode(context.parentURL);
      if (loader !== undefined) return loader.resolve(specifier, context, nextResolve);
      if (specifier === INSIDE) return { url: INSIDE_URL, format: "module", shortCircuit: true };
      // The entry: nothing but our own module ever asks for a marked URL.
      if (context.parentURL === INSIDE_URL) return { url: specifier, shortCircuit: true };
      return nextResolve(specifier, context);
    },
    load(url, context, nextLoad) {
      if (url === INSIDE_URL) return { format: "module", source: INSIDE_SOURCE, shortCircuit: true };
      const loader = loaders.get(workerOf(url) ?? -1);
      return loader === undefined ? nextLoad(url, context) : loader.load(url);
    },
  });
}

async function inTime<T>(loading: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = native.setTimeout(() => late.reject(new Error(UNSETTLED)), TOP_LEVEL_MS);
  try {
    return await Promise.race([loading, late.promise]);
  } finally {
    native.clearTimeout(timer);
  }
}
