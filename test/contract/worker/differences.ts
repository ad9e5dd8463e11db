// Where the shim is known to answer otherwise than workerd, and why. The README prints this list; whatever is not in it must
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
];

/** The differences declared for a Worker: each call with the reason. */
export function differencesOf(isolation: Isolation, area: string, name: string): Map<string, string> {
  const declared = DIFFERENCES.filter(({ isolations }) => isolations.includes(isolation));
  return new Map(
    declared.flatMap(({ calls, reason }) => (calls[area]?.[name] ?? []).map((call) => [call, reason] as const)),
  );
}
