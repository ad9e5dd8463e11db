// `hidb doctor`: what is wrong with this set-up, before or while a pool runs, and the line that mends it.
import type { Command } from "commander";
import { listSettings, type ShownSetting } from "../dashboard/settings.js";
import { EXIT } from "../errors.js";
import type { Finding } from "./doctor/finding.js";
import { gather } from "./doctor/gather.js";
import { judgeSetup } from "./doctor/judge.js";
import { alignColumns, asTyped, plural, printable, say, sayJson, styled } from "./print.js";
import type { ChosenHome } from "./start/home.js";

export function registerDoctor(program: Command): void {
  program
    .command("doctor")
    .description("Look for what is wrong with settings, PM2, database and machine; nothing is changed.")
    .option("--all", "show every setting, not only those that are set")
    .option("--json", "print one JSON object")
    .addHelpText("after", HELP)
    .action(examine);
}

const HELP = `
Exit code 0: all well, or warnings only; 3: at least one error.

Examples:
  $ hidb doctor
  $ hidb doctor --json | jq -r '.findings[].fix'`;

async function examine(flags: { all?: boolean; json?: boolean }, command: Command): Promise<void> {
  const { sqliteFile } = command.optsWithGlobals<{ sqliteFile?: string }>();
  const facts = await gather(sqliteFile === undefined ? {} : { sqliteFile });
  const findings = judgeSetup(facts);
  const failed = findings.some(({ severity }) => severity === "error");
  process.exitCode = failed ? EXIT.preflight : EXIT.completed;
  const settings = listSettings(facts.config).map(({ name, value, origin }) => ({ name, value, origin }));
  const { startHome } = facts.pm2Homes;
  if (flags.json) return sayJson({ ok: !failed, findings, settings, startHome: startHome?.home ?? null });
  const shown = settings.filter(({ origin }) => flags.all || origin !== "default");
  for (const line of describe(findings, shown, startHome)) say(line);
}

function describe(
  findings: Finding[],
  settings: Pick<ShownSetting, "name" | "value" | "origin">[],
  startHome: ChosenHome | undefined,
): string[] {
  const rows = settings.map(({ name, value, origin }) => [name, printable(value), `(${origin})`]);
  return [
    ...(rows.length === 0 ? [] : ["settings:", ...alignColumns(rows, "  "), ""]),
    ...describeHome(startHome),
    ...findings.flatMap(describeFinding),
    summarise(findings),
  ];
}

/** Only looked for beside the database. */
function describeHome(startHome: ChosenHome | undefined): string[] {
  if (startHome === undefined || startHome.refusals.length === 0) return [];
  const why = startHome.refusals.map(printable).join("; ");
  return [asTyped(`hidb start runs PM2 in ${printable(startHome.home)}, since PM2 cannot work in ${why}`), ""];
}

function describeFinding({ code, severity, expected, got, fix }: Finding): string[] {
  const word = severity === "error" ? styled("red", "error") : styled("yellow", "warning");
  return [
    `${word}: expected ${printable(expected)}, got ${printable(got)} [${code}]`,
    asTyped(`fix:   ${printable(fix)}`),
    "",
  ];
}

function summarise(findings: Finding[]): string {
  const errors = findings.filter(({ severity }) => severity === "error").length;
  if (findings.length === 0) return "all well: nothing found";
  return `${plural(errors, "error")}, ${plural(findings.length - errors, "warning")}`;
}
