// HIDB_NOTIFY: tells a URL or a program that a run has ended or was halted. Loaded when there is something to tell.
import { spawn } from "node:child_process";
import { parseArgsStringToArgv } from "string-argv";
import type { Clock } from "../clock.js";
import { environmentForPrograms } from "../config/secrets.js";
import { messageOf } from "../errors.js";
import { HttpClient } from "../http-client.js";
import type { Millis } from "../video.js";
import type { NoticeEvent } from "./event.js";
import type { StateCounts } from "./status.js";

export interface Notice {
  event: NoticeEvent | "test";
  /** One line for people; chat services show it. */
  text: string;
  /** Of a halt. */
  reason: string | null;
  at: Millis;
  startedAt: Millis | null;
  /** Of this run; failed ones with those in quarantine. */
  completed: number;
  failed: number;
  /** Of the whole catalogue. */
  counts: StateCounts;
}

export interface Told {
  /** As a person may see it: a URL's path and a program's arguments may be secrets. */
  to: string;
  /** Null when it went well. */
  why: string | null;
}

const TRY_MS: Millis = 10_000;
const PAUSES_MS: Millis[] = [1000, 5000];
const PROGRAM_MS: Millis = 60_000;
/** What all tries together take at most, and a little. */
export const NOTICE_MS: Millis = 90_000;
/** Statuses that may be others a moment later. */
const TRY_AGAIN = [408, 425, 429];

/** Resolves when the notice was taken, or has been given up. */
export async function tell(target: string, notice: Notice, clock: Clock): Promise<Told> {
  if (!/^https?:/i.test(target)) return runProgram(target, notice);
  const url = new URL(target);
  const to = url.origin;
  for (let tries = 0; ; tries++) {
    const answer = await post(url, JSON.stringify(notice)).catch((error: unknown) => `no answer: ${nameError(error)}`);
    if (answer === 200) return { to, why: null };
    const why = typeof answer === "number" ? `expected ${to} to take the notice, got status ${answer}` : answer;
    const hopeless = typeof answer === "number" && answer < 500 && !TRY_AGAIN.includes(answer);
    const pauseMs = PAUSES_MS[tries];
    if (hopeless || pauseMs === undefined) return { to, why };
    await clock.sleep(pauseMs);
  }
}

/** Resolves to the status, any success as 200. Redirects are not followed: the person has named where it goes. */
async function post(url: URL, body: string): Promise<number> {
  const headers = { "content-type": "application/json", "user-agent": "hidb" };
  const signal = AbortSignal.timeout(TRY_MS);
  const response = await new HttpClient({}).request({ url, method: "POST", headers, body, signal });
  response.on("error", () => undefined).resume();
  const { statusCode: status = 0 } = response;
  return status >= 200 && status < 300 ? 200 : status;
}

/** A system's own code, since messages may hold the address. */
function nameError(error: unknown): string {
  if (error instanceof Error && (error.name === "AbortError" || error.name === "TimeoutError"))
    return "nothing in time";
  return error instanceof Error && "code" in error ? String(error.code) : "the connection failed";
}

async function runProgram(command: string, notice: Notice): Promise<Told> {
  const [program = "", ...args] = parseArgsStringToArgv(command);
  const to = program.split("/").at(-1) ?? program;
  const { promise, resolve } = Promise.withResolvers<string | null>();
  try {
    const env = { ...environmentForPrograms(), ...toEnvironment(notice) };
    const child = spawn(program, args, {
      env,
      stdio: "ignore",
      killSignal: "SIGKILL",
      signal: AbortSignal.timeout(PROGRAM_MS),
    });
    child.on("error", (error) => resolve(`expected ${to} to start, got ${nameError(error)}`));
    child.on("exit", (code, signal) =>
      resolve(code === 0 ? null : `expected ${to} to exit with 0, got ${code ?? signal}`),
    );
  } catch (error) {
    resolve(`expected ${to} to start, got ${messageOf(error)}`);
  }
  return { to, why: await promise };
}

/** Not named HIDB_: a hidb that the program calls would take those for settings. */
function toEnvironment(notice: Notice): Record<string, string> {
  return {
    NOTICE_EVENT: notice.event,
    NOTICE_TEXT: notice.text,
    NOTICE_REASON: notice.reason ?? "",
    NOTICE_COMPLETED: String(notice.completed),
    NOTICE_FAILED: String(notice.failed),
    NOTICE_OPEN: String(notice.counts.pending + notice.counts.running),
    NOTICE_TOTAL: String(notice.counts.total),
    NOTICE_JSON: JSON.stringify(notice),
  };
}
