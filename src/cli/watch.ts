// `hidb watch`: the pool on one screen, until q. It only reads, except for the keys that change something.
import type { Command } from "commander";
import { readSettings, withDatabase } from "./context.js";
import { exitCodeOfSignal, listenForStop } from "./signals.js";

export function registerWatch(program: Command): void {
  program
    .command("watch")
    .description("Watch the pool on one screen; without a terminal: a line a minute.")
    .option("--json", "print one JSON object a second")
    .addHelpText("after", HELP)
    .action(watch);
}

const HELP = `
Examples:
  $ hidb watch
  $ hidb watch --json | jq -c '[.counts.completed, .eta.p90]'

Keys: p pause or resume, r retry failed videos, d details of a video, l logs of this host, + and - scale (with PM2, on
the host of the pool), q quit. The pool itself goes on. On D1 the database is asked every 10 seconds at most.`;

async function watch(flags: { json?: boolean }, command: Command): Promise<void> {
  const config = readSettings(command);
  const stop = listenForStop({ waitsFor: () => "the database to answer, or PM2 to scale" });
  await withDatabase(config, "read", async (database, catalogue) => {
    const json = flags.json ?? false;
    if (json || !process.stdout.isTTY || !process.stdin.isTTY) {
      const { watchPlainly } = await import("./watch/plain.js");
      return watchPlainly({ database, config, stop: stop.signal, json });
    }
    const [{ Session }, { openTerminal }] = await Promise.all([
      import("./watch/session.js"),
      import("./watch/terminal.js"),
    ]);
    const terminal = openTerminal({ onKey: (key) => session.press(key), onResize: () => session.resize() });
    const session = new Session({ database, catalogue, config, surface: terminal, stop });
    try {
      await session.run();
    } finally {
      terminal.close();
    }
  });
  process.exitCode = exitCodeOfSignal(stop.signal.reason) ?? 0;
}
