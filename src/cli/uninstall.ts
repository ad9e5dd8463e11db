// `hidb uninstall`: removes hidb's tables from a database, and its files from the disk; does nothing without --yes.
import { existsSync, rmSync } from "node:fs";
import type { Command } from "commander";
import { handedOverFile } from "../config/handed-over.js";
import type { Config, SettingKey } from "../config/settings.js";
import { tokenFile } from "../dashboard/token.js";
import { nameDatabase, openDatabase } from "../database/open.js";
import { planUninstall } from "../database/uninstall.js";
import { HidbError } from "../errors.js";
import { forgetLater } from "../forget.js";
import { readInstances } from "../report/status.js";
import { clock, deathJudge, readSettings } from "./context.js";
import { note, plural, printable, say, sayJson } from "./print.js";
import { ownHomes } from "./start/home.js";

interface UninstallFlags {
  files?: boolean;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

export function registerUninstall(program: Command): void {
  program
    .command("uninstall")
    .description("Remove hidb's tables from the database; tables that hidb did not make stay as they are.")
    .option("--files", "remove the files, too: logs, spool, token, and the database if it is hidb's alone")
    .option("--dry-run", "say what would go, change nothing")
    .option("--yes", "really do it: every state, outcome and log of hidb's is lost")
    .option("--json", "print one JSON object")
    .action(uninstall);
}

async function uninstall(flags: UninstallFlags, command: Command): Promise<void> {
  const { files = false, dryRun = false, yes = false, json = false } = flags;
  const config = readSettings(command);
  if (!dryRun && !yes) throw unconfirmed();
  const database = await openDatabase(config, { clock, create: false });
  let plan: Awaited<ReturnType<typeof planUninstall>>;
  try {
    plan = await planUninstall(database);
    if (plan.removed.includes("hidb_instances")) {
      const { live } = await readInstances(database, { now: clock.now(), isDead: deathJudge() });
      if (live.length > 0) throw poolAlive(config, live.length);
    }
    if (!dryRun && plan.statements.length > 0)
      await database.batch(plan.statements.map((sql) => database.prepare(sql)));
  } finally {
    await database.close();
  }
  const paths = files ? findFiles(config, plan.kept.length === 0) : [];
  if (!dryRun) for (const path of paths) rmSync(path, { recursive: true, force: true });
  if (!dryRun && files) forgetLater(handedOverFile(config.appName));
  if (json) return sayJson({ tables: plan.removed, kept: plan.kept, files: paths, dryRun });
  const would = dryRun ? "would go" : "are gone";
  say(
    `${plural(plan.removed.length, "table")} of ${printable(nameDatabase(config))} ${would}: ${plan.removed.join(", ") || "none"}`,
  );
  if (plan.kept.length > 0) say(`kept: ${printable(plan.kept.join(", "))}`);
  for (const path of paths) say(`${dryRun ? "would remove" : "removed"} ${printable(path)}`);
  if (!files) note("hidb: logs, spool and token stay; --files removes them, too");
}

/** Folders named by settings may hold other files: they stay. */
function findFiles(config: Config, isOwn: boolean): string[] {
  const folders = (["logDir", "spoolDir", "workerDir"] satisfies SettingKey[]).flatMap((key) =>
    config.origins[key] === "default" ? [config[key]] : [],
  );
  const { sqliteFile } = config;
  const database = ["", "-wal", "-shm"].map((end) => `${sqliteFile}${end}`);
  const isLocal = config.database === "sqlite";
  return [
    ...(isLocal && isOwn ? database : []),
    ...folders,
    tokenFile(config),
    ...ownHomes(sqliteFile, nameDatabase(config)),
  ].filter((path) => existsSync(path));
}

function unconfirmed(): HidbError {
  return new HidbError({
    code: "USAGE",
    message: "expected --yes, since what hidb knows of every video is lost",
    fix: "`hidb uninstall --dry-run` shows what would go; `hidb backup <file>` keeps a copy",
  });
}

function poolAlive(config: Config, count: number): HidbError {
  return new HidbError({
    code: "POOL_UNHEALTHY",
    message: `expected no instance at work on ${nameDatabase(config)}, got ${count}`,
    fix: `end the pool first: \`pm2 delete ${config.appName}\`, or Ctrl-C in \`hidb start\``,
  });
}
