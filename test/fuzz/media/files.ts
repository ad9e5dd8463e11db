// The media files that mutants are made of: the samples of this repository, those of ../shared/videos where they are, and
// one of each other format, made with ffmpeg where it is on PATH.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

const PICTURES = "-f lavfi -i testsrc=size=176x144:rate=25:duration=0.4";
const SOUND = "-f lavfi -i sine=duration=1";
/** Endings and options of what is made of pictures, of sound, and of both. */
const MADE: Record<string, string> = {
  [PICTURES]: "gif; ivf; h264; hevc; m2v; m1v; dv -s 720x576",
  [SOUND]: "mp2; ac3; eac3; dts -strict -2; aac; aiff; au; caf; w64; rf64 -f wav -rf64 always; wma; tta; wv",
  [`${PICTURES} ${SOUND}`]: "flv; f4v; avi; wmv; mpg; vob; mxf; rm; nut; ogv",
};

/** Those of these formats that this ffmpeg makes. */
export function makeFiles(): MediaFile[] {
  const folder = mkdtempSync(join(tmpdir(), "hidb-fuzz-made-"));
  try {
    for (const [inputs, formats] of Object.entries(MADE))
      for (const format of formats.split("; ")) {
        const [ending, ...options] = format.split(" ");
        spawnSync("ffmpeg", ["-v", "error", ...inputs.split(" "), ...options, join(folder, `made.${ending}`)]);
      }
    return readFolder(folder).filter(({ content }) => content.length > 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readFolder(folder: string): MediaFile[] {
  const names = readdirSync(folder).filter((name) => /\.(?!(?:md|sh|txt)$)\w+$/i.test(name));
  return names.sort().map((name) => ({ name, content: readFileSync(join(folder, name)) }));
}
