// `hidb batches`: parts of the ids as batches with progress of their own, for HIDB_SHARDING=ranges.
import { type Command, InvalidArgumentError } from "commander";
import { adoptVideos } from "../catalogue/adopt.js";
import { type Cut, createBatches, deleteBatches } from "../claim/batches.js";
import type { Config } from "../config/settings.js";
import type { Database } from "../database/database.js";
import { HidbError } from "../errors.js";
import { type BatchStatus, readBatches } from "../report/batches.js";
import { countStates } from "../report/status.js";
import { clock, readSettings, withDatabase } from "./context.js";
import { alignColumns, asTyped, formatSeconds, note, plural, say, sayJson } from "./print.js";

interface Flags {
  dryRun?: boolean;
  json?: boolean;
}

interface CreateFlags extends Flags {
  count?: number;
  size?: number;
  replace?: boolean;
}

export function registerBatches(program: Command): void {
  const batches = program
    .command("batches")
    .description("Cut the ids into batches (for HIDB_SHARDING=ranges), and show how far each is.")
    .addHelpText("after", HELP);
  batches
    .command("create")
    .description("Cut the catalogue into batches of equally many videos.")
    .option("--count <count>", "so many batches", parseAtLeastOne)
    .option("--size <videos>", "batches of so many videos", parseAtLeastOne)
    .option("--replace", "in place of those that are there; also while the pool works")
    .option("--dry-run", "say what would happen, change nothing")
    .option("--json", "print one JSON object")
    .action(create);
  batches
    .command("list")
    .description("Show each batch with its progress, rate and the time that is left.")
    .option("--json", "print one JSON object")
    .action(list);
  batches
    .command("delete")
    .description("Delete all batches; each instance takes an equal part of the ids again.")
    .option("--dry-run", "say what would happen, change nothing")
    .option("--json", "print one JSON object")
    .action(remove);
}

const HELP = `
An instance works on the batches of its rank (the first, then every N-th) and helps the others in the end. No video is
lost or done twice when the batches or the number of instances change meanwhile: they only say who begins where.

Examples:
  $ hidb batches create --count 3
  $ hidb batches create --size 800 --replace
  $ hidb batches list
  $ HIDB_SHARDING=ranges hidb start -i 3`;

/** Each instance reads the list with every heartbeat. */
const MOST_BATCHES = 1000;

function parseAtLeastOne(text: string): number {
  const number = Number(text);
  if (/^\d{1,15}$/.test(text) && number > 0) return number;
  throw new InvalidArgumentError("Expected a whole number >= 1.");
}

async function create(flags: CreateFlags, command: Command): Promise<void> {
  const cut = readCut(flags);
  const config = readSettings(command);
  await withDatabase(config, flags.dryRun ? "read" : "change", async (database, catalogue) => {
    if (!flags.dryRun) await adoptVideos(database, catalogue);
    const before = await readBatches(database, { now: clock.now() });
    const { counts } = await countStates(database, 0);
    refuse({ cut, before: before.length, videos: counts.total, replace: flags.replace ?? false });
    const count = flags.dryRun ? expectedCount(cut, counts.total) : await createBatches(database, cut);
    const after = flags.dryRun ? [] : await readBatches(database, { now: clock.now() });
    if (flags.json) {
      const ids = after.map(({ id, first, last, total }) => ({ id, first, last, total }));
      return sayJson({ count, replaced: before.length, dryRun: flags.dryRun ?? false, batches: ids });
    }
    say(
      `${count === 1 ? "1 batch" : `${count} batches`} of ${plural(counts.total, "video")}${flags.dryRun ? " would be made" : ""}`,
    );
    for (const line of alignColumns(
      after.map(({ id, first, last, total }) => [`${id}`, `ids ${first} to ${last}`, plural(total, "video")]),
      "  ",
    ))
      say(line);
    remind(config);
  });
}

function readCut({ count, size }: CreateFlags): Cut {
  if (count !== undefined && size === undefined) return { count };
  if (size !== undefined && count === undefined) return { size };
  throw new HidbError({
    code: "USAGE",
    message: `expected either --count or --size, got ${count === undefined ? "neither" : "both"}`,
    fix: "`hidb batches create --count 3`, or `--size 800`",
  });
}

function expectedCount(cut: Cut, videos: number): number {
  return "count" in cut ? Math.min(cut.count, videos) : Math.ceil(videos / cut.size);
}

interface Creation {
  cut: Cut;
  before: number;
  videos: number;
  replace: boolean;
}

function refuse({ cut, before, videos, replace }: Creation): void {
  const usage = (message: string, fix: string) => new HidbError({ code: "USAGE", message, fix });
  if (before > 0 && !replace) {
    throw usage(
      `expected no batches yet, found ${before}`,
      "add `--replace`, or run `hidb batches delete` first; both are safe while the pool works",
    );
  }
  if (videos === 0)
    throw usage("expected videos to cut into batches, found none", "run `hidb add <folder or list>` first");
  const count = expectedCount(cut, videos);
  if (count > MOST_BATCHES) throw usage(`expected at most ${MOST_BATCHES} batches, got ${count}`, "make them larger");
}

function remind({ sharding }: Config): void {
  if (sharding !== "ranges") note(`hidb: batches count where HIDB_SHARDING is ranges; it is ${sharding} here`);
}

async function list(flags: Flags, command: Command): Promise<void> {
  const config = readSettings(command);
  await withDatabase(config, "read", async (database: Database) => {
    const now = clock.now();
    const batches = await readBatches(database, { now });
    if (flags.json) return sayJson({ batches });
    if (batches.length === 0) return say(asTyped("no batches; `hidb batches create --count 3` makes some"));
    const head = ["batch", "ids", "rank", "done", "", "running", "failed", "rate", "left"];
    for (const line of alignColumns([head, ...batches.map((batch) => describe(batch, now))])) say(line);
    remind(config);
  });
}

function describe(
  { id, first, last, rank, total, ended, running, failed, quarantined, rate, eta }: BatchStatus,
  now: number,
) {
  const share = total === 0 ? "" : `${Math.floor((100 * ended) / total)} %`;
  const pace = rate === null ? "-" : rate >= 1 ? `${rate.toFixed(1)} videos/s` : `${(rate * 60).toFixed(1)} videos/min`;
  const left = ended === total ? "done" : eta === null ? "-" : formatSeconds((eta - now) / 1000);
  const ids = `${first} to ${last}`;
  return [
    `${id}`,
    ids,
    rank === null ? "-" : `${rank}`,
    `${ended} of ${total}`,
    share,
    running,
    failed + quarantined,
    pace,
    left,
  ];
}

async function remove(flags: Flags, command: Command): Promise<void> {
  await withDatabase(readSettings(command), flags.dryRun ? "read" : "change", async (database) => {
    const count = flags.dryRun
      ? (await readBatches(database, { now: clock.now() })).length
      : await deleteBatches(database);
    if (flags.json) return sayJson({ deleted: count, dryRun: flags.dryRun ?? false });
    const what = count === 1 ? "1 batch" : `${count} batches`;
    say(flags.dryRun ? `${what} would be deleted` : `${what} deleted; no video is`);
  });
}
