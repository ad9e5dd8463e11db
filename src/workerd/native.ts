// Node's own globals, taken before any Worker's are put in their place. Imported first by everything in this folder that
// needs the real ones: what runs inside the shim must not run on the shim.
export const native = {
  fetch: globalThis.fetch,
  Request: globalThis.Request,
  Response: globalThis.Response,
  Headers: globalThis.Headers,
  WebSocket: globalThis.WebSocket,
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
