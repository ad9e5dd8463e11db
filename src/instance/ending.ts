// How an instance comes to its end: the first request to drain counts, and errors that it cannot mend are such a request.
import { EXIT, isPassing } from "../errors.js";
import type { PoolEvent } from "../report/event.js";

export interface DrainRequest {
  because: string;
  exitCode: number;
  /** Running attempts are not waited for: there is no memory left to do so. */
  atOnce: boolean;
}

interface EndingOptions {
  report: (event: PoolEvent) => void;
  onRequest: () => void;
}

export class Ending {
  readonly #options: EndingOptions;
  #requested: DrainRequest | undefined;
  #failure: unknown;

  constructor(options: EndingOptions) {
    this.#options = options;
  }

  get requested(): DrainRequest | undefined {
    return this.#requested;
  }

  request(because: string, exitCode: number = EXIT.completed, { atOnce = false } = {}): void {
    if (this.#requested !== undefined) return;
    this.#requested = { because, exitCode, atOnce };
    this.#options.onRequest();
  }

  /** A database that is busy or full is tried again later; any other error ends the instance with one clear line. */
  noteError(error: unknown): void {
    const { report } = this.#options;
    if (isPassing(error)) {
      report({ type: "database.trouble", error });
      return;
    }
    // All settlements of a group have one error: it is reported once.
    if (error !== this.#failure) report({ type: "instance.failed", error });
    this.#failure = error;
    // The next life finds out whether it lasts: what a restart cannot mend ends there with 42.
    this.request("an error that it cannot mend", EXIT.unfinished);
  }
}
