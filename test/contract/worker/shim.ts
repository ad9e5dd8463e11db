// The shim, with one recorded Worker after another in it. It runs in a process of its own: with the isolation "process" a
// Worker's globals take the place of that process's, and what goes wrong in one ends it.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Answer, WorkerCase } from "./case.ts";
import type { Isolation } from "./differences.ts";
import { builtCase } from "./projects.ts";

export interface Shim {
  /** The answers of a Worker to its calls. */
  ask(worker: WorkerCase): Promise<Answer[]>;
  close(): Promise<void>;
}

/** What the child is sent; it answers with `Answer[]`. */
export interface ShimTask {
  worker: WorkerCase;
  isolation: Isolation;
  outside: string;
}

const PATIENCE_MS = 120_000;

export function startShim(isolation: Isolation, outside: string): Shim {
  let child: ChildProcess | undefined;
  const end = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  };
  return {
    async ask(worker) {
      if (child === undefined || !child.connected) {
        // A Worker among them calls url.parse(), which Node would complain of on the terminal.
        const execArgv = ["--disable-warning=DEP0169"];
        child = fork(join(import.meta.dirname, "shim-child.ts"), { serialization: "advanced", execArgv });
      }
      const task: ShimTask = { worker: await builtCase(worker), isolation, outside };
      child.send(task);
      const answers = await answerOfChild(child);
      if (answers !== undefined) return answers;
      await end();
      return [{ error: "the process of the shim ended or hung" }];
    },
    close: end,
  };
}

async function answerOfChild(child: ChildProcess): Promise<Answer[] | undefined> {
  const { promise, resolve } = Promise.withResolvers<Answer[] | undefined>();
  const timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
  const onMessage = (answers: Answer[]) => resolve(answers);
  const onExit = () => resolve(undefined);
  child.once("message", onMessage).once("exit", onExit);
  const answers = await promise;
  clearTimeout(timer);
  child.off("message", onMessage).off("exit", onExit);
  return answers;
}
