// A run of the pool as it would go, event by event, over any number of hours: who claims what when, and how it ends. It
// can be cut anywhere, and a copy of it played on from there.

export interface Plan {
  name: string;
  order: "id" | "longest";
  instances: number;
  concurrency: number;
  /** Work of a video: so many ms, and so many for each of its seconds; single ones differ by this spread (log-normal). */
  baseMs: number;
  perSecondMs: number;
  spread: number;
  /** Good and bad hours: how much the pace of the whole pool wanders. */
  wander: number;
  /** Cores: more videos side by side make each of them slower. */
  cores: number;
  /** Share of attempts that fail and are tried again. */
  again: number;
  /** What happens when such a share of the videos has ended. */
  changes: { at: number; instances?: number; pauseMs?: number; dies?: boolean }[];
  seed: number;
}

export interface SimVideo {
  id: number;
  durationS: number;
  noise: number;
  state: "pending" | "running" | "completed" | "failed";
  attempt: number;
  runAfter: number;
  claimedAt: number | null;
  finishedAt: number | null;
  instance: string | null;
  endsAt: number;
}

export interface SimLife {
  id: string;
  processId: number;
  startedAt: number;
  goneAt: number | null;
  draining: boolean;
  completed: number;
  retried: number;
  failed: number;
  busyMs: number;
}

const MAX_ATTEMPTS = 3;
const DRAIN_MS = 25_000;
const WANDER_EVERY_MS = 1_800_000;

export class Simulation {
  now = 1_700_000_000_000;
  pausedUntil = 0;
  readonly videos: SimVideo[];
  readonly lives: SimLife[] = [];
  readonly attempts: { videoId: number; attempt: number; claimedAt: number; endedAt: number }[] = [];
  readonly plan: Plan;
  /** What has just happened, for those who want to look at that moment. */
  lastChange: { kind: "resume" | "scale"; ended: number } | undefined;
  ended = 0;
  #changes: Plan["changes"];
  #random: number;
  #pace = 1;
  #paceUntil = 0;
  #names = 0;
  /** Ids in the order of claiming. */
  #pending: SimVideo[];
  #running: SimVideo[] = [];

  constructor(plan: Plan, durations: number[]) {
    this.plan = plan;
    this.#random = plan.seed * 7919 + 17;
    this.#changes = [...plan.changes].sort((a, b) => a.at - b.at);
    this.videos = durations.map((durationS, at) => ({
      id: at + 1,
      durationS,
      noise: Math.exp(plan.spread * this.#normal() - plan.spread ** 2 / 2),
      state: "pending",
      attempt: 0,
      runAfter: 0,
      claimedAt: null,
      finishedAt: null,
      instance: null,
      endsAt: 0,
    }));
    this.#pending = [...this.videos].sort((a, b) => this.#compare(a, b));
    for (let processId = 0; processId < plan.instances; processId++) this.#start(processId);
  }

  /** The same run at the same moment, without the changes that are still to come. */
  fork(): Simulation {
    const copy: Simulation = Object.create(Simulation.prototype) as Simulation;
    Object.assign(copy, this);
    const other = new Simulation({ ...this.plan, changes: [] }, []);
    const videos = this.videos.map((video) => ({ ...video }));
    const byId = new Map(videos.map((video) => [video.id, video]));
    Object.assign(other, { now: this.now, pausedUntil: this.pausedUntil, ended: this.ended });
    other.videos.push(...videos);
    other.lives.splice(0, other.lives.length, ...this.lives.map((life) => ({ ...life })));
    other.#random = this.#random ^ 0x5bd1e995;
    other.#pace = this.#pace;
    other.#paceUntil = this.#paceUntil;
    other.#names = this.#names;
    other.#pending = this.#pending.map(({ id }) => byId.get(id) as SimVideo);
    other.#running = this.#running.map(({ id }) => byId.get(id) as SimVideo);
    return other;
  }

  /** Goes on to the next event; false when all is over. */
  step(): boolean {
    this.#change();
    this.#claim();
    const next = this.#nextAt();
    if (next === undefined) return false;
    this.now = next;
    this.#drift();
    for (const video of this.#running.filter(({ endsAt }) => endsAt <= this.now)) this.#end(video);
    return true;
  }

  finish(): number {
    while (this.step());
    return this.now;
  }

  #nextAt(): number | undefined {
    const times = this.#running.map(({ endsAt }) => endsAt);
    if (this.#pending.length > 0) {
      if (this.pausedUntil > this.now) times.push(this.pausedUntil);
      for (const { runAfter } of this.#pending) if (runAfter > this.now) times.push(runAfter);
    }
    return times.length === 0 ? undefined : Math.min(...times);
  }

  #change(): void {
    const [first] = this.#changes;
    if (first === undefined || this.ended < first.at * this.videos.length) return;
    this.#changes.shift();
    if (first.pauseMs !== undefined) {
      this.pausedUntil = this.now + first.pauseMs;
      this.lastChange = { kind: "resume", ended: this.ended };
    }
    if (first.dies) this.#kill();
    if (first.instances === undefined) return;
    this.lastChange = { kind: "scale", ended: this.ended };
    const live = this.lives.filter(({ goneAt, draining }) => goneAt === null && !draining);
    for (const life of live.slice(first.instances)) this.#drain(life);
    for (let processId = live.length; processId < first.instances; processId++) this.#start(processId);
  }

  #start(processId: number): void {
    const id = `i${this.#names++}`;
    const figures = { completed: 0, retried: 0, failed: 0, busyMs: 0 };
    this.lives.push({ id, processId, startedAt: this.now, goneAt: null, draining: false, ...figures });
  }

  #drain(life: SimLife): void {
    life.draining = true;
    for (const video of this.#heldBy(life)) {
      if (video.endsAt - this.now > DRAIN_MS) this.#giveBack(video, video.attempt - 1);
    }
    if (this.#heldBy(life).length === 0) life.goneAt = this.now;
  }

  #kill(): void {
    const life = this.lives.find(({ goneAt, draining }) => goneAt === null && !draining);
    if (life === undefined) return;
    for (const video of this.#heldBy(life)) this.#giveBack(video, video.attempt);
    life.goneAt = this.now;
    this.#start(life.processId);
  }

  #giveBack(video: SimVideo, attempt: number, runAfter = 0): void {
    this.#running.splice(this.#running.indexOf(video), 1);
    Object.assign(video, { state: "pending", instance: null, claimedAt: null, attempt, runAfter });
    const place = this.#pending.findIndex((other) => this.#compare(other, video) > 0);
    this.#pending.splice(place < 0 ? this.#pending.length : place, 0, video);
  }

  #claim(): void {
    if (this.pausedUntil > this.now) return;
    const working = this.lives.filter(({ goneAt, draining }) => goneAt === null && !draining);
    for (const [rank, life] of working.entries()) {
      for (let held = this.#heldBy(life).length; held < this.plan.concurrency; held++) {
        const ready = (video: SimVideo) => video.runAfter <= this.now;
        const mine = this.#pending.findIndex((video) => video.id % working.length === rank && ready(video));
        const place = mine >= 0 ? mine : this.#pending.findIndex(ready);
        if (place < 0) break;
        const [video] = this.#pending.splice(place, 1) as [SimVideo];
        this.#running.push(video);
        Object.assign(video, { state: "running", instance: life.id, claimedAt: this.now, attempt: video.attempt + 1 });
        video.endsAt = Math.round(this.now + this.#workOf(video));
      }
    }
  }

  #workOf({ durationS, noise }: SimVideo): number {
    const { baseMs, perSecondMs, cores } = this.plan;
    const crowd = Math.max(1, (this.#running.length + 1) / cores);
    return (baseMs + perSecondMs * durationS) * noise * this.#pace * crowd;
  }

  #end(video: SimVideo): void {
    const life = this.lives.find(({ id }) => id === video.instance) as SimLife;
    const claimedAt = video.claimedAt as number;
    life.busyMs += this.now - claimedAt;
    if (this.#uniform() < this.plan.again) {
      this.attempts.push({ videoId: video.id, attempt: video.attempt, claimedAt, endedAt: this.now });
      if (video.attempt < MAX_ATTEMPTS) {
        life.retried++;
        this.#giveBack(video, video.attempt, this.now + Math.round(1000 * 2 ** video.attempt * this.#uniform()));
        this.#leaveIfDone(life);
        return;
      }
      life.failed++;
      video.state = "failed";
    } else {
      life.completed++;
      video.state = "completed";
    }
    video.finishedAt = this.now;
    this.ended++;
    this.#running.splice(this.#running.indexOf(video), 1);
    this.#leaveIfDone(life);
  }

  #leaveIfDone(life: SimLife): void {
    if (life.draining && this.#heldBy(life).length === 0) life.goneAt = this.now;
  }

  #heldBy({ id }: SimLife): SimVideo[] {
    return this.#running.filter(({ instance }) => instance === id);
  }

  #drift(): void {
    for (; this.#paceUntil < this.now; this.#paceUntil = Math.max(this.#paceUntil, this.now - 1) + WANDER_EVERY_MS) {
      const { wander } = this.plan;
      this.#pace = Math.exp(0.9 * Math.log(this.#pace) + wander * Math.sqrt(1 - 0.81) * this.#normal());
    }
  }

  #compare(a: SimVideo, b: SimVideo): number {
    return this.plan.order === "id" ? a.id - b.id : b.durationS - a.durationS || a.id - b.id;
  }

  #uniform(): number {
    this.#random = (this.#random + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#random ^ (this.#random >>> 15), this.#random | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#uniform())) * Math.cos(2 * Math.PI * this.#uniform());
  }
}
