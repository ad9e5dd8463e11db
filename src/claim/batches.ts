// Batches of ids that a person has made, for HIDB_SHARDING=ranges. A batch is affinity like any shard: the
// lease owns a video, so a list that is out of date costs order, never a video.
import type { Database } from "../database/database.js";
import type { PoolView } from "./membership.js";
import * as sql from "./statements/batches.js";

/** Ids from one to the other, both included. */
export interface Batch {
  id: number;
  from: number;
  to: number;
}

interface BatchRow extends Batch {
  /** Whether a video of it has not come to its end. */
  open: number;
}

/** What an instance knows of them. The batch at place p of the list is for the rank p % N, its own in order. */
export class Batches {
  readonly #database: Database;
  #rows: BatchRow[] = [];
  #stale = false;
  /** In which this instance has found nothing to claim since the last rewind. */
  readonly #finished = new Set<number>();

  constructor(database: Database) {
    this.#database = database;
  }

  get count(): number {
    return this.#rows.length;
  }

  async read(): Promise<void> {
    const { results } = await this.#database.prepare(sql.BATCHES).all<BatchRow>();
    this.#rows = results;
    this.#stale = false;
  }

  /** Once after each rewind. */
  async refresh(): Promise<void> {
    if (this.#stale) await this.read();
  }

  rewind(): void {
    this.#stale = true;
    this.#finished.clear();
  }

  /** The first of an instance's own that has something for it, as far as is known. */
  first({ rank, count }: PoolView): Batch | undefined {
    return this.#rows.find(
      ({ id, open }, place) => place % Math.max(1, count) === rank && open === 1 && !this.#finished.has(id),
    );
  }

  finish(batch: Batch): void {
    this.#finished.add(batch.id);
  }
}

/** How the catalogue is cut: into so many parts, or into parts of so many videos. */
export type Cut = { count: number } | { size: number };

/** In place of those that are there, in one transaction; resolves to how many there are now. */
export async function createBatches(database: Database, cut: Cut): Promise<number> {
  const [statement, parameter] =
    "count" in cut ? [sql.CREATE_BATCHES_BY_COUNT, cut.count] : [sql.CREATE_BATCHES_BY_SIZE, cut.size];
  const answers = await database.batch([
    database.prepare(sql.DELETE_BATCHES),
    database.prepare(statement).bind(parameter),
  ]);
  return answers.at(-1)?.meta.changes ?? 0;
}

/** Resolves to how many there were. */
export async function deleteBatches(database: Database): Promise<number> {
  const { meta } = await database.prepare(sql.DELETE_BATCHES).run();
  return meta.changes;
}
