// Every call of an own service: KV, R2, queues.
import { refuseGlobalScope } from "../globals/refusals.js";
import { currentInvocation } from "../invocation.js";
import type { Realm } from "../realm.js";

/** Throws at the module's top level, and past the limit where that is enforced. */
export function countServiceCall(realm: Realm): void {
  refuseGlobalScope(realm);
  currentInvocation()?.meter.count("serviceCalls");
}
