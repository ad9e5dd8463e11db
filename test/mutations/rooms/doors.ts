// What stands between the house and whoever comes from outside.
import type { Mutation } from "../mutation.ts";

const GUARD = "src/dashboard/guard.ts";
const TESTS = "dashboard/guard";

export const DOORS: Mutation[] = [
  {
    name: "Host header",
    protects: "I10: a stranger's page cannot read the pool by DNS rebinding",
    file: GUARD,
    find: "if (known.includes(name)) return;",
    replace: "if (known.length > 0) return;",
    tests: { file: TESTS, only: "a page of a stranger" },
  },
  {
    name: "page token",
    protects: "I10: nothing changes without the token",
    file: GUARD,
    find: "if (given !== undefined && isSameToken(given, ensureToken(config).value)) return;",
    replace: "if (config !== undefined) return;",
    tests: { file: TESTS, only: "needs the token, on every path" },
  },
  {
    name: "page of another site",
    protects: "I10: a browser that knows the token changes nothing for somebody else's page",
    file: GUARD,
    find: "refuseOtherSite(headers);\n  const waitMs",
    replace: "const waitMs",
    tests: { file: TESTS, only: "changes nothing, though it had the token" },
  },
  {
    name: "wrong tokens are counted",
    protects: "I10: the token cannot be guessed",
    file: GUARD,
    find: "if (waitMs > 0) throw tooMany(waitMs);",
    replace: "void waitMs;",
    tests: { file: TESTS, only: "is refused for a while after ten wrong tokens" },
  },
  {
    name: "exit code 42",
    protects: "I9: PM2 does not start again what a person has to mend",
    file: "src/main.ts",
    find: "return isPassing(error) ? EXIT.unfinished : EXIT.doNotRestart;",
    replace: "return isPassing(error) ? EXIT.unfinished : EXIT.unfinished;",
    tests: { file: "main", only: "ends with 42" },
  },
  {
    name: "private addresses",
    protects: "a list from somebody else does not make this machine ask its own network",
    file: "src/process/probe/addresses.ts",
    find: "return isPublic(address) || ranges.check(",
    replace: "return isPublic(address) || ranges !== undefined || ranges.check(",
    tests: { file: "security/sources", only: "is refused by what it resolves to when it is connected to" },
  },
  {
    name: "outputs are renamed when they are whole",
    protects: "I7: a program that fails leaves no half-made file under the final name",
    file: "src/process/command/out.ts",
    find: "const temporary = join(folder,",
    replace: "const temporary = final || join(folder,",
    tests: { file: "process/command", only: "is removed when the program fails, and an earlier result stays" },
  },
  {
    name: "limits of Workers enforced",
    protects: "HIDB_WORKERD_LIMITS=enforce: what Cloudflare would refuse is refused here",
    file: "src/workerd/limits/meter.ts",
    find: "if (this.#enforces && this.isOver(what)) refuse(REFUSALS[what]);",
    replace: "void [this.#enforces, refuse, REFUSALS];",
    tests: { file: "workerd/limits", only: "a meter" },
  },
];
