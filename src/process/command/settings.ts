// Part of the processor `command`: HIDB_COMMAND as a list of arguments, and what can be wrong with it.
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { parseArgsStringToArgv } from "string-argv";
import { settingInvalid } from "../../config/check.js";
import { type Config, SETTINGS } from "../../config/settings.js";
import { HidbError } from "../../errors.js";
import { checkPlaceholders, fillTemplate, placeholdersIn, VIDEO_PLACEHOLDERS } from "../template.js";

export interface CommandSettings {
  program: string;
  /** With their placeholders. */
  args: string[];
  /** "" when the program leaves no file. */
  out: string;
  permanent: readonly number[];
}

/** Throws SETTING_INVALID. */
export function readCommandSettings(config: Config): CommandSettings {
  if (config.command === "") throw commandMissing();
  const quote = openQuote(config.command);
  if (quote !== null) throw invalid(config, "command", "to close each quote", `an open ${quote}`);
  checkPlaceholders(config, "command", [...VIDEO_PLACEHOLDERS, "out"]);
  checkPlaceholders(config, "commandOut", VIDEO_PLACEHOLDERS);
  const [program = "", ...args] = parseArgsStringToArgv(config.command);
  checkName(config, program);
  checkOut(config, { program, args });
  return { program, args, out: config.commandOut, permanent: config.commandPermanent };
}

/** Throws PROCESSOR_PREFLIGHT when the program is not there or may not be run. */
export function checkProgram(program: string, path: string): void {
  const candidates = program.includes("/") ? [program] : path.split(delimiter).map((folder) => join(folder, program));
  if (candidates.some(isExecutable)) return;
  throw new HidbError({
    code: "PROCESSOR_PREFLIGHT",
    message: `expected the program of HIDB_COMMAND to be executable${program.includes("/") ? "" : " and on PATH"}, got ${program}`,
    fix: `install ${program}, or name it in HIDB_COMMAND by its whole path`,
  });
}

/** One argument for one argument: a value with spaces or quotes stays whole, and none becomes an option. */
export function fillArgument(template: string, values: Readonly<Record<string, string>>): string {
  const filled = fillTemplate(template, values);
  if (!filled.startsWith("-") || template.startsWith("-") || template.startsWith("{id}")) return filled;
  // A file called `-y` is the same file as `./-y`; a title has no other name, but a space before it hurts less.
  return filled.startsWith(values.source ?? "") ? `./${filled}` : ` ${filled}`;
}

/** Says of the command only what cannot be secret; so do the checks below. */
function checkName(config: Config, program: string): void {
  const expected = "to begin with the name of a program";
  const [placeholder] = placeholdersIn(program);
  if (placeholder !== undefined) throw invalid(config, "command", expected, `{${placeholder}}`);
  if (program === "") throw invalid(config, "command", expected, '""');
  const variable = program.match(/^[A-Za-z_]\w*=/)?.[0];
  if (variable === undefined) return;
  throw invalid(config, "command", `${expected}, or with env, since no shell reads it`, `${variable}...`);
}

function checkOut(config: Config, { program, args }: { program: string; args: string[] }): void {
  const used = args.some((arg) => placeholdersIn(arg).includes("out"));
  if (used && config.commandOut === "") {
    throw invalid(config, "commandOut", "to say where {out} of HIDB_COMMAND ends up", "nothing");
  }
  if (config.commandOut === "") return;
  if (!used)
    throw invalid(config, "command", "to contain {out}, because HIDB_COMMAND_OUT is set", `${program} without it`);
  if (placeholdersIn(config.commandOut).some((name) => name === "id" || name === "source")) return;
  const expected = "to contain {id} or {source}, so that no two videos share a file";
  throw invalid(config, "commandOut", expected, config.commandOut);
}

function invalid(config: Config, key: "command" | "commandOut", expected: string, got: string): HidbError {
  return settingInvalid({ name: SETTINGS[key].name, expected, got, origin: config.origins[key] });
}

function commandMissing(): HidbError {
  return new HidbError({
    code: "SETTING_INVALID",
    message: "expected HIDB_COMMAND to name a program, got nothing",
    fix: "set HIDB_COMMAND, e.g. HIDB_COMMAND='ffprobe -v error {source}', or choose another HIDB_PROCESSOR",
  });
}

/** string-argv takes an open quote for one that closes at the end. */
function openQuote(command: string): string | null {
  let quote: string | null = null;
  for (const character of command) {
    if (quote === character) quote = null;
    else if (quote === null && (character === "'" || character === '"')) quote = character;
  }
  return quote;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
