// `hidb list`: the videos, one a line.
import type { Command } from "commander";
import { type ListedVideo, listVideos } from "../report/videos.js";
import type { State } from "../video.js";
import { NO_SOURCE, parseCount, parseStates, parseVideoId, readSettings, withDatabase } from "./context.js";
import { printable, sayMuch } from "./print.js";

interface ListFlags {
  state?: State[];
  limit?: number;
  offset?: number;
  after?: number;
  json?: boolean;
}

export function registerList(program: Command): void {
  program
    .command("list")
    .description("List videos with their states, by id.")
    .option("--state <states>", "only these, separated by commas", parseStates)
    .option("--limit <count>", "at most so many", parseCount)
    .option("--offset <count>", "leave out so many first", parseCount)
    .option("--after <id>", "only ids above this one", parseVideoId)
    .option("--json", "print one JSON object a line")
    .addHelpText("after", HELP)
    .action(list);
}

const HELP = `
Examples:
  $ hidb list --state failed,quarantined
  $ hidb list --limit 20 --after 1000
  $ hidb list --json | jq -r 'select(.state == "completed") | .source'`;

async function list(flags: ListFlags, command: Command): Promise<void> {
  const config = readSettings(command);
  const { state: states = [], json = false, ...page } = flags;
  await withDatabase(config, "read", async (database, catalogue) => {
    for await (const videos of listVideos(database, catalogue, {
      states,
      ...page,
    })) {
      const lines = videos.map(json ? toJson : toText);
      await sayMuch(lines.join(""));
    }
  });
}

function toJson({ id, source, title, state, attempt, error, output }: ListedVideo): string {
  return `${JSON.stringify({ id, source, title, state, attempt, error, output })}\n`;
}

function toText({ id, source, title, state, attempt, error }: ListedVideo): string {
  const name = printable(source ?? NO_SOURCE);
  const more = [title === null ? "" : `"${printable(title)}"`, error === null ? "" : printable(error)].filter(Boolean);
  return `${String(id).padStart(6)}  ${state.padEnd(11)}  ${attempt}  ${[name, ...more].join("  ")}\n`;
}
