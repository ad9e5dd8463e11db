// Migrations on SQLite and on real D1: each once, in order, in whole or not at all, whoever comes at the same time.
import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Database } from "../../src/database/database.js";
import { type MigrateOptions, migrate, pendingMigrations } from "../../src/database/migrate.js";
import { openSqlite } from "../../src/database/sqlite.js";
import { HidbError } from "../../src/errors.js";
import { MIGRATIONS } from "../catalogue/world.js";
import { setup as setupCommand } from "../cli/world.js";
import { appliedNames, type Home, makeHome, makeMigrations, schemaOf, withBatch } from "./migrate-world.js";

const NAMES = readdirSync(MIGRATIONS).sort();
const HIDB: MigrateOptions = { folder: MIGRATIONS, withCatalogue: true };
const ofFolder = (files: Record<string, string>): MigrateOptions => ({
  folder: makeMigrations(files),
  withCatalogue: true,
});

describe.each<Home>(["sqlite", "workerd"])("migrations on %s", (kind) => {
  it("are applied in order, once", async () => {
    const database = await (await makeHome(kind))();
    expect(await pendingMigrations(database, HIDB)).toEqual(NAMES);
    expect(await migrate(database, HIDB)).toEqual(NAMES);
    expect(await appliedNames(database)).toEqual(NAMES);
    const schema = await schemaOf(database);
    expect(await pendingMigrations(database, HIDB)).toEqual([]);
    expect(await migrate(database, HIDB)).toEqual([]);
    expect(await schemaOf(database)).toEqual(schema);
  });

  it("are applied once by eight instances that start at the same moment", async () => {
    const open = await makeHome(kind);
    const databases = await Promise.all(Array.from({ length: 8 }, open));
    // Were one of these applied twice, it would show or fail.
    const options = ofFolder({
      "0001_films.sql": "CREATE TABLE films (name TEXT); INSERT INTO films VALUES ('first');",
      "0002_more.sql": "INSERT INTO films VALUES ('second');",
      "0003_year.sql": "ALTER TABLE films ADD COLUMN year; UPDATE films SET year = coalesce(year, 0) + 1;",
    });
    const done = await Promise.all(databases.map((database) => migrate(database, options)));
    const names = readdirSync(options.folder).sort();
    expect(done.flat().sort()).toEqual(names);
    const [database] = databases as [Database];
    expect(await appliedNames(database)).toEqual(names);
    expect((await database.prepare("SELECT name, year FROM films").all()).results).toEqual([
      { name: "first", year: 1 },
      { name: "second", year: 1 },
    ]);
  });

  it("leave nothing of one that fails, keep those before it, and go on once it is mended", async () => {
    const database = await (await makeHome(kind))();
    const files = { "1_films.sql": "CREATE TABLE films (name TEXT UNIQUE);" };
    const broken = "CREATE TABLE halves (x); INSERT INTO films VALUES ('a'), ('b'); INSERT INTO films VALUES ('a');";
    const failure = await migrate(database, ofFolder({ ...files, "2_rows.sql": broken })).catch((error) => error);
    expect(failure).toBeInstanceOf(HidbError);
    expect(failure).toMatchObject({ code: "DATABASE_FOREIGN", exitCode: 5 });
    expect(failure.message).toMatch(/^expected the migration 2_rows\.sql to fit .*, got .*UNIQUE constraint failed/);
    expect(await schemaOf(database)).toMatchObject([{ name: "d1_migrations" }, { name: "films" }]);
    expect(await database.prepare("SELECT count(*) AS n FROM films").first("n")).toBe(0);
    expect(await appliedNames(database)).toEqual(["1_films.sql"]);
    expect(await migrate(database, ofFolder({ ...files, "2_rows.sql": "CREATE TABLE halves (x)" }))).toEqual([
      "2_rows.sql",
    ]);
  });

  it("leave nothing at all when the first one fails", async () => {
    const database = await (await makeHome(kind))();
    await expect(migrate(database, ofFolder({ "1.sql": "CREATE TABLE films (x); SELEC 1;" }))).rejects.toThrow(
      /1\.sql to fit this database, got .*syntax error/,
    );
    expect(await schemaOf(database)).toEqual([]);
  });

  it("take triggers, literals and comments as SQLite takes them", async () => {
    const database = await (await makeHome(kind))();
    const sql = `-- Migration number: 0001
      CREATE TABLE films (id INTEGER PRIMARY KEY, /* its; */ name TEXT DEFAULT ';--');
      CREATE TRIGGER log AFTER INSERT ON films BEGIN
        UPDATE films SET name = CASE WHEN new.id > 1 THEN 'late;' ELSE name END WHERE id = new.id;
      end;
      INSERT INTO films (id) VALUES (1), (2); -- done;`;
    await migrate(database, ofFolder({ "1.sql": sql.replaceAll("\n", "\r\n") }));
    const { results } = await database.prepare("SELECT name FROM films ORDER BY id").all();
    expect(results).toEqual([{ name: ";--" }, { name: "late;" }]);
    expect(JSON.stringify(await schemaOf(database))).not.toContain("\\r");
  });

  it("keep their record in a table of another name when told so", async () => {
    const database = await (await makeHome(kind))();
    const options = { ...HIDB, table: 'my "own"' };
    expect(await migrate(database, options)).toEqual(NAMES);
    expect(await migrate(database, options)).toEqual([]);
    expect(await database.prepare('SELECT count(*) AS n FROM "my ""own"""').first("n")).toBe(NAMES.length);
  });

  it("leave other people's alone, and refuse those of a newer hidb", async () => {
    const database = await (await makeHome(kind))();
    await migrate(database, ofFolder({ "0001_their_films.sql": "CREATE TABLE films (x)" }));
    expect(await migrate(database, HIDB)).toEqual(NAMES);
    await database.prepare("INSERT INTO d1_migrations (name) VALUES ('9999_hidb_future.sql')").run();
    await expect(migrate(database, HIDB)).rejects.toMatchObject({
      code: "DATABASE_FOREIGN",
      message: expect.stringContaining("9999_hidb_future.sql"),
    });
  });

  it("refuse a database in which somebody else's table has the name of their record", async () => {
    const database = await (await makeHome(kind))();
    await database.prepare("CREATE TABLE d1_migrations (what)").run();
    await expect(migrate(database, HIDB)).rejects.toMatchObject({
      code: "DATABASE_FOREIGN",
      message: expect.stringContaining("got one without the column name"),
    });
  });

  it("leave the default catalogue out for people who have a table of their own", async () => {
    const database = await (await makeHome(kind))();
    await migrate(database, { ...HIDB, withCatalogue: false });
    expect(await schemaOf(database)).not.toContainEqual(expect.objectContaining({ name: "videos" }));
    expect(await migrate(database, HIDB)).toEqual(["0002_hidb_catalogue.sql"]);
  });
});

describe("migrations over a way on which answers get lost", () => {
  const files = { "1_films.sql": "CREATE TABLE films (x)", "2_row.sql": "INSERT INTO films VALUES (1)" };
  const lost = () =>
    new HidbError({ code: "DATABASE_OUTCOME_UNKNOWN", message: "expected an answer, got none", fix: "try again" });

  it("are not applied again when they have been applied", async () => {
    const database = await (await makeHome("workerd"))();
    const forgetful = withBatch(database, async (statements) => {
      await database.batch(statements);
      throw lost();
    });
    expect(await migrate(forgetful, ofFolder(files))).toEqual(Object.keys(files));
    expect(await database.prepare("SELECT count(*) AS n FROM films").first("n")).toBe(1);
  });

  it("are tried again when they have not, and only so often", async () => {
    const database = await (await makeHome("workerd"))();
    let losses = 0;
    const lossy = (count: number) =>
      withBatch(database, async (statements) => {
        if (losses++ < count) throw lost();
        return database.batch(statements);
      });
    expect(await migrate(lossy(2), ofFolder(files))).toEqual(Object.keys(files));
    losses = 0;
    const more = ofFolder({ ...files, "3_row.sql": "INSERT INTO films VALUES (1)" });
    await expect(migrate(lossy(Number.POSITIVE_INFINITY), more)).rejects.toMatchObject({
      code: "DATABASE_OUTCOME_UNKNOWN",
    });
    expect(losses).toBe(4);
    expect(await pendingMigrations(database, more)).toEqual(["3_row.sql"]);
  });

  it("are applied once when the lost request arrives after the second try has been sent", async () => {
    const database = await (await makeHome("workerd"))();
    let late: Parameters<Database["batch"]>[0] | undefined;
    const slow = withBatch(database, async (statements) => {
      if (late === undefined) {
        late = statements;
        throw lost();
      }
      await database.batch(late);
      return database.batch(statements);
    });
    const { "1_films.sql": first } = files;
    expect(await migrate(slow, ofFolder({ "1_films.sql": `${first}; INSERT INTO films VALUES (1)` }))).toEqual([
      "1_films.sql",
    ]);
    expect(await database.prepare("SELECT count(*) AS n FROM films").first("n")).toBe(1);
  });

  it("ask once when there is nothing to do, and once more for each that there is", async () => {
    const database = await (await makeHome("sqlite"))();
    let requests = 0;
    const counted = withBatch(database, (statements) => {
      requests++;
      return database.batch(statements);
    });
    counted.prepare = (sql) => {
      if (sql.startsWith("SELECT")) requests++;
      return database.prepare(sql);
    };
    const options = ofFolder(files);
    await migrate(counted, options);
    expect(requests).toBe(3);
    await migrate(counted, options);
    expect(requests).toBe(4);
  });
});

describe("hidb migrate", () => {
  it("applies each migration once in eight processes at the same moment", async () => {
    const { file, run } = setupCommand();
    const answers = await Promise.all(Array.from({ length: 8 }, () => run(["migrate", "--json"])));
    expect(answers.map(({ code, stderr }) => ({ code, stderr }))).toEqual(Array(8).fill({ code: 0, stderr: "" }));
    expect(answers.flatMap(({ stdout }) => JSON.parse(stdout).applied).sort()).toEqual(NAMES);
    const database = await openSqlite(file);
    expect(await appliedNames(database)).toEqual(NAMES);
    await database.close();
  });
});
