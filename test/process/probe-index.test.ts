// Files of any size by their index: sparse ones of a gigabyte, indexes of many megabytes, and those without any packet.
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import type { D1Database } from "@cloudflare/workers-types";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import type { Description } from "../../src/process/probe/description.js";
import { createProbe, type ProbeParts } from "../../src/process/probe/probe.js";

const SAMPLES = new URL("../../data/samples/", import.meta.url);
const GB = 2 ** 30;
const MB = 2 ** 20;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function setup(parts: Partial<ProbeParts> = {}) {
  const config = { probeTimeoutMs: 60_000, probeMemoryMb: 64, allowPrivateSources: ["*"] };
  const processor = createProbe(config, { clock: systemClock, ffprobe: "hidb-no-such-ffprobe", ...parts });
  const folder = mkdtempSync(join(tmpdir(), "hidb-probe-index-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  cleanups.push(() => processor.close());
  const process = (source: string) =>
    processor.process(
      { id: 1, source, title: null, durationS: null },
      { attempt: 1, rank: 0, count: 1, signal: new AbortController().signal, database: {} as D1Database },
    );
  const describe = async (source: string): Promise<Description> => {
    const outcome = await process(source);
    expect(outcome).toMatchObject({ kind: "completed" });
    return JSON.parse((outcome as { output: string }).output);
  };
  const write = (name: string, content: Uint8Array) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  return { process, describe, write, folder };
}

function sample(name: string): Buffer {
  return readFileSync(new URL(encodeURIComponent(name), SAMPLES));
}

/** Where a box of the top level begins and ends. */
function topBox(content: Buffer, type: string): { at: number; end: number } {
  for (let at = 0; at < content.length; at += content.readUInt32BE(at)) {
    if (content.toString("latin1", at + 4, at + 8) === type) return { at, end: at + content.readUInt32BE(at) };
  }
  throw new Error(`no ${type}`);
}

/** The sample with so much more data before or behind its index, which takes no room on the disk. */
function sparse(path: string, bytes: number, isIndexLast: boolean): void {
  const content = sample("h264-aac.mp4");
  const [moov, mdat] = [topBox(content, "moov"), topBox(content, "mdat")];
  const handle = openSync(path, "w");
  const index = content.subarray(moov.at, moov.end);
  if (isIndexLast) {
    // What lies between keeps its place, so the offsets in the index stay true.
    const head = moov.at < mdat.at ? Buffer.from(content) : content.subarray(0, moov.at);
    if (moov.at < mdat.at) head.write("free", moov.at + 4);
    head.writeUInt32BE(bytes - mdat.at, mdat.at);
    writeSync(handle, head, 0, head.length, 0);
    writeSync(handle, index, 0, index.length, bytes);
  } else {
    writeSync(handle, content, 0, content.length, 0);
    const hole = Buffer.from("\0\0\0\0free", "latin1");
    hole.writeUInt32BE(bytes);
    writeSync(handle, hole, 0, hole.length, content.length);
    ftruncateSync(handle, content.length + bytes);
  }
  closeSync(handle);
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Serves ranges of a file, and counts them. */
function serveFile(path: string, size: number, asked: { requests: number; bytes: number }): RequestListener {
  return (request, response) => {
    asked.requests++;
    const [, from = "0", to = String(size - 1)] = request.headers.range?.match(/^bytes=(\d+)-(\d+)$/) ?? [];
    const piece = Buffer.alloc(Math.min(Number(to) + 1, size) - Number(from));
    const handle = openSync(path, "r");
    readSync(handle, piece, 0, piece.length, Number(from));
    closeSync(handle);
    asked.bytes += piece.length;
    response.writeHead(206, { "content-range": `bytes ${from}-${Number(from) + piece.length - 1}/${size}` }).end(piece);
  };
}

describe.each([
  ["at its end", true],
  ["at its beginning", false],
])("an mp4 of a gigabyte with its index %s", (_, isIndexLast) => {
  it("is asked for in few requests over http", async () => {
    const { describe, folder, write } = setup();
    const plain = await describe(write("plain.mp4", sample("h264-aac.mp4")));
    const path = join(folder, "sparse.mp4");
    sparse(path, GB, isIndexLast);
    const size = GB + sample("h264-aac.mp4").length;
    const asked = { requests: 0, bytes: 0 };
    const url = await serve(serveFile(path, size, asked));
    const description = await describe(`${url}/sparse.mp4`);
    expect(description).toMatchObject({ duration_s: 4, sha256: null, tracks: plain.tracks });
    expect(description.estimated).toBeUndefined();
    expect(asked.requests).toBeLessThanOrEqual(10);
    expect(asked.bytes).toBeLessThan(4 * MB);
  });
});

describe("an index", () => {
  it("of 100 MB is read in pieces", async () => {
    const { describe, folder } = setup();
    const content = sample("h264-aac.mp4");
    const moov = topBox(content, "moov");
    // The last box of the index is of nothing, and large; behind the index nothing may follow.
    const path = join(folder, "large-index.mp4");
    const handle = openSync(path, "w");
    const hole = Buffer.from("\0\0\0\0free", "latin1");
    hole.writeUInt32BE(100 * MB);
    const parts = [Buffer.from(content), content.subarray(moov.at, moov.end), hole];
    parts[0]?.write("free", moov.at + 4);
    const index = Buffer.from(parts[1] as Buffer);
    index.writeUInt32BE(index.length + 100 * MB);
    writeSync(handle, Buffer.concat([parts[0] as Buffer, index, hole]));
    ftruncateSync(handle, content.length + index.length + 100 * MB);
    closeSync(handle);
    expect(await describe(path)).toMatchObject({ duration_s: 4, tracks: [{ codec: "h264" }, { codec: "aac" }] });
  });

  it("in which boxes are nested a hundred thousand times is read as far as it means something", async () => {
    const { describe, write } = setup();
    const content = sample("h264-aac.mp4");
    const moov = topBox(content, "moov");
    const nested = Buffer.alloc(100_000 * 8);
    for (let at = 0; at < nested.length; at += 8) {
      nested.writeUInt32BE(nested.length - at, at);
      nested.write("stbl", at + 4);
    }
    const index = Buffer.concat([content.subarray(moov.at, moov.end), nested]);
    index.writeUInt32BE(index.length);
    const before = Buffer.from(content);
    before.write("free", moov.at + 4);
    const path = write("nested.mp4", Buffer.concat([before, index]));
    expect(await describe(path)).toMatchObject({ duration_s: 4, tracks: [{ codec: "h264" }, { codec: "aac" }] });
  });

  it("that stands behind the clusters of a webm is found", async () => {
    const { describe, write } = setup();
    const content = sample("vp9-opus.webm");
    const plain = await describe(write("plain.webm", content));
    const at = content.indexOf(Buffer.from([0x16, 0x54, 0xae, 0x6b]));
    const sizeBytes = Math.clz32(content[at + 4] as number) - 23;
    const size = Number(
      BigInt(`0x${content.toString("hex", at + 4, at + 4 + sizeBytes)}`) & (2n ** BigInt(7 * sizeBytes) - 1n),
    );
    const tracks = Buffer.from(content.subarray(at, at + 4 + sizeBytes + size));
    // Void has an id of one byte: four bytes of id become one of id and three more of size.
    const moved = Buffer.from(content);
    moved.writeUIntBE(0xec, at, 1);
    moved.writeUIntBE(0x10000000 + tracks.length - 5, at + 1, 4);
    const segment = moved.indexOf(Buffer.from([0x18, 0x53, 0x80, 0x67]));
    Buffer.from("01ffffffffffffff", "hex").copy(moved, segment + 4);
    const { duration_s, tracks: described } = await describe(write("behind.webm", Buffer.concat([moved, tracks])));
    expect(duration_s).toBe(plain.duration_s);
    expect(described).toEqual(plain.tracks);
  });
});

describe("a file that is whole without any packet", () => {
  it("is described where it is the init segment of an mp4", async () => {
    const { describe, write } = setup();
    const content = sample("fragmented.mp4");
    const { container, duration_s, tracks } = await describe(
      write("init.mp4", content.subarray(0, topBox(content, "moov").end)),
    );
    expect({ container, duration_s, codecs: tracks.map(({ codec }) => codec) }).toEqual({
      container: "mp4",
      duration_s: 0,
      codecs: ["h264", "aac"],
    });
  });

  it("is described where it is the head of a webm", async () => {
    const { describe, write } = setup();
    const content = sample("vp9-opus.webm");
    const head = Buffer.from(content.subarray(0, content.indexOf(Buffer.from([0x1f, 0x43, 0xb6, 0x75]))));
    Buffer.from("01ffffffffffffff", "hex").copy(head, head.indexOf(Buffer.from([0x18, 0x53, 0x80, 0x67])) + 4);
    expect(await describe(write("head.webm", head))).toMatchObject({ tracks: [{ codec: "vp9" }, { codec: "opus" }] });
  });
});

describe("a content encoding that the server was not asked for", () => {
  it.each([
    ["gzip", gzipSync],
    ["br", brotliCompressSync],
    ["deflate", deflateSync],
    ["zstd", zstdCompressSync],
  ])("is undone: %s", async (encoding, encode) => {
    const { describe, write } = setup();
    const content = sample("h264-aac.mp4");
    const url = await serve((_, response) => {
      response.writeHead(200, { "content-encoding": encoding }).end(encode(content));
    });
    const plain = await describe(write("plain.mp4", content));
    expect(await describe(`${url}/video.mp4`)).toEqual({ ...plain, sha256: null });
  });

  it("fails for good where nobody knows it", async () => {
    const { process } = setup();
    const url = await serve((_, response) => response.writeHead(200, { "content-encoding": "snow" }).end("x"));
    expect(await process(`${url}/video.mp4`)).toMatchObject({
      kind: "failed",
      reason: expect.stringContaining("the content encoding snow"),
    });
  });
});

describe("a want of the machine", () => {
  it("holds the pool and is never charged to the video", async () => {
    const code = `
      import { parentPort } from "node:worker_threads";
      parentPort.on("message", () => parentPort.postMessage({ kind: "trouble", reason: "EMFILE" }));`;
    const { process } = setup({ program: new URL(`data:text/javascript,${encodeURIComponent(code)}`) });
    expect(await process("/any.mp4")).toEqual({
      kind: "retry",
      reason: "EMFILE",
      afterMs: 10_000,
      quota: true,
      trouble: true,
    });
  });
});
