// The program of the probing thread: takes one request at a time, answers, and waits for the next. Only this thread loads
// mediabunny; whatever a file does to it stays in here, and the instance ends it from outside.
import { parentPort } from "node:worker_threads";
import { messageOf } from "../../errors.js";
import { type ByteSource, Bytes } from "./bytes.js";
import { digest } from "./digest.js";
import { Refusal, Unreachable } from "./failure.js";
import { openLocal } from "./local.js";
import { readMedia } from "./media.js";
import type { ProbeAnswer, ProbeRequest, ThreadMessage } from "./messages.js";
import { openRemote } from "./remote.js";

parentPort?.on("message", async (request: ProbeRequest) => say(await probe(request)));

function say(message: ThreadMessage): void {
  parentPort?.postMessage(message);
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
    return { kind: "refused", reason: error instanceof Refusal ? error.message : `damaged: ${messageOf(error)}` };
  }
}

function openSource({ address, uniqueName }: ProbeRequest): Promise<ByteSource> {
  if (address.kind === "file") return openLocal(address.path);
  return openRemote({ url: address.url, allowed: address.allowed, uniqueName, progress });
}

async function probeSource(source: ByteSource, { pieceBytes }: ProbeRequest): Promise<ProbeAnswer> {
  const media = await readMedia(new Bytes(source, pieceBytes));
  const sha256 = await digest(source, progress);
  if ("demuxer" in media) return { kind: "unread", ...media, size: source.size, sha256 };
  const { tracks, ...figures } = media;
  return { kind: "described", description: { ...figures, sha256, tracks } };
}

/** Sets the instance's time-out back, so only loops that wait for bytes may call it. */
function progress(): void {
  say({ kind: "progress" });
}
