// The program of the probing thread: takes one request at a time, answers, and waits for the next. Only this thread loads
// mediabunny; whatever a file does to it stays in here, and the instance ends it from outside.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { parentPort } from "node:worker_threads";
import { messageOf } from "../../errors.js";
import { type ByteSource, Bytes } from "./bytes.js";
import { digest } from "./digest.js";
import { isTrouble, Refusal, Trouble, Unreachable } from "./failure.js";
import { openLocal } from "./local.js";
import { readBytes } from "./media.js";
import type { CollectRequest, ProbeAnswer, ProbeRequest, ThreadMessage } from "./messages.js";
import { openRemote } from "./remote.js";

parentPort?.on("message", async (request: ProbeRequest | CollectRequest) => {
  if (request.kind === "probe") return say(await probe(request));
  collectGarbage();
  say({ kind: "collected" });
});

function say(message: ThreadMessage): void {
  parentPort?.postMessage(message);
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}

async function probe(request: ProbeRequest): Promise<ProbeAnswer> {
  try {
    const source = await openSource(request);
    try {
      return await probeSource(source, request);
    } finally {
      await source.close();
    }
  } catch (error) {
    if (error instanceof Unreachable) {
      return { kind: "unreachable", reason: error.message, afterMs: error.afterMs ?? null };
    }
    if (error instanceof Refusal) return { kind: "refused", reason: error.message };
    if (error instanceof Trouble || isTrouble(error)) return { kind: "trouble", reason: messageOf(error) };
    return { kind: "refused", reason: `damaged: ${messageOf(error)}` };
  }
}

function openSource({ address, uniqueName }: ProbeRequest): Promise<ByteSource> {
  if (address.kind === "file") return openLocal(address.path);
  return openRemote({ url: address.url, allowed: address.allowed, uniqueName, progress });
}

async function probeSource(source: ByteSource, request: ProbeRequest): Promise<ProbeAnswer> {
  const { address, pieceBytes, full, hashRemote, reader } = request;
  const bytes = new Bytes(source, { pieceBytes, full, alive, progress });
  const media = await readBytes(bytes, reader);
  const isHashed = typeof reader === "string" && (address.kind === "file" || hashRemote);
  const sha256 = isHashed ? await digest(source, bytes.whole, progress) : null;
  if ("demuxer" in media) return { kind: "unread", ...media, size: source.size, sha256 };
  const { tracks, ...figures } = media;
  return { kind: "described", description: { ...figures, sha256, tracks } };
}

function alive(): void {
  say({ kind: "alive" });
}

/** Sets the parser's limit of CPU time back, so it is for what comes to an end by itself. */
function progress(): void {
  say({ kind: "progress" });
}
