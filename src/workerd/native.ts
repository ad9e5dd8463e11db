// Node's own globals, taken before any Worker's are put in their place. Imported first by everything in this folder that
// needs the real ones: what runs inside the shim must not run on the shim.
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
 * To read one of these loads all of undici, 6 MB in every thread: they are taken when somebody needs them. In a Worker's
 * own thread, which has no use for them, they are the Worker's by then.
 */
function take<Name extends UndiciName>(name: Name): (typeof globalThis)[Name] {
  const known = taken[name] as (typeof globalThis)[Name] | undefined;
  if (known !== undefined) return known;
  const made = globalThis[name];
  Object.assign(taken, { [name]: made });
  return made;
}

/** Before a Worker's own are put in their place in a thread that is not its alone. */
export function keepNativeWeb(): void {
  for (const name of ["Request", "Response", "Headers", "WebSocket"] as const) take(name);
}
