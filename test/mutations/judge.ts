// Runs tests in a copy, and tells a test that has failed from one that could not run.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Copy } from "./copy.ts";
import type { Catcher } from "./mutation.ts";

/** Of vitest's JSON, which is jest's. */
interface Report {
  testResults: {
    name: string;
    assertionResults: { fullName: string; status: string; failureMessages: string[] }[];
  }[];
}

export interface Ran {
  file: string;
  name: string;
  status: "passed" | "failed";
  failure: string;
}

/** A test that waits for what no longer comes is ended; none needs half as long. */
const TEST_MS = 20_000;
const POLL_MS = 3000;
const RUN_MS = 300_000;

/** The tests that ran; those passed over are left out. */
export async function runTests(copy: Copy, catchers: Catcher[]): Promise<Ran[]> {
  const report = join(copy.folder, "report.json");
  rmSync(report, { force: true });
  const only = [...new Set(catchers.map(({ only }) => only))].map((one) => `(?:${one})`).join("|");
  const files = [...new Set(catchers.map(({ file }) => `test/${file}.test.ts`))];
  const vitest = join(copy.folder, "node_modules/vitest/vitest.mjs");
  const parameters = [
    ...["run", "--config", "test/vitest.config.ts", ...files, "--testNamePattern", only],
    ...["--reporter=json", `--outputFile=${report}`, `--testTimeout=${TEST_MS}`, `--expect.poll.timeout=${POLL_MS}`],
  ];
  const child = spawn(process.execPath, [vitest, ...parameters], {
    cwd: copy.folder,
    stdio: ["ignore", "ignore", "pipe"],
    timeout: RUN_MS,
    killSignal: "SIGKILL",
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-2000);
  });
  await once(child, "close");
  if (!existsSync(report)) throw new Error(`expected a report of ${files.join(", ")}, got none: ${said}`);
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report;
  return testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.flatMap(({ fullName, status, failureMessages }): Ran[] => {
      if (status !== "passed" && status !== "failed") return [];
      const file = name.slice(copy.folder.length + 1);
      return [{ file, name: fullName, status, failure: failureMessages[0] ?? "" }];
    }),
  );
}

export function isOf(ran: Ran, { file, only }: Catcher): boolean {
  return ran.file === `test/${file}.test.ts` && new RegExp(only).test(ran.name);
}

const ASSERTION = /^(?:AssertionError|Error: (?:expected|promise (?:rejected|resolved)|Property failed))/;
/** A mutation whose statement is no SQL any more would fail every test. */
const BROKEN_SQL = /near ".*": syntax error|no such column|Wrong number of parameter bindings/;

/** Something was expected and something else came. */
export function isAssertion({ status, failure }: Pick<Ran, "status" | "failure">): boolean {
  return status === "failed" && ASSERTION.test(failure) && !BROKEN_SQL.test(failure);
}
