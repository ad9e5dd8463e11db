// The command line: one file a command, one way to end.
import { Command, CommanderError } from "commander";
import { inheritedEnvironment } from "../config/environment.js";
import { describeError, EXIT, HidbError, messageOf } from "../errors.js";
import { checkHandles } from "../handles.js";
import { registerAdd } from "./add.js";
import { registerBackup } from "./backup.js";
import { registerBatches } from "./batches.js";
import { registerCancel } from "./cancel.js";
import { registerDoctor } from "./doctor.js";
import { registerDrain } from "./drain.js";
import { registerExport } from "./export.js";
import { registerInit } from "./init.js";
import { registerList } from "./list.js";
import { registerLogs } from "./logs.js";
import { registerMigrate } from "./migrate.js";
import { registerMirror } from "./mirror.js";
import { registerNotify } from "./notify.js";
import { registerPause, registerResume } from "./pause.js";
import { registerPlan } from "./plan.js";
import { asTyped, note, printable, quietOnClosedPipe } from "./print.js";
import { registerRemove } from "./remove.js";
import { registerRetry } from "./retry.js";
import { registerSettings } from "./settings.js";
import { registerShow } from "./show.js";
import { registerStart } from "./start.js";
import { registerStatus } from "./status.js";
import { registerUninstall } from "./uninstall.js";
import { registerVerify } from "./verify.js";
import { registerWatch } from "./watch.js";

/** In the order of the help. */
const REGISTER: ((program: Command) => void)[] = [
  registerStart,
  registerAdd,
  registerStatus,
  registerWatch,
  registerLogs,
  registerList,
  registerShow,
  registerRetry,
  registerCancel,
  registerRemove,
  registerPause,
  registerResume,
  registerDrain,
  registerBatches,
  registerNotify,
  registerPlan,
  registerDoctor,
  registerSettings,
  registerVerify,
  registerExport,
  registerInit,
  registerMigrate,
  registerMirror,
  registerBackup,
  registerUninstall,
];

/** Resolves to the exit code; never rejects. */
export async function runProgram(argv: string[]): Promise<number> {
  quietOnClosedPipe();
  const program = createProgram();
  try {
    checkHandles();
    await program.parseAsync(argv);
    return Number(process.exitCode ?? EXIT.completed);
  } catch (error) {
    return endWith(error);
  }
}

/** Every command, as the help lists them. */
export function createProgram(): Command {
  const program = new Command("hidb")
    .description("Processes every video of a catalogue exactly once, with any number of instances under PM2.")
    .option("--sqlite-file <file>", "the database file (HIDB_SQLITE_FILE)")
    .configureHelp({ showGlobalOptions: true })
    // Commander's own wording is replaced by ours, so that every error looks the same.
    .configureOutput({ outputError: () => undefined })
    .exitOverride()
    .addHelpText("after", HELP);
  for (const register of REGISTER) register(program);
  // Commands take what their parent has when they are made, but for those that were there before.
  for (const command of program.commands) command.copyInheritedSettings(program);
  return program;
}

const HELP = `
Examples:
  $ hidb start                      process every video, with progress, to the end
  $ hidb add ~/videos               take every media file below a folder
  $ hidb add list.csv               take a list with the columns id?, source, title?, duration_s?
  $ hidb status                     see where the pool stands
  $ hidb list --state failed        see what went wrong
  $ hidb retry --failed             try it again

Every setting is an environment variable HIDB_...; \`hidb settings\` lists them.
Exit codes: 0 all well, 1 something failed, 2 usage or settings, 3 preflight, 4 halted, 5 database.`;

/** Two lines, whatever names stand in them. */
function describe(error: unknown): string {
  return describeError(error, printable);
}

function endWith(error: unknown): number {
  if (error instanceof CommanderError) return endUsage(error);
  note(asTyped(describe(error)));
  if (error instanceof HidbError) return error.exitCode;
  note("fix:   this is most likely a mistake in hidb; HIDB_LOG_LEVEL=debug shows where it happened");
  if (inheritedEnvironment().HIDB_LOG_LEVEL === "debug" && error instanceof Error)
    note(error.stack ?? messageOf(error));
  return EXIT.unfinished;
}

function endUsage(error: CommanderError): number {
  if (error.exitCode === 0) return EXIT.completed;
  if (error.code === "commander.help") return EXIT.usage;
  const [message = "", guess] = error.message.replace(/^error: /, "").split("\n");
  const help = "`hidb --help` and `hidb <command> --help` say what there is";
  const fix = guess === undefined ? help : `${guess.replace(/^\(Did/, "did").replace(/\)$/, "")} ${help}`;
  note(asTyped(describe(new HidbError({ code: "USAGE", message, fix }))));
  return EXIT.usage;
}
