// `npm run fuzz -- lists`: whatever is called a list, a folder or a table is taken in whole, as another reader would, or
// refused whole with one clear message.
import { strict as assert } from "node:assert";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Finding, timesOf, tryCases, within } from "../cases.ts";
import type { Chance } from "../random.ts";
import { mutate } from "./mutate.ts";
import { checkAgainstBytes } from "./reading.ts";
import { drawRow, type Fate, judgeRow } from "./rows.ts";
import { checkTable } from "./tables.ts";
import { tryTree } from "./trees.ts";
import { ListWorld } from "./world.ts";
import { writeRows } from "./write.ts";

export interface Options {
  seed: number;
  count?: number;
  only?: number;
}

const MANY = 20_000;
/** For one list, on a machine that has something else to do, too. */
const PATIENCE_MS = 100_000;

export async function fuzz(options: Options): Promise<number> {
  return (await fuzzLists({ count: MANY, ...options })).length;
}

export async function fuzzLists(options: Options & { count: number }): Promise<Finding[]> {
  const world = await new ListWorld().open();
  try {
    return await tryCases("lists", options, (chance, index) => within(PATIENCE_MS, one(world, chance, index)));
  } finally {
    await world.close();
  }
}

async function one(world: ListWorld, chance: Chance, index: number): Promise<void> {
  switch (index % 8) {
    case 0:
    case 1:
    case 2:
      return checkRows(world, chance);
    case 6:
      return checkTable(world, chance);
    case 7:
      return tryTree(world.folder, chance);
    default: {
      const bytes = mutate(chance);
      try {
        checkAgainstBytes(bytes, await world.add(bytes));
      } catch (error) {
        // As it is to be kept in regressions/.
        writeFileSync(join("/tmp", `hidb-fuzz-list-${index}`), bytes);
        throw error;
      }
    }
  }
}

/** Rows whose fate is known come in as that fate says, each of them, in whatever form they were written. */
async function checkRows(world: ListWorld, chance: Chance): Promise<void> {
  const rows = [...timesOf(chance, 12, (at) => drawRow(chance, at)), plain()];
  const { bytes, form, name } = writeRows(rows, chance);
  const file = join(world.folder, name);
  writeFileSync(file, bytes);
  const taken = await world.add(bytes, file);
  assert(!("refused" in taken), "refused" in taken ? `refused ${taken.refused.message}\n${bytes}` : "");
  const fates = rows.map((row) => judgeRow(row, form));
  const entries = fates.filter((fate) => fate.kind === "entry");
  const got = taken.list.entries.map(
    ({ id, source, title, durationS }): Fate => ({
      kind: "entry",
      id: id === null ? null : BigInt(id),
      source,
      title,
      durationS,
    }),
  );
  assert.deepEqual(got, entries, bytes.toString());
  assert.equal(taken.list.refused.length, fates.length - entries.length);
}

/** One that is good beyond doubt: a list without any source is refused as a whole. */
function plain() {
  return { id: undefined, source: { text: "x://the last" }, title: undefined, duration: undefined };
}
