// `hidb list`: the videos, one a line.
import { type Command, InvalidArgumentError } from "commander";
import { describeLimits } from "../report/limits.js";
import { type ListedVideo, listVideos } from "../report/videos.js";
import { LIMIT_NAMES, type LimitName, type State } from "../video.js";
import { NO_SOURCE, parseCount, parseStates, parseVideoId, readSettings, withDatabase } from "./context.js";
import { printable, sayMuch } from "./print.js";

interface ListFlags {
  state?: State[];
  over?: readonly LimitName[];
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
    .option("--over <limits>", "only those that would have failed on Workers: any, or names of limits", parseLimits)
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
  $ hidb list --over cpu,memory     what Cloudflare Workers would not have let through
  $ hidb list --json | jq -r 'select(.state == "completed") | .source'`;

async function list(flags: ListFlags, command: Command): Promise<void> {
  const config = readSettings(command);
  const { state: states = [], json = false, ...page } = flags;
  await withDatabase(config, "read", async (database, catalogue) => {
    for await (const videos of listVideos(database, catalogue, {
      states,
      withUsage: json,
      ...page,
    })) {
      const lines = videos.map(json ? toJson : toText);
      await sayMuch(lines.join(""));
    }
  });
}

function toJson({ id, source, title, state, attempt, error, output, usage }: ListedVideo): string {
  const known = { id, source, title, state, attempt, error, output };
  return `${JSON.stringify(usage === undefined ? known : { ...known, over: usage.over, usage })}\n`;
}

function toText({ id, source, title, state, attempt, error, usage }: ListedVideo): string {
  const name = printable(source ?? NO_SOURCE);
  const more = [
    title === null ? "" : `"${printable(title)}"`,
    usage === undefined ? "" : describeLimits(usage).join(", "),
    error === null ? "" : printable(error),
  ].filter(Boolean);
  return `${String(id).padStart(6)}  ${state.padEnd(11)}  ${attempt}  ${[name, ...more].join("  ")}\n`;
}

/** For commander: `cpu,memory`, or `any`. */
function parseLimits(text: string): readonly LimitName[] {
  const names = text.split(",").map((name) => name.trim().toLowerCase());
  if (names.includes("any")) return LIMIT_NAMES;
  return names.map((name) => {
    const limit = LIMIT_NAMES.find((candidate) => candidate.toLowerCase() === name);
    if (limit === undefined)
      throw new InvalidArgumentError(`Expected any, or limits out of ${LIMIT_NAMES.join(", ")}.`);
    return limit;
  });
}
