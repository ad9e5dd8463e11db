// SQLite's extended result codes by their numbers, for a driver that gives only these.

const PRIMARY = [
  "OK ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND FULL CANTOPEN",
  "PROTOCOL EMPTY SCHEMA TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH FORMAT RANGE NOTADB",
]
  .join(" ")
  .split(" ");

/** In the order of their numbers, from 1. */
const EXTENDED: Record<string, string[]> = {
  CONSTRAINT: "CHECK COMMITHOOK FOREIGNKEY FUNCTION NOTNULL PRIMARYKEY TRIGGER UNIQUE VTAB ROWID PINNED DATATYPE".split(
    " ",
  ),
  BUSY: "RECOVERY SNAPSHOT TIMEOUT".split(" "),
  LOCKED: "SHAREDCACHE VTAB".split(" "),
  READONLY: "RECOVERY CANTLOCK ROLLBACK DBMOVED CANTINIT DIRECTORY".split(" "),
  CANTOPEN: "NOTEMPDIR ISDIR FULLPATH CONVPATH DIRTYWAL SYMLINK".split(" "),
  CORRUPT: "VTAB SEQUENCE INDEX".split(" "),
};

/** Such as SQLITE_CONSTRAINT_UNIQUE. */
export function codeName(code: number): string {
  const primary = PRIMARY[code & 0xff] ?? "ERROR";
  const extended = EXTENDED[primary]?.[(code >> 8) - 1];
  return extended === undefined ? `SQLITE_${primary}` : `SQLITE_${primary}_${extended}`;
}
