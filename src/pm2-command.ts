// Spawns the `pm2` command: PM2 is never imported, and every command has a time limit.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { systemClock as clock } from "./clock.js";
import { HidbError, messageOf } from "./errors.js";
import type { Millis } from "./video.js";

/** Time limit of commands that PM2 answers from memory. */
export const PM2_ANSWER_MS: Millis = 20_000;

export interface Pm2Options {
  environment: NodeJS.ProcessEnv;
  timeoutMs: Millis;
  cwd?: string;
}

export interface Pm2Answer {
  /** Undefined when the time limit ended it. */
  code: number | undefined;
  stdout: string;
  stderr: string;
}

const running = new Set<ChildProcess>();
/** A command that only asks must not start a daemon where that has just ended: these options of its Node end it at once. */
const NO_DAEMON = { PM2_NODE_OPTIONS: "--eval 0" };

/** Kills the process group of every command in progress. */
export function endPm2Commands(): void {
  for (const child of running) endGroup(child);
}

/** Errors: PM2_FAILED where it cannot be started; a failure or a timeout is in the answer. */
export function runPm2(args: string[], options: Pm2Options): Promise<Pm2Answer> {
  return startPm2(args, options).answer;
}

export function startPm2(args: string[], { environment, timeoutMs, cwd }: Pm2Options) {
  const quiet = { PM2_DISCRETE_MODE: "true", PM2_DISABLE_VERSION_CHECK: "true", NO_COLOR: "1" };
  const child = spawn(process.execPath, [findPm2().bin, ...args], {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...environment, ...quiet, ...(args[0] === "jlist" ? NO_DAEMON : {}) },
    stdio: ["ignore", "pipe", "pipe"],
    // A process group of its own: Ctrl-C must not end it while hidb drains the pool.
    detached: true,
  });
  running.add(child);
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      output[name] += chunk;
    });
  }
  const answer = new Promise<Pm2Answer>((resolve, reject) => {
    const timer = clock.timer(timeoutMs, () => {
      endGroup(child);
      resolve({ code: undefined, ...output });
    });
    child.once("error", (error) => {
      timer.cancel();
      reject(notStarted(args, error));
    });
    // Not "exit": output may still arrive after it.
    child.once("close", (code) => {
      timer.cancel();
      resolve({ code: code ?? 1, ...output });
    });
  }).finally(() => running.delete(child));
  return { child, answer };
}

/** The daemon is not in the group: PM2 gives it a session of its own. */
function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

export function findPm2(): { bin: string; version: string } {
  const file = createRequire(import.meta.url).resolve("pm2/package.json");
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  return { bin: join(dirname(file), "bin", "pm2"), version };
}

/** The list that `pm2 jlist` prints after its other messages; without a daemon it prints nothing. Errors: PM2_FAILED. */
export function readPm2List<T>(answer: Pm2Answer): T[] {
  const list = /\[(?:\{.*\})?\]$/.exec(answer.stdout.trimEnd())?.[0];
  if (answer.code === 0 && answer.stdout.trim() === "") return [];
  try {
    if (answer.code === 0 && list !== undefined) return JSON.parse(list) as T[];
  } catch {
    // Truncated: reported below.
  }
  throw pm2Failed("jlist", answer);
}

export function pm2Failed(command: string, answer: Pm2Answer): HidbError {
  const { code } = answer;
  const got = code === undefined ? "no answer in time" : `exit code ${code}`;
  const said = lastLine(answer);
  return new HidbError({
    code: "PM2_FAILED",
    message: `expected \`pm2 ${command}\` to succeed, got ${got}${said === "" ? "" : `: ${said}`}`,
    fix: `run \`npx pm2 ${command}\` to see all that it says`,
  });
}

function notStarted([command = ""]: string[], error: Error): HidbError {
  return new HidbError({
    code: "PM2_FAILED",
    message: `expected to start \`pm2 ${command}\`, got ${messageOf(error)}`,
    fix: "let this user have more processes and open files (`ulimit -u`, `ulimit -n 1024`)",
    cause: error,
  });
}

/** The last line with a message, without stack traces and what Node prints below them. */
function lastLine({ stdout, stderr }: Pm2Answer): string {
  const lines = stripVTControlCharacters(stderr.trim() === "" ? stdout : stderr)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /\w/.test(line) && !/^(at |Node\.js v|code:|errno:|syscall:|path:|\^)/.test(line));
  return lines.findLast((line) => /[Ee]rror|\bE[A-Z]{3,}\b/.test(line)) ?? lines.at(-1) ?? "";
}
