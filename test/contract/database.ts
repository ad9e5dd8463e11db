// What the house relies on of Cloudflare's D1Database, written once and run for every database. What is expected is what
// D1 itself was seen to do; see facts/d1.md.
import type { D1PreparedStatement } from "@cloudflare/workers-types";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Database } from "../../src/database/database.js";

const SCHEMA =
  "CREATE TABLE films (id INTEGER PRIMARY KEY, name TEXT UNIQUE, seconds REAL CHECK (seconds >= 0), extra)";

export function describeDatabase(name: string, open: () => Promise<Database>): void {
  describe(`the D1 contract over ${name}`, () => {
    let database: Database;

    beforeEach(async () => {
      database = await open();
      await database.prepare("DROP TABLE IF EXISTS films").run();
      await database.prepare(SCHEMA).run();
    });

    afterEach(() => database.close());

    const insert = (id: number, film: string) =>
      database.prepare("INSERT INTO films (id, name) VALUES (?, ?)").bind(id, film);
    const select = (expression: string, ...values: unknown[]) => {
      const statement = database.prepare(`SELECT ${expression} AS value`);
      return (values.length > 0 ? statement.bind(...values) : statement).first<unknown>("value");
    };
    const count = () => database.prepare("SELECT count(*) AS n FROM films").first<number>("n");

    describe("statements", () => {
      it("prepares without looking at the text, and refuses bad SQL when it runs", async () => {
        const statement = database.prepare("SELEC 1");
        await expect(statement.all()).rejects.toThrow(/^D1_ERROR: near "SELEC": syntax error/);
      });

      it("binds into a new statement and leaves the old one as it was", async () => {
        const template = database.prepare("SELECT ? AS value");
        const [one, two] = [template.bind("one"), template.bind("two")];
        expect(one).not.toBe(template);
        expect([await two.first("value"), await one.first("value")]).toEqual(["two", "one"]);
      });

      it("replaces what was bound before", async () => {
        expect(await database.prepare("SELECT ? AS value").bind("old").bind("new").first("value")).toBe("new");
      });

      it("refuses too few and too many values", async () => {
        const message = /^D1_ERROR: Wrong number of parameter bindings/;
        await expect(database.prepare("SELECT ?, ?").bind(1).all()).rejects.toThrow(message);
        await expect(database.prepare("SELECT ?").bind(1, 2).all()).rejects.toThrow(message);
        await expect(database.prepare("SELECT ?").all()).rejects.toThrow(message);
        await expect(database.prepare("SELECT 1").bind(1).all()).rejects.toThrow(message);
      });

      it("does not take a ? in a text or a comment for a parameter", async () => {
        expect(await select("'?' /* ? */")).toBe("?");
      });

      it("allows one semicolon at the end", async () => {
        expect(await database.prepare("SELECT 1 AS value; ").first("value")).toBe(1);
      });

      it("refuses a statement without SQL", async () => {
        await expect(database.prepare(" ").all()).rejects.toThrow(/^D1_ERROR: .*SQL/);
      });

      it("refuses to begin a transaction by hand", async () => {
        await expect(database.prepare("BEGIN").run()).rejects.toThrow(/To execute a transaction, please use/);
        await expect(database.prepare("savepoint here").run()).rejects.toThrow(/To execute a transaction, please use/);
      });

      it("runs one statement object several times", async () => {
        const statement = database.prepare("INSERT INTO films (name) VALUES (NULL)");
        await Promise.all([statement.run(), statement.run()]);
        expect(await count()).toBe(2);
      });
    });

    describe("results", () => {
      it("answers all() with success, meta and results", async () => {
        await insert(1, "Metropolis").run();
        const answer = await database.prepare("SELECT id, name FROM films").all();
        expect(Object.keys(answer).sort()).toEqual(["meta", "results", "success"]);
        expect(answer).toMatchObject({ success: true, results: [{ id: 1, name: "Metropolis" }] });
      });

      it("answers a write with no rows, never with undefined", async () => {
        expect((await insert(1, "M").run()).results).toEqual([]);
        expect((await insert(2, "N").all()).results).toEqual([]);
      });

      it("answers run() of a query with its rows, like all()", async () => {
        expect((await database.prepare("SELECT 1 AS one").run()).results).toEqual([{ one: 1 }]);
      });

      it("answers first() with the first row, or null", async () => {
        expect(await database.prepare("SELECT 1 AS one UNION ALL SELECT 2").first()).toEqual({ one: 1 });
        expect(await database.prepare("SELECT 1 WHERE 0").first()).toBeNull();
      });

      it("answers first(column) with its value, null where there is no row", async () => {
        expect(await database.prepare("SELECT 7 AS n").first("n")).toBe(7);
        expect(await database.prepare("SELECT NULL AS n").first("n")).toBeNull();
        expect(await database.prepare("SELECT 1 AS n WHERE 0").first("other")).toBeNull();
      });

      it("refuses first() of a column that the row does not have", async () => {
        const asked = database.prepare("SELECT 1 AS n").first("m");
        await expect(asked).rejects.toThrow("D1_COLUMN_NOTFOUND: Column not found (m)");
      });

      it("answers raw() with arrays, with the names in front on demand", async () => {
        const statement = database.prepare("SELECT 1 AS a, 2 AS a");
        expect(await statement.raw()).toEqual([[1, 2]]);
        expect(await statement.raw({ columnNames: true })).toEqual([
          ["a", "a"],
          [1, 2],
        ]);
        expect(await database.prepare("SELECT 1 AS a WHERE 0").raw({ columnNames: true })).toEqual([["a"]]);
        expect(await insert(1, "M").raw()).toEqual([]);
      });

      it("keeps the last of two columns of one name in a row object", async () => {
        expect(await database.prepare("SELECT 1 AS a, 2 AS a").first()).toEqual({ a: 2 });
      });

      it("gives the rows of RETURNING and counts them as changes", async () => {
        await database.batch([insert(1, "M"), insert(2, "N"), insert(3, "O")]);
        const answer = await database
          .prepare("UPDATE films SET extra = 1 WHERE id < ? RETURNING id")
          .bind(3)
          .all<{ id: number }>();
        expect(answer.results.map((row) => row.id).sort()).toEqual([1, 2]);
        expect(answer.meta.changes).toBe(2);
      });

      it("runs a RETURNING to its end even if only its first row is wanted", async () => {
        await database.batch([insert(1, "M"), insert(2, "N")]);
        await database.prepare("UPDATE films SET extra = 1 RETURNING id").first();
        expect(await database.prepare("SELECT sum(extra) AS n FROM films").first("n")).toBe(2);
      });
    });

    describe("meta", () => {
      it("counts the rows that a statement has changed", async () => {
        expect((await insert(1, "M").run()).meta.changes).toBe(1);
        expect((await database.prepare("UPDATE films SET extra = 1 WHERE id = 9").run()).meta.changes).toBe(0);
        expect((await database.prepare("UPDATE films SET name = name").run()).meta.changes).toBe(1);
        expect((await database.prepare("SELECT * FROM films").all()).meta.changes).toBe(0);
        expect((await database.prepare("CREATE TABLE IF NOT EXISTS films (id)").run()).meta.changes).toBe(0);
      });

      it("does not count what INSERT OR IGNORE has left out", async () => {
        await insert(1, "M").run();
        const again = database.prepare("INSERT OR IGNORE INTO films (id, name) VALUES (1, 'M'), (2, 'N')");
        expect((await again.run()).meta.changes).toBe(1);
      });

      it("tells the last row id, also of later statements that insert nothing", async () => {
        expect((await insert(41, "M").run()).meta.last_row_id).toBe(41);
        expect((await database.prepare("SELECT 1").all()).meta.last_row_id).toBe(41);
        const returned = await database.prepare("INSERT INTO films (name) VALUES ('N') RETURNING id").all();
        expect(returned.meta.last_row_id).toBe(42);
      });
    });

    describe("values", () => {
      it("binds every number as REAL, whole ones too", async () => {
        expect(await select("typeof(?)", 5)).toBe("real");
        expect(await select("? / 2", 5)).toBe(2.5);
        expect(await select("'a' || ?", 5)).toBe("a5.0");
      });

      it("stores a whole number in an INTEGER column as an integer, at both ends of +-2^53", async () => {
        for (const id of [0, -7, 2 ** 53, -(2 ** 53)]) {
          await database.prepare("INSERT INTO films (id) VALUES (?)").bind(id).run();
          const row = await database.prepare("SELECT id, typeof(id) AS type FROM films WHERE id = ?").bind(id).first();
          expect(row).toEqual({ id, type: "integer" });
        }
      });

      it("binds NaN and infinity as NULL, -0 as 0, booleans as 1 and 0", async () => {
        expect(await select("?", Number.NaN)).toBeNull();
        expect(await select("?", Number.NEGATIVE_INFINITY)).toBeNull();
        expect(Object.is(await select("?", -0), 0)).toBe(true);
        expect(await select("? + 10 * ?", true, false)).toBe(1);
      });

      it("binds null as NULL", async () => {
        expect(await select("? IS NULL", null)).toBe(1);
        expect(await select("?", null)).toBeNull();
      });

      it("keeps every character of a text", async () => {
        const text = "naïve – 映画 🎬 'quotes' \"double\" \\ \n\t end";
        expect(await select("?", text)).toBe(text);
        expect(await select("?", "")).toBe("");
        expect(await select("length(CAST(? AS BLOB))", "a\0b")).toBe(3);
      });

      it("takes blobs as ArrayBuffer, Uint8Array and array of bytes, and gives them back as arrays of numbers", async () => {
        const bytes = new Uint8Array([9, 1, 2, 255]).subarray(1);
        expect(await select("?", bytes)).toEqual([1, 2, 255]);
        expect(await select("?", new Uint8Array([1, 2]).buffer)).toEqual([1, 2]);
        expect(await select("?", [1, 2, 255])).toEqual([1, 2, 255]);
        expect(await select("typeof(?)", new Uint8Array())).toBe("blob");
        expect(await database.prepare("SELECT x'0102' AS b").raw()).toEqual([[[1, 2]]]);
      });

      it("takes the elements of wider typed arrays modulo 256, and of a DataView nothing", async () => {
        expect(await select("?", new Uint16Array([1, 258]))).toEqual([1, 2]);
        expect(await select("?", new DataView(new ArrayBuffer(4)))).toEqual([]);
      });

      it("refuses undefined, bigints, dates, objects and functions at once", () => {
        const statement = database.prepare("SELECT ?");
        for (const value of [undefined, 1n, new Date(0), {}, () => 1, ["a"]]) {
          expect(() => statement.bind(value)).toThrow(/^D1_TYPE_ERROR: Type '\w+' not supported for value '/);
        }
        expect(() => statement.bind(undefined)).toThrow("Type 'undefined' not supported for value 'undefined'");
      });

      it("gives infinity back as null and large integers as the nearest number", async () => {
        expect(await select("9e999")).toBeNull();
        expect(await select("9007199254740993")).toBe(9007199254740992);
      });

      it("reads many rows out of one JSON parameter", async () => {
        const rows = JSON.stringify([
          [1, "M", 2.5],
          [-2, "N", null],
        ]);
        await database
          .prepare(
            "INSERT INTO films (id, name, seconds) SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)",
          )
          .bind(rows)
          .run();
        expect(await database.prepare("SELECT id, name, seconds FROM films ORDER BY id").raw()).toEqual([
          [-2, "N", null],
          [1, "M", 2.5],
        ]);
        const ids = database
          .prepare("SELECT id FROM films WHERE id IN (SELECT value FROM json_each(?))")
          .bind("[1, 5]");
        expect((await ids.all()).results).toEqual([{ id: 1 }]);
      });

      it("takes a JSON parameter of more than a megabyte", async () => {
        const text = JSON.stringify(Array.from({ length: 100_000 }, (_, at) => at + 1_000_000));
        expect(await select("(SELECT count(*) FROM json_each(?))", text)).toBe(100_000);
      });
    });

    describe("batches", () => {
      it("answers each statement in order, with its own rows and changes", async () => {
        const [first, second, third] = await database.batch([
          insert(1, "M"),
          database.prepare("SELECT name FROM films"),
          database.prepare("DELETE FROM films RETURNING id"),
        ]);
        expect(first?.meta.changes).toBe(1);
        expect(second?.results).toEqual([{ name: "M" }]);
        expect(third).toMatchObject({ results: [{ id: 1 }], meta: { changes: 1 } });
      });

      it("undoes everything when one statement fails, whatever is wrong with it", async () => {
        const wrong: D1PreparedStatement[] = [
          insert(1, "M"),
          database.prepare("SELEC 1"),
          database.prepare("SELECT ?"),
          database.prepare("INSERT INTO films (seconds) VALUES (-1)"),
        ];
        for (const statement of wrong) {
          await expect(database.batch([insert(1, "M"), insert(2, "N"), statement])).rejects.toThrow(/^D1_ERROR: /);
          expect(await count()).toBe(0);
        }
      });

      it("undoes changes of the schema too", async () => {
        const batch = database.batch([database.prepare("DROP TABLE films"), database.prepare("SELEC 1")]);
        await expect(batch).rejects.toThrow();
        expect(await count()).toBe(0);
      });

      it("works on after a batch that has failed", async () => {
        await expect(database.batch([insert(1, "M"), insert(1, "M")])).rejects.toThrow();
        await database.batch([insert(1, "M"), insert(2, "N")]);
        expect(await count()).toBe(2);
      });

      it("runs one statement object twice in one batch", async () => {
        const statement = database.prepare("INSERT INTO films (name) VALUES (NULL)");
        await database.batch([statement, statement]);
        expect(await count()).toBe(2);
      });

      it("refuses an empty batch, and statements that are mere texts", async () => {
        await expect(database.batch([])).rejects.toThrow("D1_ERROR: No SQL statements detected.");
        await expect(database.batch(["SELECT 1" as unknown as D1PreparedStatement])).rejects.toThrow();
      });

      it("lets batches that run side by side take turns", async () => {
        const adding = Array.from({ length: 20 }, (_, at) =>
          database.batch([insert(2 * at, `${at}`), insert(2 * at + 1, `${at}b`)]),
        );
        await Promise.all(adding);
        expect(await count()).toBe(40);
      });
    });

    describe("errors", () => {
      it("names the constraint, with SQLite's code", async () => {
        await insert(1, "M").run();
        await expect(insert(2, "M").run()).rejects.toThrow(
          /^D1_ERROR: UNIQUE constraint failed: films\.name: SQLITE_CONSTRAINT/,
        );
        const negative = database.prepare("INSERT INTO films (seconds) VALUES (-1)").run();
        await expect(negative).rejects.toThrow(/^D1_ERROR: CHECK constraint failed: .*: SQLITE_CONSTRAINT/);
      });

      it("names a table and a column that are not there", async () => {
        await expect(database.prepare("SELECT * FROM nowhere").all()).rejects.toThrow(
          /^D1_ERROR: no such table: nowhere/,
        );
        await expect(database.prepare("SELECT x FROM films").all()).rejects.toThrow(/^D1_ERROR: no such column: x/);
      });

      it("keeps the text without prefix as the cause", async () => {
        const error = await database
          .prepare("SELECT * FROM nowhere")
          .all()
          .catch((caught: Error) => caught);
        expect(error).toBeInstanceOf(Error);
        expect(((error as Error).cause as Error).message).toMatch(/^no such table: nowhere/);
      });
    });

    describe("exec and sessions", () => {
      it("takes each line for a statement and counts lines", async () => {
        const { count: lines } = await database.exec(
          "INSERT INTO films (id) VALUES (1)\n\nINSERT INTO films (id) VALUES (2);\n",
        );
        expect(lines).toBe(2);
        expect(await count()).toBe(2);
      });

      it("undoes all lines when one fails", async () => {
        const exec = database.exec("INSERT INTO films (id) VALUES (1)\nINSERT INTO nowhere VALUES (1)");
        await expect(exec).rejects.toThrow(/^D1_EXEC_ERROR: Error in line 1: /);
        expect(await count()).toBe(0);
      });

      it("reads in a session what was written before", async () => {
        await insert(1, "M").run();
        const session = database.withSession();
        expect(await session.prepare("SELECT count(*) AS n FROM films").first("n")).toBe(1);
      });
    });
  });
}
