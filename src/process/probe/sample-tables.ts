// Counts the samples of an mp4 or mov track from its tables, which are read in pieces side by side: a film of hours has
// megabytes of them, and what parses them into objects takes a hundred.
import { type Box, viewOf } from "./boxes.js";
import type { Bytes } from "./bytes.js";
import { PacketTally } from "./description.js";

export interface SampleTables {
  /** Where `stts`, `ctts`, `stsz`, `stz2`, `stsc`, `stco` and `co64` lie. */
  tables: ReadonlyMap<string, Box>;
  timescale: number;
  /** Ticks of the media that lie before the presentation. */
  editOffset: number;
  /** Of one sample where all have one size and the table says 1 for it, as with sound in old QuickTime. */
  unitBytes: number | null;
}

/** Stops at `most` samples, and at the first one that the file is cut before. */
export async function countSamples(bytes: Bytes, track: SampleTables, most = Infinity): Promise<PacketTally> {
  const { timescale, editOffset } = track;
  const tally = new PacketTally();
  const chunks = new Chunks(bytes, track.tables);
  const sizes = new Sizes(bytes, track);
  const steps = new Runs(bytes, track.tables.get("stts"));
  const shifts = new Runs(bytes, track.tables.get("ctts"));
  for (let ticks = 0, left = most; left > 0; ) {
    if (chunks.left === 0 && !(await chunks.advance())) break;
    if (steps.left === 0 && !(await steps.advance())) break;
    if (sizes.left === 0 && !(await sizes.advance())) break;
    // A table of shifts that is missing or ends early leaves the rest where it is.
    if (shifts.left === 0 && !(await shifts.advance())) shifts.set(Infinity, 0);
    const count = Math.min(chunks.left, steps.left, sizes.left, shifts.left, left);
    const size = sizes.value;
    const room = bytes.size - chunks.offset;
    const startS = (ticks + shifts.value - editOffset) / timescale;
    const stepS = steps.value / timescale;
    if (!tally.addSamples({ count, startS, stepS, size }, room)) break;
    chunks.take(count, size);
    for (const column of [steps, sizes, shifts]) column.left -= count;
    ticks += count * steps.value;
    left -= count;
  }
  return tally;
}

/** Where the first chunk lies, which begins with the first sample. */
export async function firstOffset(bytes: Bytes, { tables }: Pick<SampleTables, "tables">): Promise<number> {
  const table = tables.get("co64") ?? tables.get("stco");
  const at = (table?.start ?? 0) + 8;
  const length = tables.has("co64") ? 8 : 4;
  if (!table || table.end < at + length || bytes.size < at + length) return bytes.size;
  const view = viewOf(await bytes.read(at, at + length));
  return length === 8 ? Number(view.getBigUint64(0)) : view.getUint32(0);
}

/** The entries of one table, a piece of it at a time. */
class Entries {
  view: DataView = new DataView(new ArrayBuffer(0));
  at = 0;
  readonly #bytes: Bytes;
  readonly #entryBytes: number;
  #next = 0;
  #end = 0;

  constructor(bytes: Bytes, box: Box | undefined, { head, entryBytes }: { head: number; entryBytes: number }) {
    this.#bytes = bytes;
    this.#entryBytes = entryBytes;
    if (!box) return;
    this.#next = box.start + head;
    this.#end = Math.min(box.end, bytes.size);
  }

  get isEmpty(): boolean {
    return this.at >= this.view.byteLength;
  }

  /** Whether there is another entry, at `at` of `view`: as many as the box has room for, whatever its count says. */
  async fill(): Promise<boolean> {
    if (!this.isEmpty) return true;
    const entries = Math.floor(Math.min(this.#end - this.#next, this.#bytes.stepBytes) / this.#entryBytes);
    if (entries <= 0) return false;
    const end = this.#next + entries * this.#entryBytes;
    this.view = viewOf(await this.#bytes.read(this.#next, end));
    this.#next = end;
    this.at = 0;
    return true;
  }

  takeUnsigned(): number {
    this.at += 4;
    return this.view.getUint32(this.at - 4);
  }

  takeSigned(): number {
    this.at += 4;
    return this.view.getInt32(this.at - 4);
  }
}

/** A table of counts and values, such as `stts`. */
class Runs {
  left = 0;
  value = 0;
  readonly #entries: Entries;

  constructor(bytes: Bytes, box: Box | undefined) {
    this.#entries = new Entries(bytes, box, { head: 8, entryBytes: 8 });
  }

  set(left: number, value: number): void {
    this.left = left;
    this.value = value;
  }

  async advance(): Promise<boolean> {
    while (this.left === 0) {
      if (this.#entries.isEmpty && !(await this.#entries.fill())) return false;
      this.set(this.#entries.takeUnsigned(), this.#entries.takeSigned());
    }
    return true;
  }
}

/** The sizes of samples: one for all of them, or one each in 32, 16, 8 or 4 bits. */
class Sizes {
  left = 0;
  value = 0;
  readonly #bytes: Bytes;
  readonly #box: Box | undefined;
  readonly #unitBytes: number | null;
  #entries: Entries | null = null;
  #bits = 32;
  #half: number | null = null;

  constructor(bytes: Bytes, { tables, unitBytes }: SampleTables) {
    this.#bytes = bytes;
    this.#box = tables.get("stsz") ?? tables.get("stz2");
    this.#unitBytes = unitBytes;
  }

  async advance(): Promise<boolean> {
    if (this.#entries === null && (await this.#open())) return this.left > 0;
    const entries = this.#entries as unknown as Entries;
    if (this.#half !== null) {
      this.value = this.#half;
      this.#half = null;
    } else {
      if (entries.isEmpty && !(await entries.fill())) return false;
      this.value = this.#take(entries);
    }
    this.left = 1;
    return true;
  }

  /** Whether all have one size. */
  async #open(): Promise<boolean> {
    const box = this.#box;
    const head = box ? viewOf(await this.#bytes.peek(box.start, 12)) : null;
    const isCompact = box?.type === "stz2";
    if (head === null || head.byteLength < 12) {
      this.#entries = new Entries(this.#bytes, undefined, { head: 12, entryBytes: 4 });
      return false;
    }
    const fixed = isCompact ? 0 : head.getUint32(4);
    if (isCompact) this.#bits = head.getUint8(7);
    this.#entries = new Entries(this.#bytes, fixed > 0 ? undefined : box, {
      head: 12,
      entryBytes: Math.max(1, this.#bits / 8),
    });
    if (fixed === 0) return false;
    this.left = head.getUint32(8);
    this.value = fixed === 1 ? (this.#unitBytes ?? 1) : fixed;
    return true;
  }

  #take(entries: Entries): number {
    if (this.#bits === 32) return entries.takeUnsigned();
    entries.at += this.#bits === 16 ? 2 : 1;
    if (this.#bits === 16) return entries.view.getUint16(entries.at - 2);
    const byte = entries.view.getUint8(entries.at - 1);
    if (this.#bits === 8) return byte;
    this.#half = byte & 15;
    return byte >> 4;
  }
}

/** Where samples lie one behind the other. */
class Chunks {
  /** Samples of this chunk that are not taken yet, and where the next one begins. */
  left = 0;
  offset = 0;
  readonly #long: boolean;
  readonly #offsets: Entries;
  readonly #runs: Entries;
  #number = 0;
  #samples = 0;

  constructor(bytes: Bytes, tables: ReadonlyMap<string, Box>) {
    const long = tables.get("co64");
    this.#long = long !== undefined;
    this.#offsets = new Entries(bytes, long ?? tables.get("stco"), { head: 8, entryBytes: long ? 8 : 4 });
    this.#runs = new Entries(bytes, tables.get("stsc"), { head: 8, entryBytes: 12 });
  }

  async advance(): Promise<boolean> {
    while (this.left === 0) {
      if (this.#offsets.isEmpty && !(await this.#offsets.fill())) return false;
      const high = this.#long ? this.#offsets.takeUnsigned() : 0;
      this.offset = high * 2 ** 32 + this.#offsets.takeUnsigned();
      this.#number++;
      await this.#findRun();
      this.left = this.#samples;
    }
    return true;
  }

  take(count: number, size: number): void {
    this.left -= count;
    this.offset += count * size;
  }

  /** How many samples each chunk from its first one on has. */
  async #findRun(): Promise<void> {
    const runs = this.#runs;
    while (!runs.isEmpty || (await runs.fill())) {
      if (runs.view.getUint32(runs.at) > this.#number) return;
      this.#samples = runs.view.getUint32(runs.at + 4);
      runs.at += 12;
    }
  }
}
