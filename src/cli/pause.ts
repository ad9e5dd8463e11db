// `hidb pause` and `hidb resume`: the whole pool claims nothing new, or claims again.
import { type Command, InvalidArgumentError } from "commander";
import { setPaused } from "../catalogue/backlog.js";
import { isStopped, readSwitches, type Switches } from "../report/switches.js";
import type { Millis } from "../video.js";
import { clock, readSettings, withDatabase } from "./context.js";
import { formatTime, say, sayJson } from "./print.js";

interface Flags {
  dryRun?: boolean;
  json?: boolean;
}

interface PauseFlags extends Flags {
  for?: Millis;
  reason?: string;
}

export function registerPause(program: Command): void {
  program
    .command("pause")
    .description("Claim nothing new; what runs is finished. Holds until `hidb resume`, or for a time.")
    .option("--for <time>", "end the pause by itself after so long: 90s, 30m, 2h, 1d", parseDuration)
    .option("--reason <text>", "shown to whoever looks")
    .option("--dry-run", "say what would happen, change nothing")
    .option("--json", "print one JSON object")
    .addHelpText("after", PAUSE_HELP)
    .action(pause);
}

export function registerResume(program: Command): void {
  program
    .command("resume")
    .description("Claim videos again, whatever kept the pool from it: a pause, a drain, a halt or a hold.")
    .option("--dry-run", "say what would happen, change nothing")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExamples:\n  $ hidb resume\n  $ hidb status --json | jq .paused")
    .action(resume);
}

const PAUSE_HELP = `
Examples:
  $ hidb pause
  $ hidb pause --for 30m --reason "the disk is being swapped"
  $ hidb status --json | jq .paused`;

const UNIT_MS: Record<string, Millis> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST_MS = 366 * 86_400_000;

/** For commander: `30m`, and a bare number is seconds. */
export function parseDuration(text: string): Millis {
  const [, number, unit = "s"] = /^(\d{1,9}(?:\.\d+)?)\s*([smhd])?$/i.exec(text.trim()) ?? [];
  const ms = Math.round(Number(number) * (UNIT_MS[unit.toLowerCase()] ?? Number.NaN));
  if (ms > 0 && ms <= LONGEST_MS) return ms;
  throw new InvalidArgumentError("Expected a time as in 90s, 30m, 2h or 1d, of a year at most.");
}

async function pause(flags: PauseFlags, command: Command): Promise<void> {
  const { dryRun = false, reason } = flags;
  await withDatabase(readSettings(command), dryRun ? "read" : "change", async (database) => {
    const now = clock.now();
    const until = flags.for === undefined ? undefined : now + flags.for;
    const { paused, halted } = await readSwitches(database, now);
    const isSo = paused !== null && !halted && paused.reason === (reason ?? null) && paused.until === (until ?? null);
    const changed = !isSo && (dryRun || (await setPaused(database, true, { reason, until })));
    const shown = { reason: reason ?? null, until: until ?? null };
    if (flags.json) return sayJson({ paused: true, changed, dryRun, ...shown });
    const end = until === undefined ? "" : ` until ${formatTime(until)}`;
    say(
      changed
        ? `the pool ${dryRun ? "would be" : "is"} paused${dryRun ? "" : " now"}${end}`
        : "the pool is paused already",
    );
  });
}

async function resume({ dryRun = false, json = false }: Flags, command: Command): Promise<void> {
  await withDatabase(readSettings(command), dryRun ? "read" : "change", async (database) => {
    const before = await readSwitches(database, clock.now());
    const changed = isStopped(before);
    // Also what is over by now: it need not lie about.
    if (!dryRun) await setPaused(database, false);
    if (json) return sayJson({ paused: false, changed, dryRun });
    if (!changed) say("the pool is not paused already");
    else say(`the pool ${dryRun ? "would not be" : "is not"} ${nameStop(before)}${dryRun ? "" : " now"}`);
  });
}

function nameStop({ paused, hold, draining }: Switches): string {
  if (paused !== null) return "paused";
  return draining ? "drained" : hold !== null ? "held" : "paused";
}
