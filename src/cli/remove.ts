// `hidb remove`: removes videos from the catalogue, with all records of them.
import type { Command } from "commander";
import { refuseForeignTable } from "../catalogue/add.js";
import { findStates } from "../catalogue/backlog.js";
import { findRemovable, type Removal, removeVideos } from "../catalogue/remove.js";
import type { Database } from "../database/database.js";
import { HidbError } from "../errors.js";
import { appendToJournal } from "../report/journal.js";
import { STATES, type State } from "../video.js";
import { refuseNothing } from "./choose.js";
import { clock, collectVideoIds, parseStates, readSettings, withDatabase } from "./context.js";
import { asTyped, formatCount, note, plural, say, sayJson } from "./print.js";

interface RemoveFlags {
  state?: State[];
  source?: string;
  dryRun?: boolean;
  json?: boolean;
}

export function registerRemove(program: Command): void {
  program
    .command("remove")
    .description(
      "Remove videos from the catalogue, with their outputs and attempts; the files stay. Running ones are left.",
    )
    .argument("[ids...]", "ids of videos", collectVideoIds)
    .option("--state <states>", "only those in these states, separated by commas", parseStates)
    .option("--source <pattern>", "only those whose whole source fits; * stands for any characters, ? for one")
    .option("--dry-run", "say what would happen, change nothing")
    .option("--json", "print one JSON object")
    .addHelpText("after", HELP)
    .action(remove);
}

const HELP = `
Examples:
  $ hidb remove 7 8
  $ hidb remove --state failed,cancelled --dry-run
  $ hidb remove --source '/mnt/old/*'`;

const FIRST_SHOWN = 10;

async function remove(given: number[], flags: RemoveFlags, command: Command): Promise<void> {
  const { state: states = [...STATES], source, dryRun = false } = flags;
  if (source === undefined) refuseNothing(given, flags.state ?? [], "hidb remove 7, or hidb remove --state failed");
  if (flags.state?.includes("running")) throw runningStays();
  const config = readSettings(command);
  await withDatabase(config, dryRun ? "read" : "change", async (database, catalogue) => {
    refuseForeignTable(catalogue, "remove from");
    if (given.length > 0) await findStates(database, given);
    const removal = { ids: given.length > 0 ? given : null, states, matches: toMatcher(source), now: clock.now() };
    const { count, first, running } = await removeAll(database, removal, { journal: config.journal, dryRun });
    if (flags.json) return sayJson({ removed: count, first, running, dryRun });
    say(
      `${plural(count, "video")} ${dryRun ? "would be" : count === 1 ? "is" : "are"} removed${describeFirst(first, count)}`,
    );
    const left = given.length - count - running;
    if (running > 0)
      note(asTyped(`left as it is: ${plural(running, "video")} still running; \`hidb cancel\` ends that`));
    if (left > 0) note(`left as it is: ${plural(left, "video")} of another state or source`);
  });
}

interface Removed {
  count: number;
  first: number[];
  running: number;
}

export async function removeAll(
  database: Database,
  removal: Removal,
  { journal, dryRun }: { journal: string; dryRun: boolean },
): Promise<Removed> {
  const all: Removed = { count: 0, first: [], running: 0 };
  for await (const { ids, running } of findRemovable(database, removal)) {
    all.running += running;
    if (ids.length === 0) continue;
    // Noted before it is done, as a retry is: an id that is given to another video later begins anew in the journal.
    if (journal !== "" && !dryRun) appendToJournal(journal, "remove", ids, { time: clock.nowFine() });
    const removed = dryRun ? ids : await removeVideos(database, ids, removal);
    all.count += removed.length;
    all.running += ids.length - removed.length;
    all.first.push(...removed.sort((a, b) => a - b).slice(0, FIRST_SHOWN - all.first.length));
  }
  return all;
}

function toMatcher(pattern: string | undefined): (source: string) => boolean {
  if (pattern === undefined) return () => true;
  const parts = pattern
    .replace(/[\\^$.|+()[\]{}]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  const expression = new RegExp(`^${parts}$`, "su");
  return (source) => expression.test(source);
}

function describeFirst(first: number[], count: number): string {
  if (first.length === 0) return "";
  const more = count > first.length ? `, and ${formatCount(count - first.length)} more` : "";
  return `: ${first.join(", ")}${more}`;
}

function runningStays(): HidbError {
  return new HidbError({
    code: "USAGE",
    message: "expected states in which no instance has the video, got running",
    fix: "`hidb cancel` the videos first",
  });
}
