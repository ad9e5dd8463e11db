// The default processor: says what a media file holds. A thread does the reading, since a crafted file can hang any parser.
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Clock } from "../../clock.js";
import type { Config } from "../../config/settings.js";
import { messageOf } from "../../errors.js";
import { shownReason } from "../../shown.js";
import type { Outcome, Video } from "../../video.js";
import type { Processor } from "../processor.js";
import { CLOSE_MS, settledWithin } from "../within.js";
import { runFfprobe } from "./ffprobe.js";
import type { SourceAddress } from "./messages.js";
import { threadProgram } from "./program.js";
import { askReaders, type Conclusion } from "./readers.js";
import { ProbeThreads } from "./threads.js";

export type ProbeConfig = Pick<Config, "probeTimeoutMs" | "probeMemoryMb" | "allowPrivateSources"> &
  Partial<Pick<Config, "probe" | "probeHash">>;

export interface ProbeParts {
  clock: Clock;
  /** For tests: another program for the thread, another name for ffprobe, another patience with idle threads. */
  program?: URL;
  ffprobe?: string;
  idleMs?: number;
}

const IDLE_MS = 10_000;
/** How long no video is tried while this machine has too little of something. */
const TROUBLE_MS = 10_000;
/** One piece and its copy inside mediabunny, and what is parsed from it, fit into the thread's memory. */
const PIECE_SHARE = 4;
/** What MediaInfo holds of its own once its WebAssembly is loaded. */
const MEDIAINFO_MB = 64;

export function createProbe(config: ProbeConfig, parts: ProbeParts): Processor {
  const { clock, program = threadProgram(), ffprobe = "ffprobe", idleMs = IDLE_MS } = parts;
  const { probeTimeoutMs: timeoutMs, probeMemoryMb: memoryMb } = config;
  const [full, hashRemote] = [config.probe === "full", config.probeHash === "always"];
  const closing = new AbortController();
  const threads = new ProbeThreads({ clock, program, timeoutMs, idleMs, memoryMb });
  // Apart from the others: WebAssembly gives no memory back, and one that reads mp4 never needs so much.
  const mediaInfo = new ProbeThreads({ clock, program, timeoutMs, idleMs, memoryMb: memoryMb + MEDIAINFO_MB });
  const pieceBytes = Math.floor((memoryMb * 2 ** 20) / PIECE_SHARE);

  return {
    async process(video, context) {
      const signal = AbortSignal.any([context.signal, closing.signal]);
      const address = readAddress(video, config);
      if (typeof address === "string") return { kind: "failed", reason: address };
      const request = { kind: "probe", address, pieceBytes, full, hashRemote, uniqueName: clock.uniqueId() } as const;
      const conclusion = await askReaders({
        byThread: (reader) => threads.run({ ...request, reader }, signal),
        byFfprobe: (format) => runFfprobe(address, format, { clock, program: ffprobe, timeoutMs, signal }),
        byMediaInfo: (format) => mediaInfo.run({ ...request, reader: { mediaInfo: format } }, signal),
      });
      return toOutcome(conclusion, config);
    },
    async close() {
      closing.abort();
      await settledWithin(CLOSE_MS, [threads.close(), mediaInfo.close()], clock);
    },
  };
}

/** A path or an http(s) URL, or the reason why the source is neither. */
function readAddress({ source }: Video, { allowPrivateSources: allowed }: ProbeConfig): SourceAddress | string {
  const scheme = source.match(/^(file|[a-z][a-z0-9+.-]+(?=:\/\/)):/i)?.[1]?.toLowerCase();
  if (scheme === "http" || scheme === "https") return { kind: "url", url: source, allowed };
  if (source === "" || source.includes("\0")) return "expected a path or an http(s) URL, got nothing that is a name";
  if (!scheme) return { kind: "file", path: resolve(source) };
  if (scheme !== "file") return `expected a path or an http(s) URL, got one that begins with ${scheme}://`;
  try {
    return { kind: "file", path: fileURLToPath(source) };
  } catch (error) {
    return `expected a file: URL of this machine: ${messageOf(error)}`;
  }
}

function toOutcome(verdict: Conclusion, { probeTimeoutMs, probeMemoryMb }: ProbeConfig): Outcome {
  switch (verdict.kind) {
    case "described":
      return { kind: "completed", output: JSON.stringify(verdict.description) };
    case "refused":
      return { kind: "failed", reason: shownReason(verdict.reason) };
    case "unreachable":
      return {
        kind: "retry",
        reason: shownReason(verdict.reason),
        ...(verdict.afterMs === null ? {} : { afterMs: verdict.afterMs }),
      };
    case "aborted":
      return { kind: "released" };
    case "timedOut": {
      const limit = `within ${probeTimeoutMs / 1000} s (HIDB_PROBE_TIMEOUT_MS)`;
      // Waiting may go better next time; computing would take as long again.
      if ("busy" in verdict && !verdict.busy) return { kind: "retry", reason: `could not be read ${limit}` };
      return { kind: "failed", reason: `could not be parsed ${limit}` };
    }
    case "trouble":
      return { kind: "retry", reason: shownReason(verdict.reason), afterMs: TROUBLE_MS, quota: true, trouble: true };
    case "outOfMemory":
      return {
        kind: "failed",
        reason: `could not be parsed with ${probeMemoryMb} MB of memory (HIDB_PROBE_MEMORY_MB)`,
      };
    case "crashed":
      return { kind: "failed", reason: shownReason(`the parser crashed on it: ${verdict.reason}`) };
    default:
      return verdict satisfies never;
  }
}
