// Tables that somebody else made, with whatever SQLite lets them hold: what can be a video becomes one, the rest is counted,
// and the table stays as it is.
import { strict as assert } from "node:assert";
import { adoptVideos, countRefusedRows } from "../../../dist/catalogue/adopt.js";
import { describeCatalogue } from "../../../dist/catalogue/table.js";
import { HidbError } from "../../../dist/errors.js";
import type { Chance } from "../random.ts";
import type { ListWorld } from "./world.ts";

const ID_TYPES = ["INTEGER PRIMARY KEY", "INTEGER", "TEXT", "REAL", "BLOB", "NUMERIC UNIQUE", "INT PRIMARY KEY", ""];
const REST = ["path TEXT", "path", "path TEXT NOT NULL", "path TEXT COLLATE NOCASE UNIQUE"];
const LENGTHS = ["", ", length", ", length TEXT", ", length REAL", ", length BLOB", ", length AS (nr * 2)"];
const VALUES = [
  ...["1", "2", "-3", "0", "9007199254740992", "9007199254740993", "-9007199254740992", "-9007199254740993"],
  ...["9223372036854775807", "-9223372036854775808", "1.0", "1.5", "9e999", "-9e999", "NULL", "'4'", "'abc'", "''"],
  ...["x'01'", "x''", "'5 '", "1e3", "'1e3'", "'9223372036854775808'", "9223372036854775808"],
];

export async function checkTable(world: ListWorld, chance: Chance): Promise<void> {
  const { beside, database } = world;
  beside.exec("DELETE FROM hidb_videos; DELETE FROM videos");
  const old = beside.prepare<[], { type: string; name: string }>(
    "SELECT type, name FROM sqlite_schema WHERE name IN ('films', 'films_')",
  );
  for (const { type, name } of old.all()) beside.exec(`DROP ${type} ${name}`);
  const isView = chance.maybe(0.2);
  const length = chance.pick(LENGTHS);
  beside.exec(
    `CREATE TABLE ${isView ? "films_" : "films"} (NR ${chance.pick(ID_TYPES)}, ${chance.pick(REST)}${length})`,
  );
  if (isView) beside.exec("CREATE VIEW films AS SELECT * FROM films_");
  for (let left = chance.below(12); left > 0; left--) {
    const values = [chance.pick(VALUES), chance.pick(["'/a.mp4'", "'b'", "NULL", "x'00'", "''"]), chance.pick(VALUES)];
    const held = length === "" || length.includes(" AS ") ? values.slice(0, 2) : values;
    const columns = ["NR", "path", "length"].slice(0, held.length);
    try {
      beside.exec(`INSERT INTO ${isView ? "films_" : "films"} (${columns}) VALUES (${held.join(", ")})`);
    } catch {
      // Their table refuses it.
    }
  }
  const before = dump(world);
  const names = {
    catalogueTable: "FILMS",
    catalogueId: "nr",
    catalogueSource: "Path",
    catalogueTitle: "title",
    catalogueDuration: "length",
  };
  try {
    const catalogue = await describeCatalogue(database, names);
    for (let round = 0; round < 2; round++) {
      await adoptVideos(database, catalogue);
      const taken = ids(world, "SELECT video_id FROM hidb_videos");
      const right = ids(
        world,
        "SELECT DISTINCT nr FROM films WHERE typeof(nr) = 'integer' AND abs(nr / 2) <= 4503599627370496 AND nr BETWEEN -9007199254740992 AND 9007199254740992",
      );
      assert.deepEqual(taken, right);
      const all = beside.prepare<[], { n: bigint }>("SELECT count(*) AS n FROM films").get()?.n ?? 0n;
      const doubles =
        beside
          .prepare<[], { n: bigint }>(
            "SELECT count(*) - count(DISTINCT nr) AS n FROM films WHERE typeof(nr) = 'integer' AND nr BETWEEN -9007199254740992 AND 9007199254740992",
          )
          .get()?.n ?? 0n;
      assert.equal(await countRefusedRows(database, catalogue), Number(all) - taken.length - Number(doubles));
    }
    const odd = beside
      .prepare(
        "SELECT * FROM hidb_videos WHERE typeof(priority) NOT IN ('real', 'integer') OR priority < -1e12 OR priority > 0",
      )
      .all();
    assert.deepEqual(odd, [], "expected each video to have a place in the order");
  } catch (error) {
    if (!(error instanceof HidbError) || error.exitCode !== 2) throw error;
  }
  assert.equal(dump(world), before, "expected somebody else's table to stay as it was");
}

function ids({ beside }: ListWorld, sql: string): bigint[] {
  return beside
    .prepare<[], Record<string, bigint>>(sql)
    .all()
    .map((row) => Object.values(row)[0] as bigint)
    .sort((a, b) => (a < b ? -1 : 1));
}

function dump({ beside }: ListWorld): string {
  const schema = beside.prepare("SELECT sql FROM sqlite_schema WHERE name LIKE 'films%' ORDER BY 1").all();
  const rows = beside.prepare<[], Record<string, unknown>>("SELECT *, typeof(nr) AS t FROM films").all();
  return JSON.stringify([schema, rows], (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
}
