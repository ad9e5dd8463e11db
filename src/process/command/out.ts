// Part of the processor `command`: the file behind {out}, written aside and renamed when it is complete.
import { createHash } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { fillTemplate } from "../template.js";

/** Longer names of files are refused by the usual file systems at 255 bytes, and ours has a part of its own. */
const SEGMENT_BYTES = 100;

export interface OutFile {
  /** What {out} stands for: beside the final path, with its extension, so that a program can tell the format. */
  temporary: string;
  final: string;
  /** Creates the folder and removes what earlier attempts left behind when their instances were killed. */
  prepare(): Promise<void>;
  /** Puts the complete file in its place; throws ENOENT when the program wrote none. */
  keep(): Promise<void>;
  discard(): Promise<void>;
}

export function outFile(
  template: string,
  values: Readonly<Record<string, string>>,
  { videoId, attempt }: { videoId: number; attempt: number },
): OutFile {
  const final = resolve(fillTemplate(template, values, toSegment));
  const extension = extname(final);
  const folder = dirname(final);
  const stem = basename(final, extension);
  // The attempt tells a late loser from the holder of the claim: they never write into one file.
  const temporaryOf = (number: number) => join(folder, `.${stem}.${videoId}-${number}.part${extension}`);
  const temporary = temporaryOf(attempt);
  const remove = (path: string) => rm(path, { recursive: true, force: true });
  return {
    temporary,
    final,
    async prepare() {
      await mkdir(folder, { recursive: true });
      // An earlier attempt is over by now; the own number may have been given back and claimed again.
      for (let number = 1; number <= attempt; number++) await remove(temporaryOf(number));
    },
    async keep() {
      await flush(temporary);
      await rename(temporary, final);
    },
    async discard() {
      await remove(temporary).catch(() => {}); // The next attempt tries again, and says why it cannot.
    },
  };
}

/** Before the rename, or a power cut could leave an empty file behind a completed video. */
async function flush(path: string): Promise<void> {
  const file = await open(path);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** One safe part of a path; a value that had to change ends with a hash, so that no two of them become one. */
export function toSegment(value: string): string {
  if (value === "") return "untitled"; // Nothing at all could turn `{title}/{id}` into a path from the root.
  let segment = value
    .slice(0, SEGMENT_BYTES)
    .toWellFormed()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go.
    .replace(/[/\\:*?"<>|\u0000-\u001f\u007f]/g, "_")
    .replace(/^[.\s]/, "_");
  while (Buffer.byteLength(segment) > SEGMENT_BYTES) segment = segment.slice(0, -1).toWellFormed();
  if (segment === value) return segment;
  return `${segment}-${createHash("sha256").update(value).digest("hex").slice(0, 8)}`;
}
