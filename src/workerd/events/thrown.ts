// What a Worker has thrown, as text: anything can be thrown, even what cannot be turned into text.

/** Enough to tell what it was; it crosses threads, and is kept. */
const LONGEST = 10_000;

export function describeThrown(thrown: unknown): string {
  return textOf(thrown).slice(0, LONGEST);
}

function textOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error || isErrorLike(thrown)) {
      const { name, message } = thrown;
      return message === "" ? String(name) : `${name}: ${message}`;
    }
    return String(thrown);
  } catch {
    return "something that has no message";
  }
}

const BUILT_IN = [
  "Error",
  "TypeError",
  "RangeError",
  "SyntaxError",
  "ReferenceError",
  "EvalError",
  "URIError",
  "AggregateError",
];

/** As an exception that leaves workerd is told: whatever is no error of the language's own is an Error with its text. */
export function labelThrown(thrown: unknown): string {
  try {
    if (thrown instanceof Error) {
      const text = describeThrown(thrown);
      return BUILT_IN.includes(thrown.name) || thrown instanceof DOMException ? text : `Error: ${text}`;
    }
    const isObject = typeof thrown === "object" && thrown !== null;
    return `Error: ${isObject ? `#<${thrown.constructor?.name ?? "Object"}>` : String(thrown)}`.slice(0, LONGEST);
  } catch {
    return "Error";
  }
}

/** With where it came from, for logs. */
export function traceOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error && typeof thrown.stack === "string") return thrown.stack;
  } catch {
    // A getter of the Worker's own: the plain text will do.
  }
  return describeThrown(thrown);
}

function isErrorLike(thrown: unknown): thrown is { name: string; message: string } {
  return typeof thrown === "object" && thrown !== null && "name" in thrown && "message" in thrown;
}
