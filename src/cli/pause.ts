// `hidb pause` and `hidb resume`: the whole pool claims nothing new, or claims again.
import type { Command } from "commander";
import { setPaused } from "../catalogue/backlog.js";
import { readSwitches } from "../report/switches.js";
import { clock, readSettings, withDatabase } from "./context.js";
import { say, sayJson } from "./print.js";

interface PauseFlags {
  dryRun?: boolean;
  json?: boolean;
}

export function registerPause(program: Command): void {
  register(program, "pause", "Claim nothing new; what runs is finished. Holds until `hidb resume`.", true);
}

export function registerResume(program: Command): void {
  register(program, "resume", "Claim videos again after `hidb pause`.", false);
}

function register(program: Command, name: string, description: string, paused: boolean): void {
  program
    .command(name)
    .description(description)
    .option("--dry-run", "say what would happen, change nothing")
    .option("--json", "print one JSON object")
    .addHelpText("after", `\nExamples:\n  $ hidb ${name}\n  $ hidb status --json | jq .paused`)
    .action((flags: PauseFlags, command: Command) => change(paused, flags, command));
}

async function change(paused: boolean, flags: PauseFlags, command: Command): Promise<void> {
  await withDatabase(readSettings(command), flags.dryRun ? "read" : "change", async (database) => {
    const isPaused = async () => (await readSwitches(database, clock.now())).paused !== null;
    const changed = flags.dryRun ? (await isPaused()) !== paused : await setPaused(database, paused);
    if (flags.json) return sayJson({ paused, changed, dryRun: flags.dryRun ?? false });
    const state = paused ? "paused" : "not paused";
    if (!changed) say(`the pool is ${state} already`);
    else say(flags.dryRun ? `the pool would be ${state}` : `the pool is ${state} now`);
  });
}
