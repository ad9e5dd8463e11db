// A copy of a SQLite file of one moment, taken while others write to it.
import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { resolve } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { syncFile } from "../disk.js";
import { codeOf, HidbError } from "../errors.js";
import { describeSqliteError } from "./sqlite-errors.js";
import { prepareFile } from "./sqlite-file.js";

/** Resolves to the size; errors: DATABASE_*, FILE_UNWRITABLE, and USAGE for a target that is there already. */
export async function backupSqlite(source: string, target: string, { force }: { force: boolean }): Promise<number> {
  prepareFile(source, false);
  refuseTaken(source, target, force);
  // Beside the target, so that the last step is a rename, and the target is a whole copy or absent.
  const draft = `${target}.${process.pid}.part`;
  try {
    await copyPages(source, draft);
    checkWhole(draft);
    await syncFile(draft);
    renameSync(draft, target);
    return statSync(target).size;
  } catch (error) {
    throw describeFailure(error, { source, target, draft });
  } finally {
    for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(`${draft}${end}`, { force: true });
  }
}

const ALL_PAGES = 2 ** 31 - 1;

async function copyPages(source: string, draft: string): Promise<void> {
  const driver = new BetterSqlite3(source, { fileMustExist: true, timeout: 10_000 });
  try {
    // All that is left in one step: a step that follows a write of another process begins anew.
    await driver.backup(draft, { progress: () => ALL_PAGES });
  } finally {
    driver.close();
  }
}

function checkWhole(draft: string): void {
  const driver = new BetterSqlite3(draft, { fileMustExist: true });
  try {
    const [finding] = driver.prepare<[], string>("PRAGMA integrity_check(1)").pluck(true).all();
    if (finding === "ok") return;
    throw new HidbError({
      code: "DATABASE_CORRUPT",
      message: `expected the copy to be sound, got ${finding}`,
      fix: "check the disk; `hidb doctor` tells whether the database itself is sound",
    });
  } finally {
    driver.close();
  }
}

function refuseTaken(source: string, target: string, force: boolean): void {
  const isInUse = existsSync(`${target}-wal`) || resolve(target) === resolve(source);
  if (!isInUse && (force || !existsSync(target))) return;
  throw new HidbError({
    code: "USAGE",
    message: `expected a file that is not there yet, got ${target}${isInUse ? ", a database in use" : ""}`,
    fix: isInUse ? "name another file" : "name another file, or replace that one with --force",
  });
}

function describeFailure(error: unknown, { source, target, draft }: Record<"source" | "target" | "draft", string>) {
  const code = codeOf(error);
  const isTarget = code.startsWith("E") || code === "SQLITE_CANTOPEN" || error instanceof TypeError;
  if (error instanceof HidbError || !isTarget)
    return describeSqliteError(error, /^SQLITE_FULL/.test(code) ? draft : source);
  return new HidbError({
    code: "FILE_UNWRITABLE",
    message: `expected to write ${target}, got ${code || (error as Error).message}`,
    fix: "name a file in a folder that exists and that this user can write",
    cause: error,
  });
}
