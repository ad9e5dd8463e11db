import { HidbError } from "../../errors.js";

interface BrokenWorker {
  expected: string;
  got: string;
  fix: string;
  cause?: unknown;
}

/** The Worker's own code, or its build, is not there or does not work. */
export function workerBroken({ expected, got, fix, cause }: BrokenWorker): HidbError {
  return new HidbError({ code: "WORKER_BROKEN", message: `expected ${expected}, got ${got}`, fix, cause });
}
