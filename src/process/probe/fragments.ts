// Counts the samples of a fragmented mp4 or mov by the heads of its fragments, from box to box.
import { type Box, boxAt, contentOf, type Inner, innerBoxes } from "./boxes.js";
import type { Bytes } from "./bytes.js";
import type { PacketTally } from "./description.js";
import { estimateRest } from "./estimate.js";

export interface FragmentedTrack {
  id: number;
  timescale: number;
  editOffset: number;
  /** `trex`. */
  defaults: { duration: number; size: number };
  tally: PacketTally;
}

interface State {
  track: FragmentedTrack;
  tally: PacketTally;
  /** Where the next sample begins, in ticks. */
  ticks: number;
}

const MOOF = Buffer.from("moof");

interface Rest {
  /** Where the fragments begin. */
  from: number;
  durationS: number | null;
}

/** Counts into the tallies of the tracks; whether the figures are estimated. */
export async function countFragments(
  bytes: Bytes,
  tracks: FragmentedTrack[],
  { from, durationS }: Rest,
): Promise<boolean> {
  const statesOf = (tallies: PacketTally[]) =>
    new Map(tracks.map((track, index) => [track.id, { track, tally: tallies[index] as PacketTally, ticks: 0 }]));
  const tallies = tracks.map(({ tally }) => tally);
  const end = await walkFragments(bytes, { from, states: statesOf(tallies), mayStop: () => bytes.isDear });
  if (end === null) return false;
  const countTail = async (start: number, tails: PacketTally[]) => {
    const last = await findFragment(bytes, start);
    if (last !== null) await walkFragments(bytes, { from: last, states: statesOf(tails), mayStop: () => false });
  };
  await estimateRest(bytes, tallies, { from: end, durationS, countTail });
  return true;
}

interface WalkParts {
  from: number;
  states: Map<number, State>;
  mayStop: () => boolean;
}

/** null at the end of the file, otherwise where it has stopped. */
async function walkFragments(bytes: Bytes, { from, states, mayStop }: WalkParts): Promise<number | null> {
  for (let at = from; at < bytes.size; ) {
    const box = await boxAt(bytes, at, bytes.size);
    if (!box) return null;
    if (box.type === "moof" && !(await takeFragment(bytes, box, states))) return null;
    at = box.end;
    if (mayStop()) return at;
  }
  return null;
}

/** Where a fragment begins, from here on. */
async function findFragment(bytes: Bytes, from: number): Promise<number | null> {
  let found = await bytes.find(MOOF, from);
  while (found !== null && (await bytes.peek(found + 8, 4)).toString("latin1") !== "mfhd")
    found = await bytes.find(MOOF, found + 1);
  return found === null ? null : found - 4;
}

/** Whether the file goes on behind its samples. */
async function takeFragment(bytes: Bytes, moof: Box, states: Map<number, State>): Promise<boolean> {
  const view = await contentOf(bytes, moof);
  const fragment = { moofAt: moof.at, dataAt: moof.at, fileBytes: bytes.size };
  for (const traf of innerBoxes(view, { start: 0, end: view.byteLength })) {
    if (traf.type === "traf" && !takeTrack(view, traf, { states, fragment })) return false;
  }
  return true;
}

interface TrackRun {
  state: State;
  /** Of one sample, where a run does not tell. */
  duration: number;
  size: number;
  base: number;
  fragment: { dataAt: number; fileBytes: number };
}

function takeTrack(
  view: DataView,
  traf: Inner,
  { states, fragment }: { states: Map<number, State>; fragment: { moofAt: number; dataAt: number; fileBytes: number } },
): boolean {
  let run: TrackRun | null = null;
  for (const box of innerBoxes(view, traf)) {
    const fields = new Fields(view, box);
    if (box.type === "tfhd") {
      const flags = fields.take();
      const state = states.get(fields.take());
      if (!state) return true;
      const isFromFragment = (flags & 0x20000) !== 0;
      // What says nothing follows the track before it.
      const base = flags & 1 ? fields.takeLong() : isFromFragment ? fragment.moofAt : fragment.dataAt;
      if (flags & 2) fields.take();
      const duration = flags & 8 ? fields.take() : state.track.defaults.duration;
      const size = flags & 16 ? fields.take() : state.track.defaults.size;
      run = { state, duration, size, base, fragment };
    }
    if (box.type === "tfdt" && run) {
      const isLong = fields.take() >>> 24 === 1;
      run.state.ticks = isLong ? fields.takeLong() : fields.take();
    }
    if (box.type === "trun" && run && !takeRun(fields, run)) return false;
  }
  return true;
}

/** Whether all of its samples are in the file. */
function takeRun(fields: Fields, { state, duration, size, base, fragment }: TrackRun): boolean {
  const { track, tally } = state;
  const flags = fields.take();
  let left = fields.take();
  if (flags & 1) fragment.dataAt = base + fields.takeSigned();
  if (flags & 4) fields.take();
  const hasOwn = (flags & 0xf00) !== 0;
  while (left > 0 && (!hasOwn || !fields.isEmpty)) {
    const ownDuration = flags & 0x100 ? fields.take() : duration;
    const ownSize = flags & 0x200 ? fields.take() : size;
    if (flags & 0x400) fields.take();
    const shift = flags & 0x800 ? fields.takeSigned() : 0;
    // Without figures of their own they are all alike, however many a crafted file announces.
    const count = hasOwn ? 1 : left;
    const room = fragment.fileBytes - fragment.dataAt;
    const startS = (state.ticks + shift - track.editOffset) / track.timescale;
    const stepS = ownDuration / track.timescale;
    if (!tally.addSamples({ count, startS, stepS, size: ownSize }, room)) return false;
    state.ticks += count * ownDuration;
    fragment.dataAt += count * ownSize;
    left -= count;
  }
  return true;
}

/** The fields of one box in order; those that it has no room for are 0. */
class Fields {
  readonly #view: DataView;
  readonly #end: number;
  #at: number;

  constructor(view: DataView, { start, end }: Inner) {
    this.#view = view;
    this.#at = start;
    this.#end = end;
  }

  get isEmpty(): boolean {
    return this.#at >= this.#end;
  }

  take(): number {
    this.#at += 4;
    return this.#at <= this.#end ? this.#view.getUint32(this.#at - 4) : 0;
  }

  takeSigned(): number {
    return this.take() | 0;
  }

  takeLong(): number {
    return this.take() * 2 ** 32 + this.take();
  }
}
