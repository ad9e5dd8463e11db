// How many instances to start: what was typed, and what the memory holds.
import { availableParallelism } from "node:os";
import { parseSetting } from "../config/read.js";
import { SETTINGS } from "../config/settings.js";
import { MAX_INSTANCES } from "../config/topics/pool.js";
import { HidbError } from "../errors.js";
import { readBudget } from "../report/box/box.js";
import { readShellSetting, type ShellSettings } from "./shell-settings.js";

/** `auto` on a small machine: videos mostly wait for something else than a core of ours. */
const AUTO_INSTANCES = 3;
const MB = 1_048_576;

/** What was typed for the count: `-i 3`, `-i3`, `-si 3`, `--instances 3`, `--instances=3`. */
export function readCountFlag(argv: readonly string[]): string | undefined {
  for (let at = 2; at < argv.length && argv[at] !== "--"; at++) {
    const word = argv[at] ?? "";
    const next = argv[at + 1] ?? "";
    const long = /^--instances(?:=(.*))?$/.exec(word);
    if (long) return long[1] ?? next;
    const short = /^-[a-zA-Z]*i(.*)$/.exec(word);
    if (short) return short[1] || next;
  }
  return undefined;
}

/** Errors: SETTING_INVALID, MEMORY_TOO_SMALL. */
export function countInstances(shell: ShellSettings, flag: string | undefined): number {
  const count =
    flag === undefined
      ? readShellSetting(shell, "instances")
      : parseSetting({ ...SETTINGS.instances, name: "-i" }, flag, "flag");
  const each = readShellSetting(shell, "instanceMemoryMb");
  const budgetMb = Math.floor(readBudget({ memoryMb: readShellSetting(shell, "memoryMb") }).bytes / MB);
  if (count === "auto") return autoCount(budgetMb, each);
  if (count * each <= budgetMb || readShellSetting(shell, "force")) return count;
  throw new HidbError({
    code: "MEMORY_TOO_SMALL",
    message: `expected ${count} instances of ${each} MB to fit into ${budgetMb} MB of memory`,
    fix: `start ${Math.max(1, Math.floor(budgetMb / each))}, lower HIDB_INSTANCE_MEMORY_MB, or set HIDB_FORCE=1`,
  });
}

/** Three, or one a core if there are more, as far as memory allows. */
export function autoCount(budgetMb: number, instanceMemoryMb: number): number {
  const wanted = Math.min(Math.max(availableParallelism(), AUTO_INSTANCES), MAX_INSTANCES);
  return Math.max(1, Math.min(wanted, Math.floor(budgetMb / instanceMemoryMb)));
}
