// One database for many lists: each is added to an empty catalogue, and what came of it is read past hidb.
import { strict as assert } from "node:assert";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import BetterSqlite3 from "better-sqlite3";
import { addVideos } from "../../../dist/catalogue/add.js";
import type { VideoList } from "../../../dist/catalogue/entry.js";
import { readVideoList } from "../../../dist/catalogue/list.js";
import type { Addition } from "../../../dist/catalogue/plan.js";
import { systemClock } from "../../../dist/clock.js";
import type { Database } from "../../../dist/database/database.js";
import { migrate } from "../../../dist/database/migrate.js";
import { openSqlite } from "../../../dist/database/sqlite.js";
import { HidbError } from "../../../dist/errors.js";
import { makeFolder } from "../cases.ts";

const MIGRATIONS = fileURLToPath(new URL("../../../data/migrations", import.meta.url));
const CATALOGUE = { table: "videos", id: "id", source: "source", title: "title", duration: "duration_s" };

export interface Stored {
  id: bigint;
  source: string;
  title: string | null;
  duration_s: number | null;
}

/** Refused as a whole, or read; what was read is in the database. */
export type Taken = { refused: HidbError } | { list: VideoList; addition: Addition; stored: Stored[] };

export class ListWorld {
  readonly folder = makeFolder("lists");
  readonly #file = join(this.folder, "hidb.sqlite");
  #database: Database | undefined;
  #beside: BetterSqlite3.Database | undefined;

  async open(): Promise<this> {
    this.#database = await openSqlite(this.#file, { clock: systemClock, create: true });
    await migrate(this.#database, { folder: MIGRATIONS, withCatalogue: true });
    this.#beside = new BetterSqlite3(this.#file);
    this.#beside.defaultSafeIntegers(true);
    // Nothing here outlives a power cut.
    this.#beside.pragma("synchronous = OFF");
    return this;
  }

  get database(): Database {
    assert(this.#database);
    return this.#database;
  }

  get beside(): BetterSqlite3.Database {
    assert(this.#beside);
    return this.#beside;
  }

  /** As `hidb add` does with a list, `-` being the bytes. */
  async add(bytes: Uint8Array, what = "-"): Promise<Taken> {
    this.beside.exec("DELETE FROM videos; DELETE FROM hidb_videos");
    let list: VideoList;
    try {
      list = await readVideoList(what, { map: new Map(), cwd: this.folder, readStdin: async () => bytes });
    } catch (error) {
      assert.deepEqual(this.#stored(), [], "expected nothing to be taken from a list that was refused");
      return { refused: checkRefusal(error) };
    }
    const addition = await addVideos(this.database, CATALOGUE, list);
    const stored = this.#stored();
    this.#checkTaken(list, addition, stored);
    return { list, addition, stored };
  }

  async close(): Promise<void> {
    this.#beside?.close();
    await this.#database?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #stored(): Stored[] {
    return this.beside.prepare<[], Stored>("SELECT id, source, title, duration_s FROM videos ORDER BY id").all();
  }

  /** Every row is accounted for, and every video is in exactly one state (I1). */
  #checkTaken(list: VideoList, { added, known, refused }: Addition, stored: Stored[]): void {
    assert.equal(added.length + known + refused.length, list.entries.length + list.refused.length, "rows got lost");
    assert.equal(stored.length, added.length, "expected what was said to be new to be in the catalogue");
    const wanted = added.map(({ id, source, title, durationS }) => ({
      id: BigInt(id),
      source,
      title,
      duration_s: durationS,
    }));
    assert.deepEqual(
      stored,
      wanted.sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
    for (const { reason } of refused)
      assert(reason.length < 140_000 && /^expected /.test(reason), reason.slice(0, 200));
    const states = this.beside.prepare("SELECT video_id AS id, state FROM hidb_videos ORDER BY 1").all();
    assert.deepEqual(
      states,
      stored.map(({ id }) => ({ id, state: "pending" })),
      "a video without a state",
    );
  }
}

/** One clear message: what a person can mend, with exit code 2. */
export function checkRefusal(error: unknown): HidbError {
  assert(error instanceof HidbError, `expected one clear message, got ${error instanceof Error ? error.stack : error}`);
  assert.equal(error.exitCode, 2);
  assert.match(error.message, /^expected .+, got ./s);
  assert(error.message.length < 1000, `expected a message of one line, got ${error.message.length} characters`);
  assert(error.fix.length > 0 && error.fix.length < 1000);
  return error;
}
