// `hidb settings`: every setting with its default, what is allowed and what it is for.
import type { Command } from "commander";
import { describeSettings } from "../config/page.js";
import { SETTINGS } from "../config/settings.js";
import { say, sayJson } from "./print.js";

export function registerSettings(program: Command): void {
  program
    .command("settings")
    .description("Print every setting with its default, what is allowed and what it is for.")
    .option("--json", "print one JSON object")
    .addHelpText("after", "\nExample:\n  $ hidb settings | grep LOG")
    .action(({ json = false }: { json?: boolean }) => {
      if (!json) return say(describeSettings().trimEnd());
      const settings = Object.values(SETTINGS).map(({ schema: _, ...described }) => described);
      return sayJson({ settings });
    });
}
