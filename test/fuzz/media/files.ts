// The media files that mutants are made of: the samples of this repository, and those of ../shared/videos where they are.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface MediaFile {
  name: string;
  content: Buffer;
}

const SAMPLES = fileURLToPath(new URL("../../../data/samples/", import.meta.url));
const SHARED = fileURLToPath(new URL("../../../../shared/videos/", import.meta.url));

/** `shared` is null where that folder is missing. */
export function mediaFolders(): { samples: MediaFile[]; shared: MediaFile[] | null } {
  return { samples: readFolder(SAMPLES), shared: existsSync(SHARED) ? readFolder(SHARED) : null };
}

export function readSample(name: string): Buffer {
  return readFileSync(`${SAMPLES}${name}`);
}

function readFolder(folder: string): MediaFile[] {
  const names = readdirSync(folder).filter((name) => /\.(?!(?:md|sh|txt)$)\w+$/i.test(name));
  return names.sort().map((name) => ({ name, content: readFileSync(`${folder}${name}`) }));
}
