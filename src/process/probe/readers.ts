// Asks one reader after the other until one describes the file: what one of them refuses, another may read.
import type { FfprobeVerdict } from "./ffprobe.js";
import type { ProbeRequest, UnreadFormat } from "./messages.js";
import type { ThreadVerdict } from "./threads.js";

export interface Readers {
  byThread: (reader: Extract<ProbeRequest["reader"], string>) => Promise<ThreadVerdict>;
  byFfprobe: (format: UnreadFormat) => Promise<FfprobeVerdict>;
  byMediaInfo: (container: string) => Promise<ThreadVerdict>;
}

export type Conclusion = Exclude<ThreadVerdict, UnreadFormat> | Exclude<FfprobeVerdict, { kind: "missing" }>;

/** By the names of `sniff`: formats on which the figures and the memory of MediaInfo were measured. */
const READ_BY_MEDIAINFO = new Set(["avi", "asf", "mpeg", "mxf", "rm", "dv", "gxf", "tta", "wavpack"]);
const LARGE_BYTES = 256 * 2 ** 20;

/** What fails at a file, so that another reader is worth a try; all else is final or will be tried again. */
const FAILURES = new Set<(Conclusion | { kind: "missing" })["kind"]>(["refused", "missing", "outOfMemory", "crashed"]);

export async function askReaders(readers: Readers): Promise<Conclusion> {
  const first = await readers.byThread("media");
  if (first.kind === "unread") return askOthers(first, readers);
  const isStuck = first.kind === "timedOut" && first.busy;
  if (!isStuck && (first.kind === "refused" || !FAILURES.has(first.kind))) return first;
  const measured = await readers.byThread("none");
  if (measured.kind !== "unread") return first;
  const other = await askOthers(measured, readers);
  return FAILURES.has(other.kind) ? first : other;
}

/** ffprobe first, as it counts the packets; the reason of a failure is that of the reader that knows the format best. */
async function askOthers(unread: UnreadFormat, { byFfprobe, byMediaInfo }: Readers): Promise<Conclusion> {
  const { container, reason, sha256, size } = unread;
  const askMediaInfo = async () => {
    const verdict = READ_BY_MEDIAINFO.has(container) ? await byMediaInfo(container) : null;
    return verdict?.kind === "described" ? { ...verdict, description: { ...verdict.description, sha256 } } : verdict;
  };
  // ffprobe takes minutes to count the packets of a film, where MediaInfo reads its index.
  const early = size > LARGE_BYTES ? await askMediaInfo() : null;
  if (early?.kind === "described") return early;
  const second = await byFfprobe(unread);
  if (second.kind !== "missing" && !FAILURES.has(second.kind)) return second;
  const third = early ?? (await askMediaInfo());
  if (third?.kind === "described") return third;
  if (reason !== null) return { kind: "refused", reason };
  if (second.kind !== "missing") return second;
  if (third && third.kind !== "unread") return third;
  const needed = `this ${container} is read by ffprobe only, and there is no ffprobe on PATH: install ffmpeg`;
  return { kind: "refused", reason: needed };
}
