// Compares a list with itself and with the catalogue: what is new, what is known, what contradicts.

import { splitIntoTexts } from "../database/chunks.js";
import type { Database } from "../database/database.js";
import type { Entry, Refusal, VideoList } from "./entry.js";
import * as sql from "./statements.js";

export interface NewVideo extends Entry {
  id: number;
}

export interface Addition {
  added: NewVideo[];
  /** How many rows name a video that is in the catalogue, or that stands in the list already. */
  known: number;
  refused: Refusal[];
}

/** Reads only. */
export async function planAddition(database: Database, list: VideoList): Promise<Addition> {
  const plan = new Plan(list, await readCatalogue(database, list.entries));
  for (const entry of list.entries) plan.take(entry);
  return plan.finish();
}

interface KnownVideos {
  bySource: Map<string, number>;
  byId: Map<number, string>;
  highest: number;
}

interface KnownRow {
  id: number;
  source: string;
}

async function readCatalogue(database: Database, entries: Entry[]): Promise<KnownVideos> {
  const known: KnownVideos = { bySource: new Map(), byId: new Map(), highest: 0 };
  const find = async (statement: string, values: unknown[]) => {
    for (const text of splitIntoTexts(values)) {
      const { results } = await database.prepare(statement).bind(text).all<KnownRow>();
      for (const { id, source } of results) {
        known.bySource.set(source, id);
        known.byId.set(id, source);
      }
    }
  };
  const ids = entries.map((entry) => entry.id).filter((id) => id !== null);
  await find(
    sql.FIND_SOURCES,
    entries.map((entry) => entry.source),
  );
  await find(sql.FIND_IDS, ids);
  const highest = (await database.prepare(sql.HIGHEST_ID).first<number>("highest")) ?? 0;
  known.highest = ids.reduce((most, id) => Math.max(most, id), highest);
  return known;
}

class Plan {
  readonly #catalogue: KnownVideos;
  readonly #listed = new Map<string, Entry>();
  readonly #listedIds = new Map<number, Entry>();
  readonly #fresh: Entry[] = [];
  readonly #refused: Refusal[];
  #known = 0;

  constructor(list: VideoList, catalogue: KnownVideos) {
    this.#catalogue = catalogue;
    this.#refused = [...list.refused];
  }

  take(entry: Entry): void {
    const reason = this.#contradiction(entry);
    if (reason !== undefined) {
      this.#refused.push({ line: entry.line, source: entry.source, reason });
    } else if (this.#catalogue.bySource.has(entry.source) || this.#listed.has(entry.source)) {
      this.#known++;
    } else {
      this.#listed.set(entry.source, entry);
      if (entry.id !== null) this.#listedIds.set(entry.id, entry);
      this.#fresh.push(entry);
    }
  }

  finish(): Addition {
    let next = this.#catalogue.highest + 1;
    const added: NewVideo[] = [];
    for (const entry of this.#fresh) {
      if (entry.id !== null) added.push({ ...entry, id: entry.id });
      else if (next <= Number.MAX_SAFE_INTEGER) added.push({ ...entry, id: next++ });
      else {
        const reason = "expected an id, since none is left above the highest of the catalogue";
        this.#refused.push({ line: entry.line, source: entry.source, reason });
      }
    }
    this.#refused.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
    return { added, known: this.#known, refused: this.#refused };
  }

  /** Why this row cannot be true together with the catalogue and the rows before it. */
  #contradiction({ id, source }: Entry): string | undefined {
    if (id === null) return undefined;
    const knownId = this.#catalogue.bySource.get(source);
    if (knownId !== undefined && knownId !== id) return `expected id ${knownId}, which this source has, got ${id}`;
    const knownSource = this.#catalogue.byId.get(id);
    if (knownSource !== undefined && knownSource !== source) {
      return `expected an id that is free, got ${id}, which is ${knownSource}`;
    }
    const twin = this.#listed.get(source);
    if (twin !== undefined && twin.id !== id) {
      return `expected each source once, got the one of line ${twin.line} with another id (${id})`;
    }
    const namesake = this.#listedIds.get(id);
    if (namesake !== undefined && namesake.source !== source) {
      return `expected an id that is free, got ${id}, which line ${namesake.line} has`;
    }
    return undefined;
  }
}
