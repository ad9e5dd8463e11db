// What workerd adds to the streams of the platform, and what it says where they are misused.
import type { WorkerCases } from "../case.ts";
import { routed } from "./http-router.ts";

export const streams: WorkerCases = {
  "IdentityTransformStream passes bytes": routed(`
  "/bytes": () => { const { readable, writable } = new IdentityTransformStream(); const writer = writable.getWriter(); writer.write(bytes("a")); writer.write(new Uint16Array([66]).buffer); writer.close(); return new Response(readable).bytes(); },
  "/strings": () => { const { readable, writable } = new IdentityTransformStream(); const writer = writable.getWriter(); writer.write("grün"); writer.close(); return new Response(readable).text(); },
  "/refused": async () => { const { readable, writable } = new IdentityTransformStream(); readable.cancel(); return writable.getWriter().write("late"); },
  "/number": () => new IdentityTransformStream().writable.getWriter().write(5),
  "/byob": async () => { const { readable, writable } = new IdentityTransformStream(); const writer = writable.getWriter(); writer.write(bytes("hello")); writer.close(); const reader = readable.getReader({ mode: "byob" }); const reads = []; for (const size of [2, 10, 3]) reads.push(await reader.read(new Uint8Array(size))); return reads.map(({ done, value }) => [done, value]); },
  "/waits": async () => { const { readable, writable } = new IdentityTransformStream(); let isWritten = false; writable.getWriter().write(bytes("a")).then(() => { isWritten = true; }); await scheduler.wait(10); const before = isWritten; await readable.getReader().read(); await scheduler.wait(1); return [before, isWritten]; },
  "/empty-writes": async () => { const { readable, writable } = new IdentityTransformStream(); const writer = writable.getWriter(); writer.write(""); writer.write("q"); return (await readable.getReader().read()).value; },
  "/aborted": async () => { const { readable, writable } = new IdentityTransformStream(); const read = seen(() => readable.getReader().read()); await writable.getWriter().abort(new RangeError("mine")); return read; },
  "/cancelled": async () => { const { readable, writable } = new IdentityTransformStream(); const writer = writable.getWriter(); await readable.cancel(new RangeError("mine")); return writer.write("x"); },
  "/desired-size": () => { const plain = new IdentityTransformStream().writable.getWriter(); const sized = new IdentityTransformStream({ highWaterMark: 10 }).writable.getWriter(); const before = [plain.desiredSize, sized.desiredSize]; sized.write(bytes("abc")).catch(() => {}); return [...before, sized.desiredSize]; },
  "/kind": () => [new IdentityTransformStream() instanceof TransformStream, String(new IdentityTransformStream()), new IdentityTransformStream().readable instanceof ReadableStream],
`),

  "FixedLengthStream counts": routed(`
  "/right": async () => { const { readable, writable } = new FixedLengthStream(5); const writer = writable.getWriter(); writer.write(bytes("hel")); writer.write(bytes("lo")); writer.close(); return new Response(readable).text(); },
  "/too-many": async () => { const { readable, writable } = new FixedLengthStream(5); const writer = writable.getWriter(); const read = seen(() => new Response(readable).text()); return [await seen(() => writer.write(bytes("hello!"))), await read]; },
  "/too-few": async () => { const { readable, writable } = new FixedLengthStream(5); const writer = writable.getWriter(); const read = seen(() => new Response(readable).text()); await writer.write(bytes("hel")); return [await seen(() => writer.close()), await read]; },
  "/piped": async () => { const { readable, writable } = new FixedLengthStream(3); const piped = seen(() => streamOf(bytes("abc")).pipeTo(writable)); return [await new Response(readable).text(), await piped]; },
  "/piped-too-many": async () => { const { readable, writable } = new FixedLengthStream(3); const piped = seen(() => streamOf(bytes("abcd")).pipeTo(writable)); return [await seen(() => new Response(readable).text()), await piped]; },
  "/through": () => new Response(streamOf(bytes("abc")).pipeThrough(new FixedLengthStream(3))).text(),
  "/none": async () => { const { readable, writable } = new FixedLengthStream(0); writable.getWriter().close(); return new Response(readable).text(); },
  "/lengths": () => each({ nothing: () => new FixedLengthStream(), text: () => new FixedLengthStream("x"), negative: () => new FixedLengthStream(-1), huge: () => new FixedLengthStream(2 ** 53), bigint: () => new FixedLengthStream(5n), fraction: () => new FixedLengthStream(1.5) }),
`),

  "byte streams can be read into a buffer": routed(`
  "/read": async () => { const reader = bytesOf("hello").getReader({ mode: "byob" }); return (await reader.read(new Uint8Array(3))).value; },
  "/at-least": async () => { const reader = bytesOf("he", "llo").getReader({ mode: "byob" }); const one = await reader.readAtLeast(4, new Uint8Array(5)); const two = await reader.readAtLeast(4, new Uint8Array(5)); return [one.done, one.value, two.done, two.value]; },
  "/less-than-that": async () => { const reader = bytesOf("he").getReader({ mode: "byob" }); const { done, value } = await reader.readAtLeast(5, new Uint8Array(9)); return [done, value]; },
  "/refused": () => each({ more: () => bytesOf("a").getReader({ mode: "byob" }).readAtLeast(4, new Uint8Array(3)), none: () => bytesOf("a").getReader({ mode: "byob" }).readAtLeast(0, new Uint8Array(3)), nothing: () => bytesOf("a").getReader({ mode: "byob" }).readAtLeast(1) }),
  "/of-a-response": async () => { const reader = new Response("read").body.getReader({ mode: "byob" }); const reads = []; for (const size of [2, 2, 2]) reads.push(await reader.read(new Uint8Array(size))); return reads.map(({ done, value }) => [done, value]); },
  "/no-byte-stream": () => streamOf("a").getReader({ mode: "byob" }),
  "/no-mode": () => streamOf("a").getReader({ mode: "other" }),
`),

  "a locked stream is nobody else's": routed(`
  "/get-reader": () => { const stream = streamOf("a"); stream.getReader(); return stream.getReader(); },
  "/cancel": () => { const stream = streamOf("a"); stream.getReader(); return stream.cancel(); },
  "/tee": () => { const stream = streamOf("a"); stream.getReader(); return stream.tee(); },
  "/pipe-to": () => { const stream = streamOf("a"); stream.getReader(); return stream.pipeTo(new WritableStream()); },
  "/pipe-through": () => { const stream = streamOf("a"); stream.getReader(); return stream.pipeThrough(new TransformStream()); },
  "/get-writer": () => { const stream = new WritableStream(); stream.getWriter(); return stream.getWriter(); },
  "/as-body": () => { const stream = streamOf("a"); stream.getReader(); return new Response(stream).bodyUsed; },
  "/read-before": async () => { const stream = streamOf("a", "b"); const reader = stream.getReader(); await reader.read(); reader.releaseLock(); return new Response(stream); },
`),

  "bodies are streams of bytes": routed(`
  "/strings-inside": () => new Response(streamOf("a")).text(),
  "/numbers-inside": () => new Request("http://a.test/", { method: "POST", body: streamOf(5) }).text(),
  "/buffers-inside": () => new Response(streamOf(bytes("a").buffer, new Uint16Array([66]))).bytes(),
  "/failing": () => new Response(new ReadableStream({ pull() { throw new RangeError("mine"); } })).text(),
  "/the-very-stream": () => { const stream = streamOf("a"); return new Response(stream).body === stream; },
  "/tee": async () => { const [one, two] = new Response("tee").body.tee(); return [await new Response(one).text(), await new Response(two).text()]; },
  "/from": async () => { const parts = []; for await (const part of ReadableStream.from(["a", "b"])) parts.push(part); return parts; },
  "/text-streams": async () => { const parts = []; for await (const part of new Response("grün").body.pipeThrough(new TextDecoderStream())) parts.push(part); return parts; },
  "/text-encoder": () => new Response(streamOf("a", "b").pipeThrough(new TextEncoderStream())).text(),
  "/compressed": () => new Response(new Response("packed").body.pipeThrough(new CompressionStream("gzip")).pipeThrough(new DecompressionStream("gzip"))).text(),
  "/for-await": async () => { const stream = new Response("x").body; for await (const _ of stream) break; return stream.locked; },
`),
};
