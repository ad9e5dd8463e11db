// The process that hosts hostile Workers, seen from outside: given one after the other, and replaced when one has ended it.
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";

export interface Hosted {
  source: string;
  isolation: "thread" | "process";
  node: boolean;
  timeoutMs: number;
}

/** What the process tells of one Worker. */
export interface Told {
  /** "" where it has started, "refused" with a reason for people, "broken" with anything else. */
  start: string;
  refusal?: string;
  startMs: number;
  closeMs?: number;
  videos: {
    id: number;
    tookMs: number;
    kind: string;
    /** Of its output or reason. */
    length: number;
    text: string;
    controls: boolean;
    hung: boolean;
  }[];
  lines: number;
  longestLine: number;
  logged: number;
  grownMb: number;
  left: string;
  rssMb?: number;
}

/** `told` is undefined where the process ended or hung. */
export interface Seen {
  told?: Told;
  end?: string;
}

export class Instance {
  #child: ChildProcess | undefined;
  #said = "";

  async host(hosted: Hosted, patienceMs: number): Promise<Seen> {
    const child = this.#open();
    const { promise, resolve } = Promise.withResolvers<Seen>();
    const tell = (told: unknown) => resolve({ told: told as Told });
    const exit = (code: number | null, signal: string | null) =>
      resolve({ end: `ended with ${code ?? signal}: ${this.#said.trim().slice(-600)}` });
    const timer = setTimeout(() => resolve({ end: `no word for ${patienceMs} ms` }), patienceMs);
    child.once("message", tell).once("exit", exit);
    child.send(hosted);
    const seen = await promise;
    clearTimeout(timer);
    child.off("message", tell).off("exit", exit);
    if (seen.told === undefined) this.close();
    return seen;
  }

  close(): void {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
  }

  #open(): ChildProcess {
    if (this.#child?.connected) return this.#child;
    this.#said = "";
    const child = fork(join(import.meta.dirname, "child.ts"), [], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      execArgv: [],
    });
    const hear = (text: Buffer) => {
      this.#said = (this.#said + text.toString("utf8")).slice(-4000);
    };
    child.stdout?.on("data", hear);
    child.stderr?.on("data", hear);
    this.#child = child;
    return child;
  }
}
