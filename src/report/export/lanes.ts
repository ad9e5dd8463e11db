// The instances as a timeline: a lane a process id, its lives as bars, how busy each was in every slice of the time.
import type { Millis } from "../../video.js";
import type { LifeSpan } from "./rows.js";

export interface TimeSpan {
  from: Millis;
  to: Millis;
}

export interface Lane {
  host: string;
  processId: number;
  lives: number;
  completed: number;
  retried: number;
  failed: number;
  /** Videos it died with. */
  died: number;
  /** Of the time that its lives took, within the span. */
  busyShare: number;
  /** Its lives within the span, as shares of it. */
  bars: [number, number][];
  /** A level a slice: 0 idle .. LEVELS busy all the time. */
  levels: Uint8Array;
  /** Attempts that went wrong, by slice: a level as well, against the worst slice of all lanes. */
  trouble: Uint8Array;
}

export const SLICES = 300;
export const LEVELS = 4;

/** Work in hand: whose, from when to when. */
export interface WorkSpan extends TimeSpan {
  instance: string;
  wrong: boolean;
  died: boolean;
}

interface Drawing extends Lane {
  /** Shares of each slice, added up. */
  busy: Float64Array;
  wrong: Float64Array;
  livedMs: Millis;
}

export class Lanes {
  readonly #span: TimeSpan;
  readonly #lanes = new Map<string, Drawing>();
  readonly #laneOf = new Map<string, Drawing>();

  constructor(lives: LifeSpan[], span: TimeSpan) {
    this.#span = span;
    for (const life of lives) if (life.endedAt >= span.from && life.startedAt <= span.to) this.#addLife(life);
  }

  #addLife(life: LifeSpan): void {
    const { host, processId, completed, retried, failed } = life;
    const key = JSON.stringify([host, processId]);
    const lane: Drawing = this.#lanes.get(key) ?? {
      ...{
        host,
        processId,
        lives: 0,
        completed: 0,
        retried: 0,
        failed: 0,
        died: 0,
        busyShare: 0,
        bars: [],
        livedMs: 0,
      },
      ...{ levels: new Uint8Array(SLICES), trouble: new Uint8Array(SLICES) },
      ...{ busy: new Float64Array(SLICES), wrong: new Float64Array(SLICES) },
    };
    this.#lanes.set(key, lane);
    this.#laneOf.set(life.id, lane);
    const [from, to] = [this.#place(life.startedAt), this.#place(life.endedAt)];
    lane.bars.push([from, to]);
    lane.livedMs += (to - from) * this.#length;
    lane.lives++;
    lane.completed += completed;
    lane.retried += retried;
    lane.failed += failed;
  }

  add({ instance, from, to, wrong, died }: WorkSpan): void {
    const lane = this.#laneOf.get(instance);
    if (lane === undefined) return;
    const [start, end] = [this.#place(from) * SLICES, this.#place(to) * SLICES];
    for (let slice = Math.floor(start); slice < Math.min(SLICES, Math.ceil(end)); slice++) {
      const share = Math.min(end, slice + 1) - Math.max(start, slice);
      lane.busy[slice] = (lane.busy[slice] ?? 0) + share;
    }
    const last = Math.min(SLICES - 1, Math.floor(end));
    if (wrong) lane.wrong[last] = (lane.wrong[last] ?? 0) + 1;
    if (died) lane.died++;
  }

  finish(): Lane[] {
    const worst = Math.max(1, ...[...this.#lanes.values()].map(({ wrong }) => Math.max(...wrong)));
    return [...this.#lanes.values()].map(({ busy, wrong, livedMs, ...lane }) => {
      // Several videos side by side, or claimed together, are no more than busy.
      lane.levels = Uint8Array.from(busy, (share) => (share < 0.01 ? 0 : Math.ceil(Math.min(1, share) * LEVELS)));
      lane.trouble = Uint8Array.from(wrong, (count) => Math.ceil((count / worst) * LEVELS));
      const busySlices = busy.reduce((sum, share) => sum + Math.min(1, share), 0);
      lane.busyShare = livedMs === 0 ? 0 : Math.min(1, ((busySlices / SLICES) * this.#length) / livedMs);
      return lane;
    });
  }

  get #length(): Millis {
    return Math.max(1, this.#span.to - this.#span.from);
  }

  #place(at: Millis): number {
    return Math.min(1, Math.max(0, (at - this.#span.from) / this.#length));
  }
}
