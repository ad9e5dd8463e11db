// Simulated machines: hosts with clocks and pids of their own, and the processes on them.
import type { ProcessIdentity } from "../../src/claim/liveness.ts";
import type { Clock, Timer } from "../../src/clock.ts";
import type { Random } from "./random.ts";
import type { Actor, Millis, Scheduler, Step } from "./scheduler.ts";

/** Virtual time begins here. */
export const EPOCH = 1_795_000_000_000;
/** A timer is late by up to so much. */
const LATENESS_MS = 1.5;

export class Host {
  readonly name: string;
  /** Kernel boot and pid namespace. */
  boot: string;
  /** How far its clock is from the true time. */
  aheadMs = 0;
  /** When its clock was put forward for the last time. */
  steppedAt: Millis = Number.NEGATIVE_INFINITY;
  wasSetBack = false;
  readonly processes = new Map<number, Process>();
  #boots = 0;
  #nextPid = 100;

  constructor(name: string) {
    this.name = name;
    this.boot = `${name} boot 0`;
  }

  /** A pid that is free; with `again` one that a dead process had, if there is one. */
  takePid({ again }: { again: boolean }): number {
    const dead = again ? [...this.processes.values()].find((process) => !process.alive) : undefined;
    return dead?.pid ?? this.#nextPid++;
  }

  reboot(): void {
    for (const process of this.processes.values()) process.alive = false;
    this.processes.clear();
    this.boot = `${this.name} boot ${++this.#boots}`;
    this.#nextPid = 100;
  }

  isAlive({ pid, pidStartedAt }: { pid: number; pidStartedAt: string }): boolean {
    const process = this.processes.get(pid);
    return process?.alive === true && process.identity.pidStartedAt === pidStartedAt;
  }
}

export class Process implements Actor {
  readonly label: string;
  readonly host: Host;
  readonly pid: number;
  readonly processId: number;
  readonly identity: ProcessIdentity;
  readonly random: Random;
  readonly clock: Clock;
  readonly bornAt: Millis;
  alive = true;
  frozenUntil: Millis = 0;
  /** What it takes of memory. */
  bytes = 100_000_000;
  /** Faults that wait for its next database operations. */
  readonly ambushes: Ambush[] = [];

  constructor(parts: {
    label: string;
    host: Host;
    processId: number;
    random: Random;
    scheduler: Scheduler;
    pid: number;
  }) {
    const { label, host, processId, random, scheduler, pid } = parts;
    this.label = label;
    this.host = host;
    this.pid = pid;
    this.processId = processId;
    this.random = random;
    this.identity = { host: host.name, boot: host.boot, pid, pidStartedAt: label };
    this.bornAt = scheduler.now;
    this.clock = clockOf(this, scheduler);
    host.processes.set(pid, this);
  }
}

/** What befalls a process at one of its next database operations. */
export interface Ambush {
  /** So many operations pass before. */
  after: number;
  where: "before" | "after";
  strike: () => void;
}

function clockOf(process: Process, scheduler: Scheduler): Clock {
  const { random, label } = process;
  let lives = 0;
  const late = (ms: Millis) => Math.max(ms, 0) + random.next() * LATENESS_MS;
  const clock: Clock = {
    now: () => Math.floor(EPOCH + scheduler.now + process.host.aheadMs),
    nowFine: () => EPOCH + scheduler.now + process.host.aheadMs,
    monotonic: () => scheduler.now,
    random: () => random.next(),
    uniqueId: () => `${label}${lives++ === 0 ? "" : `.${lives}`}`,
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      const step = scheduler.after(late(ms), process, "sleep", resolve);
      signal?.addEventListener("abort", () => {
        step.cancelled = true;
        scheduler.after(0, process, "sleep", resolve);
      });
      return promise;
    },
    turn() {
      const { promise, resolve } = Promise.withResolvers<void>();
      scheduler.after(random.next() * 0.2, process, "turn", resolve);
      return promise;
    },
    timer: (ms, ring) => timerOf(scheduler.after(late(Math.max(1, ms)), process, "timer", ring)),
    every(ms, ring) {
      let step: Step;
      const arm = () => {
        step = scheduler.after(late(ms), process, "every", () => {
          arm();
          ring();
        });
      };
      arm();
      const timer: Timer = {
        cancel: () => {
          step.cancelled = true;
        },
        unref: () => timer,
      };
      return timer;
    },
  };
  return clock;
}

function timerOf(step: Step): Timer {
  const timer: Timer = {
    cancel: () => {
      step.cancelled = true;
    },
    unref: () => timer,
  };
  return timer;
}
