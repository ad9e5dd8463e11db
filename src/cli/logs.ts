// `hidb logs`: the log lines of all instances of this host, in time order.
import { type Command, InvalidArgumentError, Option } from "commander";
import { HidbError } from "../errors.js";
import { LOG_LEVELS, type LogFilter, type LogLevel, type LogLine } from "../report/log/line.js";
import { dayOf, formatLine, type Paint } from "../report/log/pretty.js";
import { type LogFolder, openLogFolder } from "../report/log/read.js";
import type { Millis } from "../video.js";
import { clock, parseCount, parseVideoId, readSettings } from "./context.js";
import { note, sayMuch, styled } from "./print.js";

interface LogsFlags {
  follow?: boolean;
  lines?: number;
  rank?: number;
  video?: number;
  level?: LogLevel;
  since?: Millis;
  json?: boolean;
  pretty?: boolean;
}

export function registerLogs(program: Command): void {
  program
    .command("logs")
    .description("Show what the instances of this host log, merged in time order.")
    .option("-f, --follow", "go on with what they log from now on")
    .option("-n, --lines <count>", "the last so many lines (default: 50, or all since --since)", parseCount)
    .option("-w, --rank <rank>", "only the instance of this rank", parseCount)
    .option("--video <id>", "only lines about this video", parseVideoId)
    .addOption(new Option("--level <level>", "only this level and more urgent ones").choices(LOG_LEVELS))
    .option("--since <when>", "only lines of the last 30s, 10m, 2h, 1d, or since a moment (ISO 8601)", parseSince)
    .addOption(new Option("--json", "the lines as they are in the files (default without a terminal)"))
    .addOption(new Option("--pretty", "as people read them, also without a terminal").conflicts("json"))
    .addHelpText("after", HELP)
    .action(showLogs);
}

const HELP = `
Examples:
  $ hidb logs -f
  $ hidb logs -w 2 --level warn --since 10m
  $ hidb logs --video 1042 -n 20
  $ hidb logs --since 1h --json | jq -r 'select(.outcome == "failed") | .err'`;

async function showLogs(flags: LogsFlags, command: Command): Promise<void> {
  const { logDir } = readSettings(command);
  const { follow = false, lines, since, json, pretty, rank, video, level } = flags;
  const filter: LogFilter = { rank, video, level, since };
  const write = pretty === true || (json !== true && process.stdout.isTTY) ? prettyWriter() : writeJson;
  const log = openLogFolder(logDir);
  try {
    if (log.isEmpty && !follow) throw noLogFiles(logDir);
    if (log.isEmpty) note(`no log file in ${logDir} yet; waiting for one`);
    await showHistory(log, filter, { limit: lines ?? (since === undefined ? 50 : undefined), write });
    if (!follow) return;
    for await (const batch of log.follow(filter, { clock })) await write(batch);
  } finally {
    log.close();
  }
}

type Write = (lines: LogLine[]) => Promise<void>;

interface HistoryOptions {
  limit: number | undefined;
  write: Write;
}

async function showHistory(log: LogFolder, filter: LogFilter, { limit, write }: HistoryOptions): Promise<void> {
  if (limit !== undefined) return write(await log.last(limit, filter));
  let batch: LogLine[] = [];
  for await (const line of log.all(filter)) {
    if (batch.push(line) < 1000) continue;
    await write(batch);
    batch = [];
  }
  await write(batch);
}

function noLogFiles(logDir: string): HidbError {
  return new HidbError({
    code: "FILE_UNREADABLE",
    message: `expected log files in ${logDir}, found none`,
    fix: "run `hidb start`, correct HIDB_LOG_DIR, or wait for them with --follow",
  });
}

async function writeJson(lines: LogLine[]): Promise<void> {
  const texts = lines.map(({ fields, text }) => (fields.msg === "unreadable" ? JSON.stringify(fields) : text));
  if (texts.length > 0) await sayMuch(`${texts.join("\n")}\n`);
}

function prettyWriter(): Write {
  const paint = makePaint();
  let day = "";
  return async (lines) => {
    const texts: string[] = [];
    for (const line of lines) {
      if (dayOf(line) !== day) texts.push(styled("dim", `--- ${dayOf(line)} UTC ---`));
      day = dayOf(line);
      texts.push(formatLine(line, paint));
    }
    if (texts.length > 0) await sayMuch(`${texts.join("\n")}\n`);
  };
}

const COLOURS = [
  "cyan",
  "magenta",
  "green",
  "blueBright",
  "yellowBright",
  "cyanBright",
  "magentaBright",
  "greenBright",
] as const;
const LEVEL_STYLES: Record<string, Parameters<typeof styled>[0]> = {
  debug: "dim",
  warn: "yellow",
  error: "red",
  fatal: ["bold", "red"],
};

/** Each instance has a colour of its own, as long as there are enough. */
function makePaint(): Paint {
  const colours = new Map<string, (typeof COLOURS)[number]>();
  return {
    dim: (text) => styled("dim", text),
    level: (level, text) => {
      const style = LEVEL_STYLES[level];
      return style === undefined ? text : styled(style, text);
    },
    instance: (instance, text) => {
      const colour = colours.get(instance) ?? COLOURS[colours.size % COLOURS.length] ?? "cyan";
      colours.set(instance, colour);
      return styled(colour, text);
    },
  };
}

const UNITS: Record<string, Millis> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** For commander: `10m`, or a moment. */
export function parseSince(text: string): Millis {
  const [, count, unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (count !== undefined) return clock.now() - Number(count) * (UNITS[unit] ?? 0);
  const moment = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(moment)) return moment;
  throw new InvalidArgumentError("Expected a span such as 30s, 10m, 2h or 1d, or a moment such as 2026-11-24T14:00Z.");
}
