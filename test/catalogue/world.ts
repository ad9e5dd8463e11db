// A folder of its own with a database in it, for one test.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { type ColumnMap, parseColumnMap } from "../../src/catalogue/columns.js";
import type { VideoList } from "../../src/catalogue/entry.js";
import { readVideoList } from "../../src/catalogue/list.js";
import { systemClock } from "../../src/clock.js";
import type { Database } from "../../src/database/database.js";
import { migrate } from "../../src/database/migrate.js";
import { openSqlite } from "../../src/database/sqlite.js";
import type { CatalogueTable } from "../../src/video.js";

export const MIGRATIONS = fileURLToPath(new URL("../../data/migrations", import.meta.url));

export const OWN_CATALOGUE: CatalogueTable = {
  table: "videos",
  id: "id",
  source: "source",
  title: "title",
  duration: "duration_s",
};

export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "hidb-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Makes the file, and the folders that lead to it. */
export function makeFile(folder: string, name: string, content: string | Uint8Array = ""): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

export async function makeDatabase(file = join(makeFolder(), "hidb.sqlite")): Promise<Database> {
  const database = await openSqlite(file, { clock: systemClock, create: true });
  onTestFinished(() => database.close());
  await migrate(database, { folder: MIGRATIONS, withCatalogue: true });
  return database;
}

/** Reads a list as `hidb add` would; `-` reads `stdin`. */
export function readList(
  what: string,
  { map, cwd = "/", stdin = "" }: { map?: string; cwd?: string; stdin?: string } = {},
) {
  const columns: ColumnMap = map === undefined ? new Map() : parseColumnMap(map);
  return readVideoList(what, { map: columns, cwd, readStdin: async () => Buffer.from(stdin) });
}

/** Each refusal as `line: reason`. */
export function describeRefusals(list: Pick<VideoList, "refused">): string[] {
  return list.refused.map(({ line, reason }) => `${line}: ${reason}`);
}
