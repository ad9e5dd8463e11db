// One mutant of a media file, by its number: what was done to it, and its bytes.
import { Chance } from "../random.ts";
import { mutateBoxes, overwrite, replace } from "./boxes.ts";
import { mutateElements } from "./elements.ts";
import type { MediaFile } from "./files.ts";
import { edgeNumber } from "./numbers.ts";
import { mutateHead, mutatePackets, mutatePages } from "./streams.ts";

export interface Mutant {
  base: string;
  /** The mutations, in order. */
  steps: string[];
  content: Buffer;
}

type Mutation = (file: Buffer, chance: Chance, files: readonly MediaFile[]) => Buffer | null;

const ANYWHERE: Record<string, Mutation> = {
  flip: (file, chance) => {
    const flipped = Buffer.from(file);
    for (let n = 1 + chance.skewed(64); n > 0; n--) flipBit(flipped, place(file, chance), chance);
    return flipped;
  },
  run: (file, chance) => {
    const length = 1 + chance.skewed(4096);
    const piece = chance.maybe(0.5) ? chance.bytes(length) : Buffer.alloc(length, chance.pick([0, 0xff, 0x80, 0x7f]));
    return overwrite(file, place(file, chance), piece);
  },
  number: (file, chance) => {
    let changed = file;
    for (let n = 1 + chance.below(4); n > 0; n--) {
      changed = overwrite(
        changed,
        place(file, chance),
        edgeNumber(chance, chance.pick([1, 2, 4, 8]), chance.maybe(0.4)),
      );
    }
    return changed;
  },
  cut: (file, chance) => file.subarray(0, place(file, chance)),
  behead: (file, chance) => file.subarray(place(file, chance)),
  insert: (file, chance) => {
    const at = place(file, chance);
    return replace(file, at, at, chance.bytes(1 + chance.skewed(2000)));
  },
  remove: (file, chance) => {
    const at = place(file, chance);
    return replace(file, at, Math.min(file.length, at + 1 + chance.skewed(20_000)), Buffer.alloc(0));
  },
  repeat: (file, chance) => {
    const at = place(file, chance);
    const piece = file.subarray(at, at + 1 + chance.skewed(5000));
    return replace(file, at, at, Buffer.concat(Array<Buffer>(1 + chance.skewed(200)).fill(piece)));
  },
  splice: (file, chance, files) => {
    const { content } = chance.pick(files);
    return Buffer.concat([file.subarray(0, place(file, chance)), content.subarray(place(content, chance))]);
  },
};
const GROWN_TO = 4_000_000;

export function makeMutant(files: readonly MediaFile[], seed: number, index: number): Mutant {
  const chance = new Chance(seed, index);
  // All files in turn, so that each gets its share.
  const { name, content } = files[index % files.length] as MediaFile;
  const steps: string[] = [];
  let mutant = content;
  for (let n = chance.pick([1, 1, 1, 2, 3]); n > 0; n--) {
    const structured = chance.maybe(0.6) ? structureOf(mutant) : null;
    const step = structured?.(mutant, chance, files) ?? null;
    const kind = step === null ? chance.pick(Object.keys(ANYWHERE)) : "structure";
    const next = step ?? ANYWHERE[kind]?.(mutant, chance, files) ?? null;
    if (next === null || next.length > GROWN_TO) continue;
    steps.push(kind);
    mutant = next;
  }
  return { base: name, steps, content: Buffer.from(mutant) };
}

function structureOf(file: Buffer): Mutation | null {
  if (file.length < 512) return null;
  if (["ftyp", "moov", "mdat", "styp"].includes(file.toString("latin1", 4, 8))) return mutateBoxes;
  if (file.readUInt32BE(0) === 0x1a45dfa3) return mutateElements;
  if (file.toString("latin1", 0, 4) === "OggS") return mutatePages;
  if (file[0] === 0x47 && file[188] === 0x47) return mutatePackets;
  return mutateHead;
}

/** Mostly where the head or the index of a file is: at either end. */
function place(file: Buffer, chance: Chance): number {
  if (file.length === 0) return 0;
  const near = Math.min(file.length - 1, chance.skewed(file.length + 1));
  if (chance.maybe(0.5)) return near;
  return chance.maybe(0.3) ? file.length - 1 - near : chance.below(file.length);
}

function flipBit(file: Buffer, at: number, chance: Chance): void {
  if (file.length > 0) file[at] = (file[at] ?? 0) ^ (1 << chance.below(8));
}
