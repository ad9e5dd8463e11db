// Part of the processor `command`: the file behind {out}, written aside and renamed when it is complete.
import { createHash } from "node:crypto";
import { lstat, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { makeFolder, syncFolder } from "../../disk.js";
import { fillTemplate } from "../template.js";

/** Longer names of files are refused by the usual file systems at 255 bytes, and ours has a part of its own. */
const SEGMENT_BYTES = 100;
/** How much of the final name the one beside it repeats, for a person who looks into the folder. */
const STEM_SHOWN = 40;

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
  { videoId, attempt, unique }: { videoId: number; attempt: number; unique: string },
): OutFile {
  const final = resolve(fillTemplate(template, values, toSegment));
  const extension = extname(final);
  const folder = dirname(final);
  const stem = basename(final, extension);
  const prefix = `.${stem.slice(0, STEM_SHOWN).toWellFormed()}.${videoId}-`;
  const suffix = `.part${extension}`;
  // Tells a late loser from the holder of the claim: they never write into one file. The number of the attempt cannot,
  // since a video that was cancelled and is tried again starts over at 1.
  const temporary = join(folder, `${prefix}${attempt}-${unique}${suffix}`);
  const remove = (path: string) => rm(path, { recursive: true, force: true });
  return {
    temporary,
    final,
    async prepare() {
      makeFolder(folder);
      // A first attempt has none before it, and is spared the listing of what may be a very large folder.
      if (attempt === 1) return;
      const isOurs = (name: string) => name.startsWith(prefix) && name.endsWith(suffix);
      for (const name of (await readdir(folder)).filter(isOurs)) await remove(join(folder, name));
    },
    async keep() {
      // A link would have people read, and programs write, another file than the one they see.
      if ((await lstat(temporary)).isSymbolicLink()) throw new Error("expected a file, got a symbolic link");
      await flush(temporary);
      await rename(temporary, final);
      // The outcome that names it is on the disk a second later.
      syncFolder(folder);
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
