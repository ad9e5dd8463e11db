// `hidb cancel`: videos that shall not be processed; one that runs is stopped at its instance's next heartbeat.
import type { Command } from "commander";
import { cancelVideos, countChosen } from "../catalogue/backlog.js";
import { appendToJournal } from "../report/journal.js";
import type { State } from "../video.js";
import { describeUntouched, refuseNothing } from "./choose.js";
import { clock, collectVideoIds, readSettings, withDatabase } from "./context.js";
import { note, plural, say, sayJson } from "./print.js";

interface CancelFlags {
  pending?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

export function registerCancel(program: Command): void {
  program
    .command("cancel")
    .description("Cancel videos that are pending or running; `hidb retry --cancelled` brings them back.")
    .argument("[ids...]", "ids of videos", collectVideoIds)
    .option("--pending", "all that are pending")
    .option("--dry-run", "say what would happen, change nothing")
    .option("--json", "print one JSON object")
    .addHelpText("after", HELP)
    .action(cancel);
}

const HELP = `
Examples:
  $ hidb cancel 7 8
  $ hidb cancel --pending --dry-run`;

async function cancel(given: number[], flags: CancelFlags, command: Command): Promise<void> {
  refuseNothing(given, flags.pending ? ["pending"] : [], "hidb cancel 7, or hidb cancel --pending");
  const states: State[] = given.length > 0 ? ["pending", "running"] : ["pending"];
  const choice = { ids: given.length > 0 ? given : null, states };
  const config = readSettings(command);
  await withDatabase(config, flags.dryRun ? "read" : "change", async (database) => {
    const untouched = await describeUntouched(database, given, states);
    const time = clock.nowFine();
    const count = flags.dryRun ? await countChosen(database, choice) : await cancelNow();
    if (flags.json) return sayJson({ cancelled: count, dryRun: flags.dryRun ?? false });
    say(`${plural(count, "video")} ${flags.dryRun ? "would be" : count === 1 ? "is" : "are"} cancelled`);
    if (untouched !== undefined) note(untouched);

    async function cancelNow(): Promise<number> {
      const cancelled = await cancelVideos(database, choice, clock.now());
      if (config.journal !== "") appendToJournal(config.journal, "cancel", cancelled, { time, done: clock.nowFine() });
      return cancelled.length;
    }
  });
}
