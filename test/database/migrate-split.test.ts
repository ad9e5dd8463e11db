// Where one statement ends and the next begins, as SQLite and wrangler see it.
import BetterSqlite3 from "better-sqlite3";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unstable_splitSqlQuery as splitWithWrangler } from "wrangler";
import { splitStatements } from "../../src/database/split.js";

const TRIGGER = `CREATE TRIGGER log AFTER UPDATE ON films WHEN new.name <> 'END;' BEGIN
  INSERT INTO log VALUES (CASE new.id WHEN 1 THEN 'one; two' ELSE 'more' END);
  DELETE FROM log WHERE id = 0;
END`;

describe("splitting SQL into statements", () => {
  it.each([
    ["", []],
    [" \n; ;; -- nothing\n;/* at all */", []],
    ["SELECT 1", ["SELECT 1"]],
    [" SELECT 1 ; SELECT 2;\n", ["SELECT 1", "SELECT 2"]],
    ["SELECT ';''; --', \"a;b\", `c;\"`, [d;e]; SELECT 2", ["SELECT ';''; --', \"a;b\", `c;\"`, [d;e]", "SELECT 2"]],
    ["-- first;\nSELECT 1 -- one;\n; /* then; */ SELECT 2 /* two */", ["SELECT 1", "SELECT 2"]],
    ["SELECT 1 -- in;\n + 1 /* and; */ + 2", ["SELECT 1 -- in;\n + 1 /* and; */ + 2"]],
    [`${TRIGGER};\nSELECT 2;`, [TRIGGER, "SELECT 2"]],
    [TRIGGER.replace("CREATE", "create /* a; */ temp").toLowerCase(), undefined],
    ["SELECT CASE WHEN 1 THEN 2 END; SELECT 3", ["SELECT CASE WHEN 1 THEN 2 END", "SELECT 3"]],
    ["CREATE TABLE trigger_end (x); SELECT 3", ["CREATE TABLE trigger_end (x)", "SELECT 3"]],
    ["SELECT 'never ended; SELECT 2", ["SELECT 'never ended; SELECT 2"]],
    ["SELECT 1; /* never ended; SELECT 2", ["SELECT 1"]],
    ["SELECT 1\r\n;\r\nSELECT 2 -- x\r\n;", ["SELECT 1", "SELECT 2"]],
  ])("%j", (sql, statements = [sql]) => {
    expect(splitStatements(sql)).toEqual(statements);
  });

  it("leaves comments out on demand, and lets them part what they stood between", () => {
    const sql = "-- first\nSELECT/* one */1 -- two\n  -/**/-1 -- last";
    expect(splitStatements(sql, { comments: "drop" })).toEqual(["SELECT 1 \n  - -1"]);
    expect(splitStatements("SELECT '--', '/* */'", { comments: "drop" })).toEqual(["SELECT '--', '/* */'"]);
  });

  it.each([
    `CREATE TABLE films (id INTEGER, -- the id\n  name TEXT DEFAULT 'a;--b');\n\n-- then\nINSERT INTO films VALUES (1, 'x');`,
    `${TRIGGER};\nCREATE VIEW v AS SELECT CASE id WHEN 1 THEN 2 END AS x FROM films;\n`,
    "INSERT INTO \"a;b\" VALUES (';');\n/* two; */ DELETE FROM `c;d`;",
  ])("cuts as wrangler cuts: %j", (sql) => {
    expect(splitStatements(sql, { comments: "drop" })).toEqual(splitWithWrangler(sql));
  });

  it("gives statements that together do what the whole text does", () => {
    const name = fc.constantFrom("t", '"t;"', "[t;--]", "`t';`");
    const blank = fc.constantFrom(" ", "\n", " -- it's; a \"comment\n", "/* ; ' */", "\r\n");
    const value = fc.constantFrom("'it''s;'", "';--'", "x'3b'", "1.5", "CASE WHEN 1 THEN ';' END", "'/*'");
    const statement = fc.oneof(
      fc.tuple(name, blank, value).map(([n, b, v]) => `INSERT INTO${b} ${n}${b}VALUES(${v})`),
      fc
        .tuple(name, blank, value, fc.nat({ max: 9 }), fc.constantFrom("", "TEMP ", "temporary "))
        .map(
          ([n, b, v, id, temp]) =>
            `CREATE${b} ${temp}TRIGGER IF NOT EXISTS r${id}${b}AFTER INSERT ON ${n}${b}BEGIN${b}` +
            `UPDATE ${n}${b}SET x = x || ${v}; ${b}SELECT CASE WHEN 1 THEN 2 END;${b}end`,
        ),
    );
    const script = fc.array(fc.tuple(blank, statement, blank)).map((parts) => parts.map((p) => p.join("")).join(";"));
    const run = (work: (database: BetterSqlite3.Database) => void) => {
      const database = new BetterSqlite3(":memory:");
      database.exec('CREATE TABLE t (x); CREATE TABLE "t;" (x); CREATE TABLE [t;--] (x); CREATE TABLE "t\';" (x)');
      work(database);
      const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[];
      const rows = tables.map((table) => database.prepare(`SELECT * FROM "${table}"`).all());
      database.close();
      return rows;
    };
    fc.assert(
      fc.property(script, (sql) => {
        const whole = run((database) => database.exec(sql));
        for (const comments of ["keep", "drop"] as const) {
          const cut = run((database) => {
            for (const one of splitStatements(sql, { comments })) database.prepare(one).run();
          });
          expect(cut).toEqual(whole);
        }
      }),
      { numRuns: 300 },
    );
  });
});
