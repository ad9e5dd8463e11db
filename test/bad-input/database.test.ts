import { randomBytes } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import BetterSqlite3 from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { expectLastWord, expectRefusal, modesMeanNothing, Place } from "./world.js";

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => place.end());

function makeList(): string {
  const list = join(place.folder, "one.csv");
  writeFileSync(list, "source\n/videos/new.mp4\n");
  return list;
}

/** What `status`, `start`, `add` and an instance say of one and the same database. */
async function expectRefusedByAll(said: RegExp, settings: Record<string, string> = {}, code = 5): Promise<void> {
  const list = makeList();
  const [status, start, add, entry] = await Promise.all([
    place.hidb(["status"], settings),
    place.hidb(["start"], settings),
    place.hidb(["add", list], settings),
    place.entry(settings),
  ]);
  expectRefusal(status, code, said);
  expectRefusal(start, code, said);
  expectRefusal(add, code, said);
  expectLastWord(entry, said);
}

describe("a database that is missing", () => {
  it("is named, and not made by looking for it", async () => {
    expectRefusal(await place.hidb(["status"]), 5, /expected a database at .*hidb\.sqlite, found nothing/);
    expect(readdirSync(place.folder)).toEqual([]);
  });

  it("cannot be made where a file stands in place of its folder", async () => {
    writeFileSync(join(place.folder, "file"), "");
    const settings = { HIDB_SQLITE_FILE: join(place.folder, "file", "hidb.sqlite") };
    const [start, entry] = await Promise.all([place.hidb(["start", makeList()], settings), place.entry(settings)]);
    expectRefusal(start, 5, /expected to create .*hidb\.sqlite/);
    expectLastWord(entry, /expected to create .*hidb\.sqlite/);
  });

  it("is an empty name", async () => {
    expectRefusal(
      await place.hidb(["--sqlite-file", "", "start"]),
      2,
      /expected HIDB_SQLITE_FILE to be a path, got nothing/,
    );
  });
});

describe("a database that cannot be read", () => {
  it("is a folder", async () => {
    mkdirSync(place.file);
    await expectRefusedByAll(/expected HIDB_SQLITE_FILE to be a file, got the folder .*hidb\.sqlite/, {}, 2);
    expect(readdirSync(place.file)).toEqual([]);
  });

  it.each([
    ["/dev/null", /expected HIDB_SQLITE_FILE to be a file, got the device or pipe \/dev\/null/],
    [":memory:", /expected HIDB_SQLITE_FILE to be a path, got ":memory:"/],
    ["file:hidb.sqlite?mode=ro", /expected HIDB_SQLITE_FILE to be a path, got "file:hidb/],
  ])("is %s", async (file, said) => {
    await expectRefusedByAll(said, { HIDB_SQLITE_FILE: file }, 2);
    expect(readdirSync(place.folder)).toEqual(["one.csv"]);
  });

  it("has no permission for us", async ({ skip }) => {
    const reason = modesMeanNothing();
    if (reason !== undefined) return skip(reason);
    await place.fill(1);
    chmodSync(place.file, 0o000);
    place.asNobody = process.getuid?.() === 0;
    await expectRefusedByAll(/expected to read .*hidb\.sqlite, but permission is denied/);
  });
});

describe("a folder that is read-only", () => {
  it("holds a database that cannot be worked on", async ({ skip }) => {
    const reason = modesMeanNothing();
    if (reason !== undefined) return skip(reason);
    const folder = join(place.folder, "locked");
    const file = join(folder, "hidb.sqlite");
    mkdirSync(folder);
    await place.fill(1, file);
    chmodSync(file, 0o444);
    chmodSync(folder, 0o555);
    place.asNobody = process.getuid?.() === 0;
    await expectRefusedByAll(/the database .*hidb\.sqlite, got SQLITE_(CANTOPEN|READONLY)/, { HIDB_SQLITE_FILE: file });
    expect(readdirSync(folder)).toEqual(["hidb.sqlite"]);
  });

  it("takes no new database", async ({ skip }) => {
    const reason = modesMeanNothing();
    if (reason !== undefined) return skip(reason);
    const folder = join(place.folder, "locked");
    mkdirSync(folder, { mode: 0o555 });
    place.asNobody = process.getuid?.() === 0;
    const settings = { HIDB_SQLITE_FILE: join(folder, "hidb.sqlite") };
    const [start, entry] = await Promise.all([place.hidb(["start", makeList()], settings), place.entry(settings)]);
    expectRefusal(start, 5, /expected to create .*hidb\.sqlite, but its folder cannot be written/);
    expectLastWord(entry, /expected to create .*hidb\.sqlite, but its folder cannot be written/);
  });

  it("takes no log files: the instance says so instead of working unheard", async ({ skip }) => {
    const reason = modesMeanNothing();
    if (reason !== undefined) return skip(reason);
    await place.fill(1);
    for (const name of readdirSync(place.folder)) chmodSync(join(place.folder, name), 0o666);
    const logs = join(place.folder, "closed");
    mkdirSync(logs, { mode: 0o555 });
    place.asNobody = process.getuid?.() === 0;
    expectLastWord(
      await place.entry({ HIDB_LOG_DIR: logs }),
      /expected to write a log file to .*closed, but it cannot be written/,
    );
    expectLastWord(
      await place.entry({ HIDB_JOURNAL: join(logs, "j") }),
      /expected to append to the journal .*closed\/j/,
    );
    expect(place.query("SELECT state, attempt FROM hidb_videos")).toEqual([{ state: "pending", attempt: 0 }]);
  });
});

describe("a file that is no sound database", () => {
  async function expectUntouched(said: RegExp): Promise<void> {
    const before = readFileSync(place.file);
    await expectRefusedByAll(said);
    expect(readFileSync(place.file).equals(before)).toBe(true);
  }

  it("is text", async () => {
    writeFileSync(place.file, "id,source\n1,/videos/1.mp4\n".repeat(200));
    await expectUntouched(/expected a SQLite database .*hidb\.sqlite, got SQLITE_NOTADB/);
  });

  it("is noise", async () => {
    writeFileSync(place.file, randomBytes(20_000));
    await expectUntouched(/expected a SQLite database .*hidb\.sqlite, got SQLITE_NOTADB/);
  });

  it("has a sound header and noise behind it", async () => {
    await place.fill(500);
    const bytes = readFileSync(place.file);
    writeFileSync(place.file, Buffer.concat([bytes.subarray(0, 100), randomBytes(bytes.length - 100)]));
    await expectUntouched(/expected a sound SQLite database .*hidb\.sqlite, got SQLITE_CORRUPT/);
  });

  it("has a sound first page and noise in the others", async () => {
    await place.fill(500);
    const bytes = readFileSync(place.file);
    writeFileSync(place.file, Buffer.concat([bytes.subarray(0, 4096), randomBytes(bytes.length - 4096)]));
    await expectRefusedByAll(/expected a sound SQLite database .*hidb\.sqlite, got SQLITE_CORRUPT/);
  });

  it("has been cut off", async () => {
    await place.fill(500);
    const bytes = readFileSync(place.file);
    writeFileSync(place.file, bytes.subarray(0, 3 * 4096));
    await expectRefusedByAll(/expected a sound SQLite database .*hidb\.sqlite, got SQLITE_CORRUPT/);
  });

  it("is empty: nothing of hidb's is in it yet, which `status` says and `add` mends", async () => {
    writeFileSync(place.file, "");
    expectRefusal(await place.hidb(["status"]), 5, /expected hidb's tables in .*hidb\.sqlite/);
    await place.fill(3);
    expect(await place.hidb(["status", "--json"])).toMatchObject({ code: 0 });
  });
});

describe("a database of a newer hidb", () => {
  it("is left alone", async () => {
    await place.fill(1);
    place.query("INSERT INTO d1_migrations (name) VALUES ('9999_hidb_future.sql')");
    await expectRefusedByAll(
      /expected a database that this hidb knows, got one with the newer migration 9999_hidb_future\.sql/,
    );
    expect(place.query("SELECT count(*) AS n FROM videos")).toEqual([{ n: 1 }]);
  });
});

describe("a database that another program holds locked for longer than anybody's patience", () => {
  it("is named with the mend, whether it is locked for writing or altogether", async () => {
    await place.fill(2);
    const closed = join(place.folder, "closed.sqlite");
    copyFileSync(place.file, closed);
    const writer = new BetterSqlite3(place.file);
    writer.exec("BEGIN EXCLUSIVE");
    const owner = new BetterSqlite3(closed);
    owner.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    const said = /expected the database to be free for writing .*\.sqlite, got SQLITE_BUSY/;
    try {
      const [start, entry, status, closedStatus] = await Promise.all([
        place.hidb(["start"]),
        place.entry(),
        place.hidb(["status", "--json"]),
        place.hidb(["status"], { HIDB_SQLITE_FILE: closed }),
      ]);
      expectRefusal(start, 5, said);
      expectLastWord(entry, said, 1); // Somebody's lock passes: PM2 tries again, waiting longer each time.
      expect(status).toMatchObject({ code: 0, stderr: "" }); // Reading goes on beside a writer.
      expectRefusal(closedStatus, 5, said);
    } finally {
      writer.close();
      owner.close();
    }
    expect(place.query("SELECT state, attempt FROM hidb_videos")).toEqual(
      Array(2).fill({ state: "pending", attempt: 0 }),
    );
    expect(existsSync(join(place.folder, "pm2"))).toBe(false);
  });
});
