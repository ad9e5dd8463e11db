// `hidb mirror`: copies a D1 database into a local file, and pushes what was done there back.
import type { Command } from "commander";
import { isOwnTable } from "../catalogue/table.js";
import { inheritedEnvironment } from "../config/environment.js";
import type { Config } from "../config/settings.js";
import type { Database } from "../database/database.js";
import { migrate, pendingMigrations } from "../database/migrate.js";
import { listMigrations } from "../database/migration-files.js";
import { openDump, removeScratch } from "../database/mirror/dump.js";
import type { Conflict, Preference } from "../database/mirror/publish.js";
import { pullMirror } from "../database/mirror/pull.js";
import { pushMirror } from "../database/mirror/push.js";
import { readMirrorStatus } from "../database/mirror/status.js";
import { openLocal, openRemote } from "../database/open.js";
import { openSqlite } from "../database/sqlite.js";
import { chooseLocalD1Database } from "../database/wrangler/choose.js";
import { findWranglerConfig } from "../database/wrangler/find.js";
import { localD1File } from "../database/wrangler/local-file.js";
import { readWranglerConfig } from "../database/wrangler/read.js";
import { EXIT, HidbError } from "../errors.js";
import { clock, migrateOptions, readOwnSettings } from "./context.js";
import { formatTime, note, plural, printable, say, sayJson } from "./print.js";

interface PullFlags {
  from?: string;
  fromLocal?: string | true;
  tables?: string;
  prefer?: string;
  dryRun?: boolean;
  json?: boolean;
}

export function registerMirror(program: Command): void {
  const mirror = program
    .command("mirror")
    .description("Keep a D1 database in a local file, and take outcomes back to it.");
  mirror
    .command("pull")
    .description("Bring schema and rows of D1 into the local file; goes on where an earlier pull was killed.")
    .option("--from <dump.sql>", "from a dump of `wrangler d1 export`, without asking D1")
    .option("--from-local [config]", "from wrangler's own local D1 file, found by its config or folder")
    .option("--tables <names>", "tables whose changes shall be pushed, besides hidb's own; the catalogue by default")
    .option("--prefer <side>", "what becomes of a row that has changed on both sides: local or remote")
    .option("--dry-run", "read all of it, show no row of it in the file's tables")
    .option("--json", "print one JSON object")
    .action(pull);
  mirror
    .command("push")
    .description("Take what has changed in the local file to D1.")
    .option("--prefer <side>", "what becomes of a row that has changed on both sides: local or remote")
    .option("--dry-run", "say what would happen, change nothing")
    .option("--json", "print one JSON object")
    .action(push);
  mirror
    .command("status")
    .description("How many rows each side is behind. Reads every row of D1 once, unless --offline.")
    .option("--offline", "only what the local file knows")
    .option("--json", "print one JSON object")
    .action(status);
}

async function pull(flags: PullFlags, command: Command): Promise<void> {
  const config = readOwnSettings(command);
  const prefer = readSide(flags.prefer);
  await within(openLocal(config, { clock, create: true }), async (local) => {
    await withSource(config, flags, async (remote) => {
      if (flags.from === undefined && flags.fromLocal === undefined) await refuseOlder(remote, config);
      const names = flags.tables?.split(",").map((name) => name.trim()) ?? [config.catalogueTable];
      const result = await pullMirror(remote, local, {
        now: clock.now(),
        pushed: [...names, "hidb_videos", "hidb_attempts", "hidb_usage"],
        prefer,
        dryRun: flags.dryRun ?? false,
        // A dump may be of some tables only.
        partial: flags.from !== undefined,
        onProgress: showProgress("read", flags),
      });
      // Adds the pool's own tables, which a database that hidb never used lacks.
      if (!flags.dryRun) await migrate(local, migrateOptions(config));
      if (result.conflicts.length > 0 && prefer === undefined) process.exitCode = EXIT.unfinished;
      if (flags.json) return sayJson({ ...result, dryRun: flags.dryRun ?? false });
      const verb = flags.dryRun ? "would be here" : "are here";
      say(
        `${plural(result.rows, "row")} of ${plural(result.tables, "table")} ${verb}, in ${plural(result.requests, "request")}`,
      );
      sayConflicts(result.conflicts, prefer);
    });
  });
}

async function push(flags: PullFlags, command: Command): Promise<void> {
  const config = readOwnSettings(command);
  const prefer = readSide(flags.prefer);
  await within(openLocal(config, { clock, create: false }), async (local) => {
    await within(openRemote(config), async (remote) => {
      const result = await pushMirror(remote, local, {
        uniqueId: () => clock.uniqueId(),
        prefer,
        dryRun: flags.dryRun ?? false,
        onProgress: showProgress("sent", flags),
      });
      const stuck = result.refused.length + (prefer === undefined ? result.conflicts.length : 0);
      if (stuck > 0) process.exitCode = EXIT.unfinished;
      if (flags.json) return sayJson({ ...result, dryRun: flags.dryRun ?? false });
      say(
        `${plural(result.rows, "row")} ${flags.dryRun ? "would go" : "went"} to D1, in ${plural(result.requests, "request")}`,
      );
      sayConflicts(result.conflicts, prefer);
      for (const { table, key, reason } of result.refused)
        say(`refused: ${table} ${printable(key)}: ${printable(reason)}`);
    });
  });
}

async function status(flags: { offline?: boolean; json?: boolean }, command: Command): Promise<void> {
  const config = readOwnSettings(command);
  await within(openLocal(config, { clock, create: false }), async (local) => {
    const show = async (remote?: Database) => {
      const result = await readMirrorStatus(local, remote);
      if (flags.json) return sayJson(result);
      say(`pulled ${formatTime(result.pulledAt)}`);
      say(`${plural(result.toPush, "row")} to push`);
      if (result.toPull === null) return;
      say(`${plural(result.toPull, "row")} to pull, ${plural(result.conflicts ?? 0, "conflict")}`);
      note(`read ${plural(result.rowsRead, "row")} of D1 in ${plural(result.requests, "request")}`);
    };
    if (flags.offline) await show();
    else await within(openRemote(config), show);
  });
}

async function within<T>(opening: Promise<Database>, use: (database: Database) => Promise<T>): Promise<T> {
  const database = await opening;
  try {
    return await use(database);
  } finally {
    await database.close();
  }
}

async function withSource(config: Config, flags: PullFlags, use: (remote: Database) => Promise<void>): Promise<void> {
  if (flags.from !== undefined) {
    const scratch = `${config.sqliteFile}.dump`;
    await within(openDump(flags.from, scratch), use).finally(() => removeScratch(scratch));
  } else if (flags.fromLocal !== undefined) await within(openWranglerFile(config, flags.fromLocal), use);
  else await within(openRemote(config), use);
}

async function openWranglerFile(config: Config, where: string | true): Promise<Database> {
  const { INIT_CWD } = inheritedEnvironment();
  const location = findWranglerConfig(where === true ? config.wranglerConfig || (INIT_CWD ?? process.cwd()) : where);
  if (location === undefined) {
    throw new HidbError({
      code: "WRANGLER_CONFIG",
      message: "expected a wrangler config here or further up, got none",
      fix: "name it: `hidb mirror pull --from-local path/to/wrangler.jsonc`",
    });
  }
  const database = chooseLocalD1Database(readWranglerConfig(location), config.d1Database || undefined);
  return openSqlite(localD1File(location.projectFolder, database), { clock });
}

/** A D1 database with hidb's tables must have the local file's schema, or its tables would lack columns. */
async function refuseOlder(remote: Database, config: Config): Promise<void> {
  // It is only read: tables that hidb did not make do not matter.
  const options = { ...migrateOptions(config), withCatalogue: true, guard: async () => undefined };
  const pending = await pendingMigrations(remote, options);
  const isNew = pending.length === listMigrations(options.folder).length;
  if (isNew) note("D1 has none of hidb's tables: outcomes would stay here; `HIDB_DATABASE=d1 hidb migrate` makes them");
  if (isNew || (await pendingMigrations(remote, { ...options, withCatalogue: isOwnTable(config) })).length === 0)
    return;
  throw new HidbError({
    code: "DATABASE_FOREIGN",
    message: `expected D1 to have all of hidb's migrations, but ${pending[0]} has not been applied`,
    fix: "run `HIDB_DATABASE=d1 hidb migrate` first",
  });
}

function readSide(side: string | undefined): Preference | undefined {
  if (side === undefined || side === "local" || side === "remote") return side;
  throw new HidbError({
    code: "USAGE",
    message: `expected --prefer to be local or remote, got ${JSON.stringify(side)}`,
    fix: "leave it out to be told of each conflict",
  });
}

function showProgress(verb: string, { json = false }: PullFlags) {
  let rows = 0;
  return (progress: { rows: number; requests: number }) => {
    rows = verb === "read" ? rows + progress.rows : progress.rows;
    if (!json) note(`${verb} ${plural(rows, "row")} in ${plural(progress.requests, "request")}`);
  };
}

function sayConflicts(conflicts: Conflict[], prefer: Preference | undefined): void {
  const show = (row: unknown) => printable(JSON.stringify(row));
  for (const { table, key, local, remote } of conflicts) {
    say(`conflict: ${table} ${printable(key)}: here ${show(local)}, in D1 ${show(remote)}`);
  }
  if (conflicts.length === 0) return;
  if (prefer === undefined) note("conflicts stay as they are on both sides; --prefer local|remote decides them");
  else note(`${plural(conflicts.length, "conflict")} decided for the ${prefer} side`);
}
