// What is said to one end of a WebSocket.
import { AsyncLocalStorage } from "node:async_hooks";
import { native } from "../native.js";

/** What one end says to the other. */
export interface Peer {
  message(data: string | Uint8Array): void;
  /** A null code stands for none. */
  close(code: number | null, reason: string): void;
  /** Gone without a word. */
  lost(): void;
}

const NO_CLOSE_FRAME = "WebSocket disconnected without sending Close frame.";

export type Heard =
  | { kind: "open" }
  | { kind: "message"; data: string | Uint8Array }
  | { kind: "close"; code: number | null; reason: string }
  | { kind: "lost"; reason: string };

/** What is said to an end: it waits until that end listens, and is heard a turn of the event loop later. */
export class Inbound implements Peer {
  readonly #hear: (heard: Heard) => void;
  #waiting: Heard[] = [];
  /** The invocation that accepted: its handlers run in it. */
  #inContext: ReturnType<typeof AsyncLocalStorage.snapshot> | undefined;
  #isScheduled = false;

  constructor(hear: (heard: Heard) => void) {
    this.#hear = hear;
  }

  get isOpen(): boolean {
    return this.#inContext !== undefined;
  }

  open(): void {
    this.#inContext ??= AsyncLocalStorage.snapshot();
    this.#schedule();
  }

  stop(): void {
    this.#waiting = [];
  }

  message(data: string | Uint8Array): void {
    this.hear({ kind: "message", data });
  }

  close(code: number | null, reason: string): void {
    this.hear({ kind: "close", code, reason });
  }

  lost(): void {
    this.hear({ kind: "lost", reason: NO_CLOSE_FRAME });
  }

  hear(heard: Heard): void {
    this.#waiting.push(heard);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0 || this.#inContext === undefined) return;
    this.#isScheduled = true;
    native.setImmediate(() => {
      this.#isScheduled = false;
      const next = this.#waiting.shift();
      if (next !== undefined) this.#inContext?.(this.#hear, next);
      this.#schedule();
    });
  }
}
