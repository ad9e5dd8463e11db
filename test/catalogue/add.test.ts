import { describe, expect, it } from "vitest";
import { type AddOptions, addVideos } from "../../src/catalogue/add.js";
import { systemClock } from "../../src/clock.js";
import type { Database } from "../../src/database/database.js";
import { openSqlite } from "../../src/database/sqlite.js";
import { describeRefusals, makeDatabase, makeFolder, OWN_CATALOGUE, readList } from "./world.js";

async function addList(database: Database, stdin: string, options?: AddOptions) {
  return addVideos(database, OWN_CATALOGUE, await readList("-", { stdin }), options);
}

async function videosOf(database: Database) {
  return database
    .prepare("SELECT id, source, state, priority FROM videos JOIN hidb_videos ON video_id = id ORDER BY id")
    .raw();
}

describe("adding a list", () => {
  it("makes each entry a pending video, the longest first in priority", async () => {
    const database = await makeDatabase();
    const { added, known, refused } = await addList(database, "source,duration_s\nx://a,10\nx://b,\nx://c,2.5\n");
    expect([added.length, known, refused.length]).toEqual([3, 0, 0]);
    expect(await videosOf(database)).toEqual([
      [1, "x://a", "pending", -10],
      [2, "x://b", "pending", 0],
      [3, "x://c", "pending", -2.5],
    ]);
  });

  it("a second time changes nothing", async () => {
    const database = await makeDatabase();
    const list = "id,source\n-5,x://a\n,x://b\n9007199254740992,x://c\n-9007199254740992,x://d\n".replace(
      ",x://b",
      "8,x://b",
    );
    expect((await addList(database, list)).added).toHaveLength(4);
    const before = await videosOf(database);
    expect(await addList(database, list)).toEqual({ added: [], known: 4, refused: [] });
    expect(await videosOf(database)).toEqual(before);
  });

  it("gives an entry without an id one above all others, also above those that come later in the list", async () => {
    const database = await makeDatabase();
    await addList(database, "id,source\n7,x://a\n");
    await addList(database, "id,source\n,x://b\n100,x://c\n,x://d\n");
    expect((await videosOf(database)).map(([id, source]) => [id, source])).toEqual([
      [7, "x://a"],
      [100, "x://c"],
      [101, "x://b"],
      [102, "x://d"],
    ]);
  });

  it("refuses what contradicts the catalogue, and takes the rest", async () => {
    const database = await makeDatabase();
    await addList(database, "id,source\n1,x://a\n2,x://b\n");
    const addition = await addList(database, "id,source\n1,x://a\n2,x://a\n1,x://c\n,x://b\n3,x://d\n");
    expect([addition.added.length, addition.known]).toEqual([1, 2]);
    expect(describeRefusals(addition)).toEqual([
      "3: expected id 1, which this source has, got 2",
      "4: expected an id that is free, got 1, which is x://a",
    ]);
  });

  it("refuses what contradicts an earlier line of the list, and counts a mere repetition as known", async () => {
    const database = await makeDatabase();
    const addition = await addList(database, "id,source\n1,x://a\n2,x://a\n1,x://b\n1,x://a\n,x://a\n");
    expect([addition.added.length, addition.known]).toEqual([1, 2]);
    expect(describeRefusals(addition)).toEqual([
      "3: expected each source once, got the one of line 2 with another id (2)",
      "4: expected an id that is free, got 1, which line 2 has",
    ]);
  });

  it("refuses entries for which no id is left", async () => {
    const database = await makeDatabase();
    const addition = await addList(database, "id,source\n9007199254740992,x://a\n,x://b\n");
    expect(describeRefusals(addition)).toEqual([
      "3: expected an id, since none is left above the highest of the catalogue",
    ]);
  });

  it("takes nothing at all when it is strict and one row is refused", async () => {
    const database = await makeDatabase();
    const adding = addList(database, "source,duration_s\nx://a,1\nx://b,long\n", { strict: true });
    await expect(adding).rejects.toMatchObject({ code: "LIST_REFUSED", addition: { refused: [{ line: 3 }] } });
    expect(await videosOf(database)).toEqual([]);
  });

  it("only says what it would do when it is dry", async () => {
    const database = await makeDatabase();
    expect((await addList(database, "source\nx://a\n", { dryRun: true })).added).toHaveLength(1);
    expect(await videosOf(database)).toEqual([]);
  });

  it("is not confused by another that adds at the same time", async () => {
    const file = `${makeFolder()}/hidb.sqlite`;
    const [one, two] = [await makeDatabase(file), await makeDatabase(file)];
    const rows = (from: number) => Array.from({ length: 500 }, (_, at) => `x://${from + at}`).join("\n");
    const additions = await Promise.all([addList(one, `source\n${rows(0)}\n`), addList(two, `source\n${rows(250)}\n`)]);
    expect(additions.reduce((sum, { added }) => sum + added.length, 0)).toBe(750);
    expect(await videosOf(one)).toHaveLength(750);
  });

  it("does not give a new video the state of a deleted one", async () => {
    const database = await makeDatabase();
    await addList(database, "source\nx://a\nx://b\n");
    await database.prepare("DELETE FROM videos WHERE id = 2").run();
    await addList(database, "source\nx://c\n");
    expect((await videosOf(database)).map(([id]) => id)).toEqual([1, 3]);
  });

  it("is refused for a table that hidb did not make", async () => {
    const database = await openSqlite(`${makeFolder()}/theirs.sqlite`, { clock: systemClock, create: true });
    const adding = addVideos(database, { ...OWN_CATALOGUE, table: "films" }, { entries: [], refused: [] });
    await expect(adding).rejects.toMatchObject({ code: "CATALOGUE_TABLE", fix: expect.stringContaining("films") });
    await database.close();
  });

  it("takes 10,000 rows, and finds them all known the second time", async () => {
    const database = await makeDatabase();
    const rows = Array.from(
      { length: 10_000 },
      (_, at) => `/videos/${"folder/".repeat(8)}${at}.mp4,"Title, ${at}",${at}`,
    );
    const list = `source,title,duration_s\n${rows.join("\n")}\n`;
    for (const expected of [10_000, 0]) {
      expect((await addList(database, list)).added).toHaveLength(expected);
    }
  });
});
