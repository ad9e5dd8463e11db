// `hidb verify`: accounts for every video and every attempt.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { adoptVideos } from "../catalogue/adopt.js";
import { EXIT } from "../errors.js";
import { verifyJournal } from "../report/journal-check.js";
import { countMissing, type Verification, verifyDatabase } from "../report/verify.js";
import { clock, deathJudge, readSettings, withDatabase } from "./context.js";
import { note, plural, printable, say, sayJson, styled } from "./print.js";

interface VerifyFlags {
  journal?: string;
  json?: boolean;
}

export function registerVerify(program: Command): void {
  program
    .command("verify")
    .description("Account for every video and every attempt; exit code 0 when nothing is wrong, 1 otherwise.")
    .option("--journal <path>", "judge this journal too, or a folder with one of each host (HIDB_JOURNAL)")
    .option("--json", "print one JSON object")
    .addHelpText("after", HELP)
    .action(verify);
}

const HELP = `
Failed and quarantined videos are accounted for, hence no problem.

Examples:
  $ hidb verify
  $ hidb verify --journal data/journal.ndjson --json | jq .problems`;

async function verify(flags: VerifyFlags, command: Command): Promise<void> {
  const config = readSettings(command);
  const journal = findJournal(flags.journal, config.journal);
  await withDatabase(config, "read", async (database, catalogue) => {
    // Rows inserted a moment ago are no problem.
    if ((await countMissing(database, catalogue)) > 0) await adoptVideos(database, catalogue);
    const report = await verifyDatabase(database, {
      catalogue,
      now: clock.now(),
      isDead: deathJudge(),
    });
    if (journal !== undefined) report.problems.push(...(await verifyJournal(database, journal)));
    report.ok = report.problems.length === 0;
    if (flags.json) sayJson(report);
    else describe(report, journal);
    if (!report.ok) process.exitCode = EXIT.unfinished;
  });
}

/** A journal that is named must be there; one that is only set may not have begun yet. */
function findJournal(named: string | undefined, setting: string): string | undefined {
  if (named !== undefined) return resolve(named);
  if (setting === "") return undefined;
  if (existsSync(setting)) return setting;
  note(`hidb: there is no journal at ${printable(setting)} yet`);
  return undefined;
}

function describe({ ok, videos, problems, toReclaim }: Verification, journal: string | undefined): void {
  for (const { message } of problems) say(printable(message));
  const what = `${plural(videos, "video")}${journal === undefined ? "" : " and the journal"}`;
  if (ok) say(styled("green", `ok: ${what} accounted for`));
  else say(styled("red", `${plural(problems.length, "problem")} with ${what}`));
  if (toReclaim > 0)
    note(`${plural(toReclaim, "video")} of dead instances will be taken back by the next one that starts`);
}
