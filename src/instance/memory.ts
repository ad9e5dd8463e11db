// What keeps the pool within its box: an instance begins, claims, goes on or makes room as memory allows.
import type * as membership from "../claim/membership.js";
import type { Config } from "../config/settings.js";
import { Box, type BoxMemory } from "../report/box/box.js";
import { Footprint } from "../report/box/footprint.js";
import type { PoolEvent } from "../report/event.js";
import type { Millis } from "../video.js";
import { Pressure, type Strain } from "./pressure.js";

export interface MemoryParts {
  instance: Pick<membership.Instance, "clock">;
  config: Pick<Config, "instanceMemoryMb"> & Partial<Pick<Config, "memoryMb" | "staggerMs" | "force">>;
  report: (event: PoolEvent) => void;
  /** For tests; otherwise the system's. */
  box?: Pick<Box, "read" | "pressure">;
  footprint?: Pick<Footprint, "read">;
}

/** What the instance shall do: go on, drain and start anew, or do so at once and give back what it has in hand. */
export type MemoryDecision = "stay" | "recycle" | "yield";

const MB = 1048576;
/** The pages of a thread that has ended leave V8 after about 8 s: a peak that has lasted longer does not pass. */
const SUSTAINED_MS = 10_000;
/** What this thread's own heap and buffers hold does not pass either way. */
const SUSTAINED_LIVE_MS = 2000;
/** Above this many times its limit an instance does not wait and see; PM2's own limit lies at 2. */
const HARD = 1.5;
/** So long what an attempt has once taken is expected of the next ones. */
const EXPECT_MS = 300_000;
/** What is never planned with. */
const SPARE = 0.05;
/** Between two videos an instance is still at work. */
const ACTIVE_MS = 300;
/** An idle instance that keeps others from work is started anew after so long, if that frees as much as this. */
const IN_THE_WAY_MS = 1500;
const WORTH_BYTES = 32 * MB;
/** Somebody has to work, or a box that others have filled would stop the pool for ever. */
const PATIENCE_MS = 10_000;

const ALONE: membership.MemoryHere = { otherBytes: 0, largestOther: 0, rise: 0, expected: 0, others: 0, busyBefore: 0 };

export class Memory {
  readonly #parts: MemoryParts;
  readonly #box: Pick<Box, "read" | "pressure">;
  readonly #footprint: Pick<Footprint, "read">;
  readonly #pressure: Pressure;
  readonly #shareBytes: number;
  readonly #settingBytes: number;
  #bytes = 0;
  #here = ALONE;
  #begun = false;
  /** What a life takes that has just begun: so much a new one would take, too. */
  #freshBytes = 0;
  #highSince: Millis | undefined;
  #strain: Strain = "none";
  #strainSince: Millis | undefined;
  #crampedSince: Millis | undefined;
  #activeUntil: Millis = Number.NEGATIVE_INFINITY;
  #narrow = false;
  /** When the hand was last empty, it took so much. */
  #restBytes = 0;
  #rise = { bytes: 0, at: Number.NEGATIVE_INFINITY };
  #said: membership.HeldBack | null = null;

  constructor(parts: MemoryParts) {
    this.#parts = parts;
    this.#box = parts.box ?? new Box();
    this.#footprint = parts.footprint ?? new Footprint();
    this.#shareBytes = parts.config.instanceMemoryMb * MB;
    this.#settingBytes = (parts.config.memoryMb ?? 0) * MB;
    this.#pressure = new Pressure({ shareBytes: this.#shareBytes });
  }

  /** Why nothing may be claimed now; null when something may. */
  get heldBack(): membership.HeldBack | null {
    if (!this.#begun) return "admission";
    if (this.#highSince !== undefined) return "high";
    if (this.#strainSince !== undefined && !this.#hasToWork(this.#strainSince)) return "pressure";
    const since = this.#crampedSince;
    return since !== undefined && !(this.#here.expected === 0 && this.#now - since > PATIENCE_MS) ? "room" : null;
  }

  /** Less than half of the box is free: it may be full within a second. */
  get isNarrow(): boolean {
    return this.#narrow;
  }

  get figures(): Pick<membership.InstanceFigures, "rssBytes" | "riseBytes" | "expectedBytes" | "heldBack"> {
    const left = Math.max(0, this.#restBytes + this.#expected - this.#bytes);
    return {
      rssBytes: this.#bytes || process.memoryUsage.rss(),
      riseBytes: this.#rise.bytes,
      expectedBytes: this.#now < this.#activeUntil ? left : 0,
      heldBack: this.heldBack,
    };
  }

  /**
   * Before a claim: how much of the box to reserve for the next attempt, so that no two instances count on the same memory;
   * undefined where all of them fit at once.
   */
  reservation(): { bytes: number; free: number } | undefined {
    const free = this.#freeBytes(this.#memory());
    const { others, expected } = this.#here;
    if (others === 0 || (others + 1) * this.#expected <= free) return undefined;
    this.#measure();
    // Whoever has waited too long is served when nobody else is.
    const overdue = this.#crampedSince !== undefined && expected === 0;
    const bytes = this.#expected;
    return { bytes, free: overdue ? Math.max(bytes, free) : free };
  }

  noteReserved(reserved: boolean): boolean {
    this.#crampedSince = reserved ? undefined : (this.#crampedSince ?? this.#now);
    this.#say();
    return reserved;
  }

  /** What the instance asks for before it may work. */
  admission(): membership.Admission {
    const { config } = this.#parts;
    this.#measure();
    return {
      footprintBytes: this.#bytes,
      shareBytes: this.#shareBytes,
      budgetBytes: this.#budgetFor(config),
      freeBytes: this.#freeBytes(this.#box.read()),
      staggerMs: config.staggerMs ?? 0,
    };
  }

  /** Whether the admission was granted. */
  noteBegun(begun: boolean): void {
    if (this.#begun) return;
    this.#begun = begun;
    this.#restBytes = this.#freshBytes = this.#bytes;
    this.#say();
  }

  /** A claim into an empty hand: what comes on top from here on is the attempt's. */
  noteRest(): void {
    this.#restBytes = this.#bytes;
    this.#activeUntil = this.#now + ACTIVE_MS;
  }

  /** Looks at what costs next to nothing, several times a second; `inHand` counts attempts. */
  look(inHand: number): MemoryDecision {
    const now = this.#now;
    this.#measure();
    this.#learn(inHand, now);
    const live = this.#watchLimit(now);
    const memory = this.#memory();
    const before = this.#strain;
    this.#strain = this.#pressure.judge(memory, this.#box.pressure());
    if (this.#strain === "none") this.#strainSince = undefined;
    else if (before === "none") this.#strainSince = now;
    this.#crampedSince = this.#lacksRoom(memory) ? (this.#crampedSince ?? now) : undefined;
    this.#narrow = memory.limitBytes - memory.usedBytes < Math.min(memory.limitBytes / 2, 4 * this.#shareBytes);
    this.#say(memory);
    if (this.#strain === "yield" && inHand > 0 && this.#isLargest()) return "yield";
    if (inHand === 0 && this.#isInTheWay(now)) return "recycle";
    if (this.#highSince === undefined) return "stay";
    const patience = live ? SUSTAINED_LIVE_MS : SUSTAINED_MS;
    return this.#bytes > HARD * this.#shareBytes || now - this.#highSince >= patience ? "recycle" : "stay";
  }

  /** With each heartbeat. */
  noteOthers(here: membership.MemoryHere): void {
    this.#here = here;
  }

  get #now(): Millis {
    return this.#parts.instance.clock.monotonic();
  }

  #measure(): void {
    this.#bytes = this.#footprint.read(this.#now);
  }

  #learn(inHand: number, now: Millis): void {
    if (inHand === 0) this.#restBytes = this.#bytes;
    else this.#activeUntil = now + ACTIVE_MS;
    const rise = this.#bytes - this.#restBytes;
    if (rise >= this.#rise.bytes || now - this.#rise.at > EXPECT_MS) this.#rise = { bytes: Math.max(0, rise), at: now };
  }

  /** True when what is above the limit is in use for certain. */
  #watchLimit(now: Millis): boolean {
    if (this.#bytes <= this.#shareBytes) {
      this.#highSince = undefined;
      return false;
    }
    if (this.#highSince === undefined) {
      const { report } = this.#parts;
      report({ type: "memory.high", rssBytes: this.#bytes, limitBytes: this.#shareBytes });
    }
    this.#highSince ??= now;
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external > this.#shareBytes / 2;
  }

  /** The setting bounds the pool's own sum; the system's limits bound everything. The nearer one counts. */
  #memory(): BoxMemory {
    const system = this.#box.read();
    if (this.#settingBytes === 0) return system;
    const own = { limitBytes: this.#settingBytes, usedBytes: this.#here.otherBytes + this.#bytes };
    return own.limitBytes - own.usedBytes < system.limitBytes - system.usedBytes ? own : system;
  }

  /**
   * What the pool's sum is compared with. Where the system itself has no room for what is still to come of this share,
   * nothing fits: then the first alone is let in.
   */
  #budgetFor({ force }: MemoryParts["config"]): number {
    if (force) return Number.MAX_SAFE_INTEGER;
    const { limitBytes, usedBytes } = this.#box.read();
    if (this.#shareBytes - this.#bytes > limitBytes - usedBytes) return 0;
    return this.#settingBytes || Number.MAX_SAFE_INTEGER;
  }

  /** What others have been promised is not there for the next video. */
  #lacksRoom(memory: BoxMemory): boolean {
    const { others, expected } = this.#here;
    if (others === 0) return false; // Nobody else would make room.
    return expected + this.#expected > this.#freeBytes(memory);
  }

  #freeBytes({ limitBytes, usedBytes }: BoxMemory): number {
    return limitBytes - usedBytes - SPARE * limitBytes;
  }

  /** By how much the next attempt may make this instance grow: as much as any in the pool has of late. */
  get #expected(): number {
    return Math.max(this.#here.rise, this.#rise.bytes);
  }

  /** What has stayed behind in idle instances is missing for the next video: a new life takes less. */
  #isInTheWay(now: Millis): boolean {
    const since = this.#crampedSince;
    return since !== undefined && now - since > IN_THE_WAY_MS && this.#bytes > this.#freshBytes + WORTH_BYTES;
  }

  /** The one at the head, after a while. */
  #hasToWork(since: Millis): boolean {
    return this.#here.busyBefore === 0 && this.#now - since > PATIENCE_MS;
  }

  /** A video that fills the box by itself would only come back: somebody else must have a part in it. */
  #isLargest(): boolean {
    const { largestOther, otherBytes } = this.#here;
    return this.#bytes >= largestOther && otherBytes > this.#bytes / 2;
  }

  #say(memory: BoxMemory = this.#memory()): void {
    const because = this.heldBack;
    if (because === this.#said) return;
    const { report } = this.#parts;
    if (because === null) report({ type: "memory.eased" });
    // `high` has been said with its own figures.
    else if (because !== "high") report({ type: "memory.held", because, ...memory });
    this.#said = because;
  }
}
