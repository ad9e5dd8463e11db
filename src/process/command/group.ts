// Part of the processor `command`: one program in a process group of its own, from its start to its last process.
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Clock } from "../../clock.js";
import { type Guard, MARK } from "./guard.js";
import { Tail } from "./tail.js";

export interface Program {
  name: string;
  args: string[];
  environment: NodeJS.ProcessEnv;
}

export interface GroupEnd {
  /** Null when a signal ended it. */
  exitCode: number | null;
  endedBy: NodeJS.Signals | null;
  stdout: Tail;
  stderr: Tail;
}

const STDOUT_KEPT = 64 * 1024;
const STDERR_KEPT = 4 * 1024;
/** What a group is given between SIGTERM and SIGKILL, and what its program leaves behind after its own end. */
const GRACE_MS = 2000;

/** Runs the program until its whole group has ended; rejects with the system's error if it could not be started. */
export async function runGroup(
  program: Program,
  { clock, guard, mark, signal }: { clock: Clock; guard: Guard; mark: string; signal: AbortSignal },
): Promise<GroupEnd> {
  guard.open();
  const child = spawn(program.name, program.args, {
    detached: true,
    env: { ...program.environment, [MARK]: mark },
    stdio: ["ignore", "pipe", "pipe"],
  });
  // A child that could not be started may lack its streams as well.
  if (child.pid === undefined) throw (await once(child, "error"))[0];
  const group = child.pid;
  guard.watch(group); // Before anything else, so that a SIGKILL finds the group announced.
  const stdout = collect(child.stdout, STDOUT_KEPT);
  const stderr = collect(child.stderr, STDERR_KEPT);
  const closed = new Promise((resolve) => child.once("close", resolve));
  const over = new AbortController();
  const passGrace = () => clock.sleep(GRACE_MS, over.signal);

  async function stop(): Promise<void> {
    signalGroup(group, "SIGTERM");
    await passGrace(); // Cut short when the group is over, which then is swept all the same.
    signalGroup(group, "SIGKILL");
    guard.sweep(mark);
    // One that waits for a dead disk ends late, and the instance need not stay alive for it.
    child.unref();
    child.stdout.destroy();
    child.stderr.destroy();
  }
  signal.addEventListener("abort", stop, { once: true });
  try {
    const [exitCode, endedBy] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    // The program may have left others behind that still hold its output; what they have to say belongs to it.
    await Promise.race([closed, passGrace()]);
    return { exitCode, endedBy, stdout, stderr };
  } finally {
    signal.removeEventListener("abort", stop);
    over.abort();
    signalGroup(group, "SIGKILL");
    child.stdout.destroy();
    child.stderr.destroy();
    guard.forget(group);
  }
}

function collect(stream: NodeJS.ReadableStream, limit: number): Tail {
  const tail = new Tail(limit);
  stream.on("data", (chunk: Buffer) => tail.add(chunk));
  stream.on("error", () => {}); // It only says that the other end is gone, as "exit" does.
  return tail;
}

function signalGroup(group: number, name: NodeJS.Signals): void {
  try {
    process.kill(-group, name);
  } catch {
    // The group is empty, or what is left of it has taken another user's rights: neither can be mended here.
  }
}
