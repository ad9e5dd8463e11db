// Where the shim is known to answer otherwise than workerd, and why. src/workerd/README.md prints this list; whatever is not in it must
// not differ, and what is in it must.

export type Isolation = "thread" | "process";

export interface Difference {
  isolations: Isolation[];
  /** One sentence that a user of the shim can act on. */
  reason: string;
  /** The recorded calls that differ, by area and Worker, named as callName() does. */
  calls: Record<string, Record<string, string[]>>;
}

const gets = (...paths: string[]) => paths.map((path) => `GET /${path}`);

export const DIFFERENCES: Difference[] = [
  {
    isolations: ["process"],
    reason: "In process the Worker shares Node's global object: nothing of Node's is taken from it.",
    calls: {
      context: { "has no Node globals without a flag": ["GET /"] },
      globals: {
        "what Node has and workerd has not": gets("node", "never", "performance", "scope"),
        "what Node compatibility brings back": gets("never"),
      },
    },
  },
  {
    isolations: ["process"],
    reason:
      "In process code from strings and WebAssembly from bytes stay allowed, as they are for the rest of the process.",
    calls: {
      errors: {
        "allows code from texts at start only": gets("eval", "function", "indirect", "wasm"),
        "allows eval at no time before its date": gets(""),
      },
      globals: {
        "no code from strings in handlers, but while starting": [
          ...gets("eval", "indirect-eval", "function", "function-call", "async-function", "generator"),
          ...gets("async-generator", "by-constructor", "reflect", "subclass"),
          ...gets("module", "compile", "instantiate", "streaming"),
        ],
        "before June 2025 no code from strings at all": gets("at-start"),
      },
    },
  },
  {
    isolations: ["process"],
    reason: "In process nobody can tell that a handler will never answer: the attempt's time-out ends it.",
    calls: { errors: { "ends a handler that would never answer": gets("never", "after-wait") } },
  },
  {
    isolations: ["process"],
    reason: "In process unhandled rejections are the program's to hear, not the Worker's.",
    calls: { errors: { "lives on after unhandled rejections and throws in timers": gets("seen") } },
  },
  {
    isolations: ["thread", "process"],
    reason: "A body that fails breaks off with an error, where workerd ends it as if it were complete.",
    calls: { errors: { "breaks off a response whose body fails": gets("pull", "later", "number") } },
  },
];

/** The differences declared for a Worker: each call with the reason. */
export function differencesOf(isolation: Isolation, area: string, name: string): Map<string, string> {
  const declared = DIFFERENCES.filter(({ isolations }) => isolations.includes(isolation));
  return new Map(
    declared.flatMap(({ calls, reason }) => (calls[area]?.[name] ?? []).map((call) => [call, reason] as const)),
  );
}
