// Virtual time: everything that would wait for the world outside is a step here, and one step is taken at a time. Between
// two steps all promises have run as far as they can.
import { type Trace, tracing } from "./trace.ts";

export type Millis = number;

/** Whose step it is; one that is frozen takes none, one that is dead never will. */
export interface Actor {
  readonly label: string;
  alive: boolean;
  frozenUntil: Millis;
}

export interface Step {
  due: Millis;
  order: number;
  actor: Actor | undefined;
  what: string;
  run: () => void;
  cancelled: boolean;
}

/** Steps taken together before the event loop may turn: each still gets its promises run to their end. */
const BUNCH = 100;

export class Scheduler {
  now: Millis = 0;
  steps = 0;
  readonly trace: Trace;
  /** Called after each step, and when a step has thrown. */
  onStep: () => void = () => undefined;
  readonly #heap: Step[] = [];
  #order = 0;

  constructor(trace: Trace) {
    this.trace = trace;
  }

  /** Takes the step after `ms`, if its actor is alive and awake then. */
  after(ms: Millis, actor: Actor | undefined, what: string, run: () => void): Step {
    const step = { due: this.now + Math.max(0, ms), order: this.#order++, actor, what, run, cancelled: false };
    this.#push(step);
    return step;
  }

  /** Goes on until `isOver`, or until there is nothing left to do; rejects with what a step has thrown. */
  run(isOver: () => boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let over = false;
    const end = (how: () => void) => {
      if (!over) how();
      over = true;
    };
    const turn = () => {
      if (over) return;
      try {
        // What the promises of the step before have led to.
        this.onStep();
        if (isOver() || !this.#take()) end(resolve);
      } catch (error) {
        end(() => reject(error));
      }
    };
    const bunch = () => {
      if (over) return;
      for (let at = 0; at < BUNCH; at++) setImmediate(turn);
      setImmediate(bunch);
    };
    bunch();
    return promise;
  }

  /** False when nothing is left. */
  #take(): boolean {
    for (let step = this.#pop(); step !== undefined; step = this.#pop()) {
      const { actor } = step;
      if (step.cancelled || actor?.alive === false) continue;
      if (actor !== undefined && actor.frozenUntil > step.due) {
        step.due = actor.frozenUntil;
        this.#push(step);
        continue;
      }
      this.now = Math.max(this.now, step.due);
      this.steps++;
      this.trace.step(this.now, actor, step.what);
      if (tracing.steps) this.trace.note(this.now, actor?.label ?? "world", `  ${step.what}`);
      step.run();
      return true;
    }
    return false;
  }

  #push(step: Step): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(step);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (isBefore(heap[above] as Step, step)) break;
      heap[at] = heap[above] as Step;
      at = above;
    }
    heap[at] = step;
  }

  #pop(): Step | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Step, heap[below] as Step)) below++;
      if (isBefore(last, heap[below] as Step)) break;
      heap[at] = heap[below] as Step;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: Step, other: Step): boolean {
  return one.due < other.due || (one.due === other.due && one.order < other.order);
}
