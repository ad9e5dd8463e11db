// What a process of the tests is told to run with which fault, and what came of it.
import type { Counted, Fault } from "./fault.ts";

export interface Order {
  args: string[];
  cwd: string;
  env: Record<string, string>;
  fault: Fault;
}

export interface Done extends Counted {
  /** Null when a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}
