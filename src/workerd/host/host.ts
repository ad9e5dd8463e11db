// What carries events to a Worker, wherever it runs: a thread of its own that is replaced when it ends, or this process.
import type { D1Database } from "@cloudflare/workers-types";
import type { Clock } from "../../clock.js";
import type { Millis } from "../../video.js";
import { answerDatabase } from "../env/host-d1.js";
import type { WorkerPlan } from "../plan.js";
import type { Event, EventAnswer, LogLevel, OutgoingMessage, Question, Running } from "./protocol.js";

export interface HostOptions {
  plan: WorkerPlan;
  clock: Clock;
  /** Databases that live here, by the keys of the plan. */
  databases: ReadonlyMap<string, D1Database>;
  onLog: (level: LogLevel, text: string) => void;
  /** Takes what the Worker sends to a queue. */
  onSend: (queue: string, messages: OutgoingMessage[]) => Promise<void>;
  /** Memory at which a thread is ended, in the mode `enforce` the limit itself. */
  maxMemoryMb: number;
  /** A thread that computes for so long while several events are open in it is ended; without it none is. */
  maxBlockMs?: Millis;
}

export interface RunOptions {
  /** In a thread that no other event shares, where there are threads. */
  alone?: boolean;
}

export interface Host {
  /** The events that the Worker has handlers for. */
  readonly handlers: readonly string[];
  /**
   * `answer` and `ended` reject with ThreadEnded when the Worker's thread ended before; an aborted event is given a
   * moment to end by itself, then what it runs in is ended for it.
   */
  run<E extends Event>(event: E, signal?: AbortSignal, options?: RunOptions): Running<EventAnswer<E["kind"]>>;
  close(): Promise<void>;
}

export async function answerQuestion(question: Question, { databases, onSend }: HostOptions): Promise<unknown> {
  switch (question.kind) {
    case "d1": {
      const database = databases.get(question.key);
      if (database === undefined) throw new Error(`no database is called ${question.key}`);
      return answerDatabase(database, question.ask);
    }
    case "send":
      return onSend(question.queue, question.messages);
    default:
      return question satisfies never;
  }
}
