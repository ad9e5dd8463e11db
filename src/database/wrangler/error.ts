import { HidbError } from "../../errors.js";

interface WranglerConfigProblem {
  expected: string;
  got: string;
  fix: string;
  cause?: unknown;
}

export function wranglerConfigError({ expected, got, fix, cause }: WranglerConfigProblem): HidbError {
  return new HidbError({ code: "WRANGLER_CONFIG", message: `expected ${expected}, got ${got}`, fix, cause });
}
