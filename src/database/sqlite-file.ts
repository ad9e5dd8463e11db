// The file of a SQLite database, looked at before any driver touches it.
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { makeFolder } from "../disk.js";
import { HidbError } from "../errors.js";

/** Makes sure that a file can be opened, or its folder written when it is to be made; errors: SETTING_INVALID, DATABASE_MISSING, _READ_ONLY, _UNREADABLE. */
export function prepareFile(file: string, create: boolean): void {
  if (file === ":memory:") return;
  if (!existsSync(file)) {
    if (!create) {
      throw new HidbError({
        code: "DATABASE_MISSING",
        message: `expected a database at ${file}, found nothing`,
        fix: "run `hidb add <folder or list>` to make one, or correct HIDB_SQLITE_FILE",
      });
    }
    try {
      makeFolder(dirname(file));
      accessSync(dirname(file), constants.W_OK);
    } catch (cause) {
      throw new HidbError({
        code: "DATABASE_READ_ONLY",
        message: `expected to create ${file}, but its folder cannot be written`,
        fix: "give the folder write permission or set HIDB_SQLITE_FILE to another place",
        cause,
      });
    }
    return;
  }
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat !== undefined && !stat.isFile()) {
    throw new HidbError({
      code: "SETTING_INVALID",
      message: `expected HIDB_SQLITE_FILE to be a file, got ${stat.isDirectory() ? "the folder" : "the device or pipe"} ${file}`,
      fix: stat.isDirectory() ? `name a file in it: HIDB_SQLITE_FILE=${file}/hidb.sqlite` : "name a file",
    });
  }
  try {
    accessSync(file, constants.R_OK);
  } catch (cause) {
    throw new HidbError({
      code: "DATABASE_UNREADABLE",
      message: `expected to read ${file}, but permission is denied`,
      fix: "give this user read and write permission on the file and its folder",
      cause,
    });
  }
}
