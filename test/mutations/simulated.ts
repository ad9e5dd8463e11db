// Whether a simulated pool breaks without a protection: the same seeds hold with it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Copy } from "./copy.ts";

export interface Broken {
  seed: number;
  /** Which of the invariants. */
  rule: string;
}

interface Seeds {
  count: number;
  /** Those that say nothing, since they break anyway. */
  except: ReadonlySet<number>;
  /** Ends with the first. */
  bail: boolean;
}

const RUN_MS = 600_000;
const BROKEN = /^seed (\d+): BROKEN ([^:]+):/;

/** The seeds from 1 on that break; errors: the simulator itself has ended before its time. */
export async function simulateSeeds(copy: Copy, { count, except, bail }: Seeds): Promise<Broken[]> {
  const program = join(copy.folder, "test/simulation/run.ts");
  const child = spawn(process.execPath, ["--no-warnings", program, "--child", "--seeds", String(count)], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: RUN_MS,
    killSignal: "SIGKILL",
  });
  const closed = once(child, "close");
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-500);
  });
  const found: Broken[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [, seed, rule = ""] = BROKEN.exec(line) ?? [];
    if (seed === undefined || except.has(Number(seed))) continue;
    found.push({ seed: Number(seed), rule });
    if (bail) break;
  }
  if (bail && found.length > 0) child.kill("SIGKILL");
  const [code, signal] = await closed;
  if (code !== 0 && found.length === 0) throw new Error(`the simulator ended with ${code ?? signal}: ${said.trim()}`);
  return found;
}
