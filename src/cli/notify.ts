// `hidb notify`: sends a notice now, to test HIDB_NOTIFY.
import type { Command } from "commander";
import { EXIT, HidbError } from "../errors.js";
import { tell } from "../report/notice.js";
import { countStates } from "../report/status.js";
import { clock, readSettings, withDatabase } from "./context.js";
import { note, printable, say, sayJson } from "./print.js";

export function registerNotify(program: Command): void {
  program
    .command("notify")
    .description("Send a test notice to HIDB_NOTIFY: what is told when a run ends or is halted.")
    .option("--dry-run", "print the notice, send nothing")
    .option("--json", "print one JSON object")
    .addHelpText("after", HELP)
    .action(notify);
}

const HELP = `
A URL gets a POST with the notice as JSON, three times at most. A program is started without a shell and finds the facts in
its environment: NOTICE_EVENT (ended, halted, test), NOTICE_TEXT, NOTICE_REASON, NOTICE_COMPLETED, NOTICE_FAILED,
NOTICE_OPEN, NOTICE_TOTAL, NOTICE_JSON.

Examples:
  $ HIDB_NOTIFY=https://ntfy.sh/my-topic hidb notify
  $ HIDB_NOTIFY='notify-send hidb' hidb notify --dry-run`;

interface Flags {
  dryRun?: boolean;
  json?: boolean;
}

async function notify({ dryRun = false, json = false }: Flags, command: Command): Promise<void> {
  const config = readSettings(command);
  if (config.notify === "" && !dryRun) {
    throw new HidbError({
      code: "SETTING_INVALID",
      message: "expected HIDB_NOTIFY to name a URL or a program, got nothing",
      fix: "set HIDB_NOTIFY, e.g. HIDB_NOTIFY=https://example.com/hook",
    });
  }
  const { counts } = await withDatabase(config, "read", (database) => countStates(database, 0));
  const { completed, failed, quarantined } = counts;
  const text = `hidb: a test: ${completed} completed, ${failed + quarantined} failed of ${counts.total}`;
  const facts = { completed, failed: failed + quarantined, counts, reason: null, startedAt: null };
  const notice = { event: "test", text, at: clock.now(), ...facts } as const;
  if (dryRun) return sayJson(notice);
  const { to, why } = await tell(config.notify, notice, clock);
  if (json) sayJson({ to, sent: why === null, why });
  else if (why === null) say(`${printable(to)} has taken the notice`);
  else note(`error: ${printable(why)}`);
  if (why !== null) process.exitCode = EXIT.unfinished;
}
