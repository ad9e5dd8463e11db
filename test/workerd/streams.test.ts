import { expect, it } from "vitest";
import { installStreams } from "../../src/workerd/globals/streams.js";
import type { Realm } from "../../src/workerd/realm.js";

type Pipe = new (...args: unknown[]) => TransformStream<unknown, Uint8Array>;

function setup({ isStarting = false } = {}) {
  const target: Record<PropertyKey, unknown> = {};
  const realm: Pick<Realm, "isStarting"> = { isStarting: () => isStarting };
  installStreams(target, realm as Realm);
  return target as { IdentityTransformStream: Pipe; FixedLengthStream: Pipe };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => new TextDecoder().decode(value);

it("holds a write back until all of it was read", async () => {
  const { IdentityTransformStream } = setup();
  const { readable, writable } = new IdentityTransformStream();
  let isWritten = false;
  const written = writable
    .getWriter()
    .write(bytes("hello"))
    .then(() => {
      isWritten = true;
    });
  const reader = readable.getReader({ mode: "byob" });
  expect(text((await reader.read(new Uint8Array(2))).value)).toBe("he");
  await new Promise(setImmediate);
  expect(isWritten).toBe(false);
  expect(text((await reader.read(new Uint8Array(9))).value)).toBe("llo");
  await written;
});

it("passes a long stream in pieces of any size, and ends with it", async () => {
  const { FixedLengthStream } = setup();
  const { readable, writable } = new FixedLengthStream(100_000);
  const writer = writable.getWriter();
  const writing = (async () => {
    for (let at = 0; at < 100; at++) await writer.write(new Uint8Array(1000).fill(at));
    await writer.close();
  })();
  const reader = readable.getReader({ mode: "byob" });
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read(new Uint8Array(777));
    if (done) break;
    expect(value[0]).toBe(Math.floor(size / 1000));
    size += value.byteLength;
  }
  await writing;
  expect(size).toBe(100_000);
});

it("fails at its reader, not at its writer, when the bytes are too many or too few", async () => {
  const { FixedLengthStream } = setup();
  const long = new FixedLengthStream(2);
  const read = long.readable.getReader().read();
  await long.writable.getWriter().write("abc");
  await expect(read).rejects.toThrow(new TypeError("Attempt to write too many bytes through a FixedLengthStream."));
  const short = new FixedLengthStream(2);
  const end = short.readable.getReader().read();
  await short.writable.getWriter().close();
  await expect(end).rejects.toThrow("FixedLengthStream did not see all expected bytes before close().");
});

it("tells a writer that nobody reads any more", async () => {
  const { IdentityTransformStream } = setup();
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const waiting = writer.write("a");
  const refused = expect(waiting).rejects.toThrow("Stream was cancelled.");
  await readable.cancel();
  await refused;
  await expect(writer.write("b")).rejects.toThrow("Stream was cancelled.");
});

it("refuses to be made while the module's top level runs", () => {
  const { FixedLengthStream } = setup({ isStarting: true });
  expect(() => new FixedLengthStream(1)).toThrow("Disallowed operation called within global scope.");
});

it("speaks of locked streams like workerd, and once only", async () => {
  setup();
  setup();
  const stream = new ReadableStream();
  stream.getReader();
  expect(() => stream.getReader()).toThrow(new TypeError("This ReadableStream is currently locked to a reader."));
  await expect(stream.cancel()).rejects.toThrow(new TypeError("This ReadableStream is currently locked to a reader."));
  expect(() => new ReadableStream().getReader({ mode: "byob" })).toThrow("does not support BYOB reads.");
});
