// `hidb export`: every video with its outcome, as a file that other programs read.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { HidbError, messageOf } from "../errors.js";
import { type ListedVideo, listVideos } from "../report/videos.js";
import type { State } from "../video.js";
import { parseStates, readSettings, withDatabase } from "./context.js";
import { note, plural, printable, sayMuch } from "./print.js";

type Format = "ndjson" | "csv" | "json";

interface ExportFlags {
  format: Format;
  out?: string;
  state?: State[];
}

export function registerExport(program: Command): void {
  program
    .command("export")
    .description("Write all videos with state, error and output.")
    .addOption(new Option("--format <format>", "how").choices(["ndjson", "csv", "json"]).default("ndjson"))
    .option("--out <file>", "where; written aside and renamed when complete (default: standard output)")
    .option("--state <states>", "only these, separated by commas", parseStates)
    .addHelpText("after", HELP)
    .action(exportVideos);
}

const HELP = `
Examples:
  $ hidb export --out results.ndjson
  $ hidb export --format csv --state completed > completed.csv`;

async function exportVideos({ format, out, state = [] }: ExportFlags, command: Command): Promise<void> {
  await withDatabase(readSettings(command), "read", async (database, catalogue) => {
    const sink = out === undefined ? STANDARD_OUTPUT : openFile(resolve(out));
    const { head, between, tail, row } = FORMATS[format];
    let count = 0;
    try {
      await sink.write(head);
      for await (const videos of listVideos(database, catalogue, {
        states: state,
      })) {
        await sink.write((count === 0 ? "" : between) + videos.map(row).join(between));
        count += videos.length;
      }
      await sink.write(count === 0 ? tail.trimStart() : tail);
      sink.finish();
    } catch (error) {
      sink.abandon();
      throw error;
    }
    if (out !== undefined) note(`${plural(count, "video")} written to ${printable(out)}`);
  });
}

interface FormatParts {
  head: string;
  between: string;
  tail: string;
  row: (video: ListedVideo) => string;
}

const FIELDS = ["id", "source", "title", "state", "attempt", "error", "output"] as const;

const FORMATS: Record<Format, FormatParts> = {
  ndjson: { head: "", between: "\n", tail: "\n", row: toJson },
  json: { head: "[\n", between: ",\n", tail: "\n]\n", row: toJson },
  csv: {
    head: `${FIELDS.join()}\r\n`,
    between: "\r\n",
    tail: "\r\n",
    row: toCsv,
  },
};

function toJson({ id, source, title, state, attempt, error, output }: ListedVideo): string {
  return JSON.stringify({ id, source, title, state, attempt, error, output });
}

function toCsv(video: ListedVideo): string {
  return FIELDS.map((field) => {
    const value = video[field];
    const text = value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
    return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }).join();
}

interface Sink {
  write(text: string): Promise<void> | void;
  finish(): void;
  abandon(): void;
}

const STANDARD_OUTPUT: Sink = {
  write: sayMuch,
  finish: () => undefined,
  abandon: () => undefined,
};

/** Whoever looks at the file finds the old one or the whole new one. */
function openFile(file: string): Sink {
  const aside = `${file}.${process.pid}.part`;
  const descriptor = attempt(file, () => openSync(aside, "w"));
  return {
    write: (text) => attempt(file, () => writeFileSync(descriptor, text)),
    finish: () =>
      attempt(file, () => {
        fsyncSync(descriptor);
        closeSync(descriptor);
        renameSync(aside, file);
      }),
    abandon: () => rmSync(aside, { force: true }),
  };
}

function attempt<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new HidbError({
      code: "FILE_UNWRITABLE",
      message: `expected to write ${file}, got ${messageOf(cause)}`,
      fix: "give another --out, or free some space and give this user write permission there",
      cause,
    });
  }
}
