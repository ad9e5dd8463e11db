// Who runs hidb: in a process that stays (fast, for what fails), or in one of its own (for what dies).
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type Counted, FAULT_VARIABLE, REPORT_VARIABLE } from "./fault.ts";
import type { Done, Order } from "./order.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
export const CLI = join(ROOT, "dist/cli/hidb.cjs");
export const ENTRY = join(ROOT, "dist/entry.cjs");
const PRELOAD = join(import.meta.dirname, "preload.ts");
const RUNNER = join(import.meta.dirname, "runner.ts");
/** Longer than any patience of hidb's own. */
const HANGS_MS = 60_000;

/** Compiled code of hidb, kept between processes: half of what a start takes. */
const compiled = mkdtempSync(join(tmpdir(), "hidb-nth-code-"));
process.on("exit", () => rmSync(compiled, { recursive: true, force: true }));

export class Runner {
  readonly #child: ChildProcess;
  #ready: Promise<unknown>;

  constructor() {
    this.#child = fork(RUNNER, {
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { PATH: process.env.PATH },
    });
    this.#ready = once(this.#child, "message");
  }

  /** One after the other. */
  run(order: Order): Promise<Done> {
    const done = this.#ready.then(async () => {
      const answered = once(this.#child, "message", { signal: AbortSignal.timeout(HANGS_MS) });
      this.#child.send(order);
      const [answer] = (await answered.catch((cause: unknown) => {
        throw new Error(`expected hidb ${order.args.join(" ")} to end within ${HANGS_MS / 1000} s`, { cause });
      })) as [Done];
      return answer;
    });
    this.#ready = done.catch(() => undefined);
    return done;
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

export interface Running {
  child: ChildProcess;
  /** What it has said so far. */
  said: { stdout: string; stderr: string };
  ended: Promise<Done>;
}

/** A process of its own: a command, or an instance. */
export function start(program: string, { args, cwd, env, fault }: Order): Running {
  const report = join(mkdtempSync(join(tmpdir(), "hidb-nth-")), "report");
  const child = spawn(process.execPath, ["--import", PRELOAD, program, ...args], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH,
      NO_COLOR: "1",
      NODE_COMPILE_CACHE: compiled,
      ...env,
      [FAULT_VARIABLE]: JSON.stringify(fault),
      [REPORT_VARIABLE]: report,
    },
  });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      said[name] += chunk;
    });
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), HANGS_MS);
  const ended = (async () => {
    const [code] = (await once(child, "close")) as [number | null];
    clearTimeout(timer);
    const counted = readReport(report);
    rmSync(dirname(report), { recursive: true, force: true });
    return { code, ...said, ...counted };
  })();
  return { child, said, ended };
}

/** What was hit is told first and counted last. */
function readReport(file: string): Counted {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Counted)
      .reduce((before, next) => ({ ...next, hit: next.hit ?? before.hit }));
  } catch {
    return { operations: 0, hit: undefined };
  }
}
