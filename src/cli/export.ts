// `hidb export`: the results as a file for other programs or for people.
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { Config } from "../config/settings.js";
import type { Database } from "../database/database.js";
import { nameDatabase } from "../database/open.js";
import { HidbError } from "../errors.js";
import { listVideos } from "../report/videos.js";
import type { CatalogueTable, Millis, State } from "../video.js";
import { clock, parseStates, readSettings, withDatabase } from "./context.js";
import { type RowFormat, rowParts } from "./export/rows.js";
import { openFile, type Sink, STANDARD_OUTPUT } from "./export/sink.js";
import { parseSince } from "./logs.js";
import { note, plural, printable } from "./print.js";

const FORMATS = ["ndjson", "csv", "json", "joblog", "html"] as const;

interface ExportFlags {
  format: (typeof FORMATS)[number];
  out?: string;
  force?: boolean;
  state?: State[];
  since?: Millis;
  raw?: boolean;
}

export function registerExport(program: Command): void {
  program
    .command("export")
    .description("Write all videos with state, error and output; their attempts as a job log; or a report to look at.")
    .addOption(new Option("--format <format>", "how").choices(FORMATS).default("ndjson"))
    .option("--out <file>", "where; written aside and renamed when complete (default: standard output)")
    .option("--force", "replace the file if it is there")
    .option("--state <states>", "ndjson, csv, json: only these, separated by commas", parseStates)
    .option("--since <when>", "joblog, html: only what has ended in the last 2h, 1d, or since a moment", parseSince)
    .option("--raw", "csv: leave texts as they are that a spreadsheet would take for formulas")
    .addHelpText("after", HELP)
    .action(exportVideos);
}

const HELP = `
Examples:
  $ hidb export --out results.ndjson
  $ hidb export --format csv --state completed > completed.csv
  $ hidb export --format html --out report.html      charts, instances, failures; one file, nothing loaded
  $ hidb export --format joblog > joblog.tsv         as GNU parallel's --joblog, a line an attempt`;

async function exportVideos(flags: ExportFlags, command: Command): Promise<void> {
  refuseMisplaced(flags);
  const { out, force = false } = flags;
  const config = readSettings(command);
  await withDatabase(config, "read", async (database, catalogue) => {
    const sink = out === undefined ? STANDARD_OUTPUT : openFile(resolve(out), { force });
    try {
      const written = await write({ database, catalogue, config, flags, sink });
      sink.finish();
      if (out !== undefined) note(`${written} written to ${printable(out)}`);
    } catch (error) {
      sink.abandon();
      throw error;
    }
  });
}

interface Parts {
  database: Database;
  catalogue: CatalogueTable;
  config: Config;
  flags: ExportFlags;
  sink: Sink;
}

/** Resolves to what it has written: "3 videos". */
function write(parts: Parts): Promise<string> {
  const { format } = parts.flags;
  switch (format) {
    case "html":
      return writeReport(parts);
    case "joblog":
      return writeJobs(parts);
    default:
      return writeRows(parts, format);
  }
}

async function writeRows({ database, catalogue, flags, sink }: Parts, format: RowFormat): Promise<string> {
  const { head, between, tail, row } = rowParts(format, { raw: flags.raw ?? false });
  let count = 0;
  await sink.write(head);
  for await (const videos of listVideos(database, catalogue, { states: flags.state ?? [] })) {
    await sink.write((count === 0 ? "" : between) + videos.map(row).join(between));
    count += videos.length;
  }
  await sink.write(count === 0 ? tail.trimStart() : tail);
  return plural(count, "video");
}

async function writeJobs({ database, catalogue, flags, sink }: Parts): Promise<string> {
  const { JOBLOG_HEAD, listJobs } = await import("../report/export/joblog.js");
  let count = 0;
  await sink.write(JOBLOG_HEAD);
  for await (const { lines, jobs } of listJobs(database, catalogue, flags.since)) {
    await sink.write(lines);
    count += jobs;
  }
  return plural(count, "attempt");
}

async function writeReport({ database, catalogue, config, flags, sink }: Parts): Promise<string> {
  const { collectFacts } = await import("../report/export/facts.js");
  const { renderReport } = await import("../report/export/html.js");
  const facts = await collectFacts(database, { catalogue, now: clock.now(), since: flags.since ?? 0 });
  await sink.write(renderReport(facts, nameDatabase(config)));
  return `report on ${plural(facts.total, "video")}`;
}

/** A flag without an effect is refused, not ignored. */
function refuseMisplaced({ format, state, since, raw }: ExportFlags): void {
  const isRows = format !== "joblog" && format !== "html";
  const misplaced = [
    state !== undefined && !isRows ? "--state" : "",
    since !== undefined && isRows ? "--since" : "",
    raw === true && format !== "csv" ? "--raw" : "",
  ].filter(Boolean);
  if (misplaced.length === 0) return;
  throw new HidbError({
    code: "USAGE",
    message: `expected flags that go with --format ${format}, got ${misplaced.join(", ")}`,
    fix: "leave it out, or choose another format; `hidb export --help` says which goes with which",
  });
}
