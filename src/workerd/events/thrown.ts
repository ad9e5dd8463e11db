// What a Worker has thrown, as text: anything can be thrown, even what cannot be turned into text.

export function describeThrown(thrown: unknown): string {
  try {
    if (thrown instanceof Error || isErrorLike(thrown)) return `${thrown.name}: ${thrown.message}`;
    return String(thrown);
  } catch {
    return "something that has no message";
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
