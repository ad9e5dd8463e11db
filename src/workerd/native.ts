// Node's own globals, read before a Worker's replace them. Every file of this folder that needs the real ones imports
// them from here, so that the shim does not run on itself.
export const native = {
  fetch: globalThis.fetch,
  get Request() {
    return take("Request");
  },
  get Response() {
    return take("Response");
  },
  get Headers() {
    return take("Headers");
  },
  get WebSocket() {
    return take("WebSocket");
  },
  crypto: globalThis.crypto,
  console: globalThis.console,
  process: globalThis.process,
  Buffer: globalThis.Buffer,
  navigator: globalThis.navigator,
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
  clearImmediate: globalThis.clearImmediate,
  TransformStream: globalThis.TransformStream,
  ReadableStream: globalThis.ReadableStream,
  WritableStream: globalThis.WritableStream,
};

type UndiciName = "Request" | "Response" | "Headers" | "WebSocket";
const taken: { [Name in UndiciName]?: (typeof globalThis)[Name] } = {};

/**
 * Reading one of these loads all of undici, 6 MB in every thread, so they are read when they are needed. In a Worker's
 * own thread, which does not need them, they are the Worker's by then.
 */
function take<Name extends UndiciName>(name: Name): (typeof globalThis)[Name] {
  const known = taken[name] as (typeof globalThis)[Name] | undefined;
  if (known !== undefined) return known;
  const made = globalThis[name];
  Object.assign(taken, { [name]: made });
  return made;
}

/** Called before a Worker's own replace them where the thread is not the Worker's alone. */
export function keepNativeWeb(): void {
  for (const name of ["Request", "Response", "Headers", "WebSocket"] as const) take(name);
}
