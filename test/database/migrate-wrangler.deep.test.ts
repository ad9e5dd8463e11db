// The same folder of migrations in the hands of real wrangler and in ours.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { migrate } from "../../src/database/migrate.js";
import { listMigrations } from "../../src/database/migration-files.js";
import { openSqlite } from "../../src/database/sqlite.js";
import { localD1File } from "../../src/database/wrangler/local-file.js";
import { MIGRATIONS, makeFile, makeFolder } from "../catalogue/world.js";
import { appliedNames, schemaOf } from "./migrate-world.js";
import { makeProject } from "./wrangler-world.js";

const DATABASE = { binding: "DB", database_name: "films", database_id: "8d3f6a52-1b7e-4c0a-9f43-2f6f0c1d5e77" };
const NAMES = readdirSync(MIGRATIONS).sort();
const HIDB = { folder: MIGRATIONS, withCatalogue: true };

function setup(database: object) {
  const project = makeProject({ ...DATABASE, ...database });
  const file = localD1File(project.folder, DATABASE);
  return {
    ...project,
    apply: () => project.wrangler("d1", "migrations", "apply", "DB", "--local"),
    /** What our migrator does to wrangler's file, and the schema that is there afterwards. */
    async migrate() {
      const local = await openSqlite(file, { create: true });
      const applied = await migrate(local, HIDB);
      const [schema, names] = [await schemaOf(local), await appliedNames(local)];
      await local.close();
      return { applied, schema, names };
    },
    /** The schema that ours makes in a new file. */
    async reference() {
      const fresh = await openSqlite(join(makeFolder(), "fresh.sqlite"), { create: true });
      await migrate(fresh, HIDB);
      const [schema, names] = [await schemaOf(fresh), await appliedNames(fresh)];
      await fresh.close();
      return { schema, names };
    },
  };
}

/** Wrangler lays its own table out in its own way; what it says is the same. */
function withoutLayout(schema: unknown[]): unknown[] {
  return (schema as { name: string; sql: string }[]).map((row) =>
    row.name === "d1_migrations" ? { ...row, sql: row.sql.replace(/\s+/g, "") } : row,
  );
}

describe("hidb's migrations", () => {
  it("make the same schema in the hands of wrangler, and leave nothing to do for us", async () => {
    const { apply, migrate: ours, reference } = setup({ migrations_dir: MIGRATIONS });
    expect(await apply()).toContain(NAMES.at(-1));
    const { applied, schema, names } = await ours();
    const expected = await reference();
    expect(applied).toEqual([]);
    expect(names).toEqual(NAMES);
    expect(expected.names).toEqual(NAMES);
    expect(expected.schema.length).toBeGreaterThan(8);
    expect(withoutLayout(schema)).toEqual(withoutLayout(expected.schema));
  });

  it("leave nothing to do for wrangler once we have applied them", async () => {
    const { apply, migrate: ours, reference } = setup({ migrations_dir: MIGRATIONS });
    expect((await ours()).applied).toEqual(NAMES);
    expect(await apply()).toContain("No migrations to apply");
    expect(await ours()).toMatchObject({ applied: [], schema: (await reference()).schema });
  });
});

describe("migrations of other projects", () => {
  const FILES = {
    "10_last.sql": "ALTER TABLE films ADD COLUMN last;",
    "2_trigger.sql": `-- a trigger; with a comment
      CREATE TRIGGER log AFTER INSERT ON films BEGIN
        -- inside;
        UPDATE films SET name = CASE WHEN 1 THEN ';' ELSE name END WHERE id = new.id;
      END;
      CREATE INDEX films_by_name ON films (name); -- done`,
    "0001_films.sql": "CREATE TABLE films (\n  id INTEGER PRIMARY KEY, -- the id\n  name TEXT DEFAULT ';--'\n);",
    "0002_b.sql": "CREATE VIEW b AS SELECT * FROM films;",
    "0002_a.sql": "CREATE VIEW a AS SELECT * FROM films;",
    "unnumbered.sql": "CREATE VIEW unnumbered AS SELECT last FROM films;",
    "it's.sql": "CREATE VIEW its AS SELECT last FROM films;",
    "nested/1_in.sql": "CREATE VIEW nested AS SELECT last FROM unnumbered;",
    "3_nested/0_in.sql": "CREATE VIEW third AS SELECT name FROM films;",
    ".hidden.sql": "NO SQL AT ALL;",
    "0001_notes.txt": "NO SQL AT ALL;",
  };

  it.each(["*.sql", "**/*.sql", "{0001,2}_*.sql"])("are found and ordered as wrangler does: %s", async (pattern) => {
    const { folder, apply } = setup({ migrations_dir: "db", migrations_pattern: `db/${pattern}` });
    for (const [name, sql] of Object.entries(FILES)) makeFile(join(folder, "db"), name, sql);
    const options = { folder: join(folder, "db"), pattern, withCatalogue: true };
    await apply();
    const local = await openSqlite(localD1File(folder, DATABASE));
    const fresh = await openSqlite(join(folder, "fresh.sqlite"), { create: true });
    expect(await migrate(local, options)).toEqual([]);
    expect(await migrate(fresh, options)).toEqual(await appliedNames(local));
    expect(listMigrations(options.folder, pattern).length).toBeGreaterThan(1);
    expect(withoutLayout(await schemaOf(fresh))).toEqual(withoutLayout(await schemaOf(local)));
    await Promise.all([local.close(), fresh.close()]);
  });
});
