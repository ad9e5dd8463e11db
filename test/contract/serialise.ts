// Turns what a case gives into JSON without losing what JSON does not know: both sides of the wall use this one file.

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Runs work to its end: what it gives, or what it throws, as JSON. */
export async function outcomeOf(work: () => unknown): Promise<Json> {
  try {
    return { gives: serialise(await work()) };
  } catch (error) {
    return { throws: serialise(error) };
  }
}

/** Plain values stay as they are; all others become an object whose first key is `$`. */
export function serialise(value: unknown): Json {
  switch (typeof value) {
    case "string":
      return serialiseText(value);
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : tagged("number", Object.is(value, -0) ? "-0" : `${value}`);
    case "undefined":
      return tagged("undefined");
    case "object":
      return value === null ? null : serialiseObject(value);
    default:
      return tagged(typeof value, String(value));
  }
}

function serialiseObject(value: object): Json {
  if (Array.isArray(value)) return Array.from(value, serialise);
  if (value instanceof Error) return serialiseError(value);
  if (value instanceof ArrayBuffer) return tagged("ArrayBuffer", [...new Uint8Array(value)]);
  if (ArrayBuffer.isView(value)) return tagged(value.constructor.name, Array.from(value as Uint8Array));
  const prototype: unknown = Object.getPrototypeOf(value);
  const names = Object.keys(value);
  const fields = names.map((name): [string, Json] => [name, serialise(Reflect.get(value, name))]);
  if (prototype === Object.prototype && !names.includes("$") && !names.includes("__proto__")) {
    return Object.fromEntries(fields);
  }
  const kind =
    prototype === Object.prototype
      ? "object"
      : prototype === null
        ? "object without prototype"
        : value.constructor.name;
  return tagged(kind, fields);
}

/** The stack names files, so it stays behind; of the cause only what a reader of errors looks at. */
function serialiseError(error: Error): Json {
  const own = Object.getOwnPropertyNames(error).filter((name) => name !== "stack");
  const cause = error.cause instanceof Error ? `${error.cause.name}: ${error.cause.message}` : serialise(error.cause);
  return {
    ...tagged(error.name, steady(error.message)),
    ...(own.includes("cause") ? { cause: typeof cause === "string" ? steady(cause) : cause } : {}),
    own: own.sort(),
  };
}

/** Lone surrogates and NULs survive in JSON only as escapes, which editors and formatters treat each in its own way. */
function serialiseText(text: string): Json {
  return text.isWellFormed() && !text.includes("\0")
    ? text
    : tagged(
        "code units",
        Array.from({ length: text.length }, (_, at) => text.charCodeAt(at)),
      );
}

function steady(message: string): string {
  return message.replace(/reference = \w+/g, "reference = ...");
}

function tagged(kind: string, of?: Json): { [key: string]: Json } {
  return of === undefined ? { $: kind } : { $: kind, of };
}
