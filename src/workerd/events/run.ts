// Runs one event: the handler inside its invocation, its answer or what stands for one when it throws, and its end.

import type { Event, EventAnswer, Running } from "../host/protocol.js";
import { endInvocation, runInvocation } from "../invocation.js";
import type { Realm } from "../realm.js";
import { Call, type Ended } from "./call.js";
import { ExecutionContext } from "./context.js";
import { describeThrown, traceOf } from "./thrown.js";

type Kind = Event["kind"];

/** One kind of event: how its handler is called, and what answers when that throws. */
export interface EventKind<K extends Kind> {
  kind: K;
  respond: (parts: { call: Call; context: ExecutionContext }) => Promise<EventAnswer<K>>;
  /** `failures` of waitUntil work are known only to events that answer when all is over. */
  onThrow: (thrown: unknown) => EventAnswer<K>;
  /** An event whose result depends on its waitUntil work answers when that is over. */
  conclude?: (answer: EventAnswer<K>, ended: Ended) => EventAnswer<K>;
  /** Lets go of what the event was given. */
  release?: () => void;
}

export interface Cancellable<Answer> extends Running<Answer> {
  /** Answers for a handler that never will: nothing is left that could wake it. */
  cancel: () => void;
}

interface RunParts {
  realm: Realm;
  exports: unknown;
  props?: Record<string, unknown>;
}

const HUNG =
  "The Workers runtime canceled this request because it detected that your Worker's code had hung and would never generate a response. Refer to: https://developers.cloudflare.com/workers/observability/errors/";

export function runEvent<K extends Kind>(
  event: EventKind<K>,
  { realm, exports, props = {} }: RunParts,
): Cancellable<EventAnswer<K>> {
  const call = new Call(event.kind, realm);
  const context = new ExecutionContext({ call, props, exports });
  const answer = Promise.withResolvers<EventAnswer<K>>();
  const ended = Promise.withResolvers<Ended>();
  const finish = (given: EventAnswer<K>, exception: string | null) => {
    if (event.conclude === undefined) answer.resolve(given);
    const ending = call.end(exception).finally(() => {
      endInvocation(call);
      event.release?.();
    });
    ended.resolve(ending);
    const { conclude } = event;
    if (conclude !== undefined) answer.resolve(ending.then((end) => conclude(given, end)));
  };
  const fail = (thrown: unknown) => {
    realm.log("error", `Uncaught ${traceOf(thrown)}`);
    finish(event.onThrow(thrown), describeThrown(thrown));
  };
  runInvocation(call, () => event.respond({ call, context })).then((given) => finish(given, null), fail);
  return {
    answer: answer.promise,
    ended: ended.promise,
    cancel: () => {
      const hung = new Error(HUNG);
      answer.resolve(event.onThrow(hung));
      ended.resolve({ usage: call.meter.usage, exception: describeThrown(hung), failures: [] });
    },
  };
}
