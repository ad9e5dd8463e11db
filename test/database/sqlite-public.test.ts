import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openSqlite } from "../../src/database/public.js";

const folder = mkdtempSync(join(tmpdir(), "hidb-public-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each([false, true])("openSqlite of hidb/database, strict: %s", (strict) => {
  it("makes a file that is not there, with its folder", async () => {
    const file = join(folder, `${strict}`, "new.sqlite");
    const database = await openSqlite(file, { strict });
    await database.prepare("CREATE TABLE films (id INTEGER PRIMARY KEY)").run();
    await database.close();
    expect(existsSync(file)).toBe(true);
  });

  it("refuses a file that is not there when it is not to be made", async () => {
    const missing = openSqlite(join(folder, "nowhere.sqlite"), { strict, create: false });
    await expect(missing).rejects.toMatchObject({ code: "DATABASE_MISSING" });
  });

  it("tells a size that grows with what is written, and writes one row for each index", async () => {
    const database = await openSqlite(":memory:", { strict });
    await database.exec(
      "CREATE TABLE films (id INTEGER PRIMARY KEY, name TEXT UNIQUE, body)\nCREATE INDEX bodies ON films (body)",
    );
    const before = (await database.prepare("SELECT 1").all()).meta.size_after;
    const insert = database.prepare("INSERT INTO films (name, body) VALUES ('M', ?)").bind("x".repeat(100_000));
    const { meta } = await insert.run();
    expect(meta.size_after).toBeGreaterThan(before + 100_000);
    expect(meta.rows_written).toBe(3);
    await database.close();
    expect(meta.size_after).toBeGreaterThan(0);
  });

  it("survives a DataView beside a numbered parameter", async () => {
    const database = await openSqlite(":memory:", { strict });
    expect(
      await database
        .prepare("SELECT ?1, ?")
        .bind(new DataView(new ArrayBuffer(4)), 1)
        .raw(),
    ).toEqual([[[], 1]]);
    await database.close();
  });
});
