// Claims pending videos for an instance, from its own shard first, then from any shard.
import { retryIdempotent } from "../database/retry-idempotent.js";
import { isOutcomeUnknown } from "../errors.js";
import type { CatalogueTable, Claim, Millis } from "../video.js";
import { type Batch, Batches } from "./batches.js";
import { type Instance, type PoolView, viewPool } from "./membership.js";
import * as sql from "./statements/claim.js";

export type Sharding = "modulo" | "strict" | "ranges" | "none";

/** Whether a video that has killed an instance waits: one of this instance's shard, of another one, or none. */
export type Suspect = "mine" | "another's" | "none";

/** How the claims are made: each kind of database has the way that costs it least. */
export interface ClaimStyle {
  /** Questions that belong to a claim are asked together with it, not before or after. */
  asksTogether: boolean;
  /** The claim itself brings along source, title and duration; otherwise a second statement reads them. */
  describesInClaim: boolean;
  /** No two claims have the same moment: it is the name by which one whose answer was lost is undone. */
  hasUniqueMoments: boolean;
  /** Of what other shards have left, one claim takes this part of what it would take of its own. */
  leftoverPart: number;
}

export interface ClaimerOptions {
  sharding: Sharding;
  order: sql.ClaimOrder;
  catalogue: CatalogueTable;
  style: ClaimStyle;
  /** A shard that somebody has asked for by number, in place of the one that the instance's rank gives it. */
  shard?: Pick<PoolView, "rank" | "count">;
}

export interface ClaimRequest {
  limit: number;
  /** Nothing is in hand: the moment for a suspect, which must have its instance to itself. */
  alone: boolean;
}

interface ClaimedRow {
  id: number;
  attempt: number;
  /** Of suspects only; the others have none. */
  deaths?: number;
  /** Only where it is the order. */
  priority?: number;
  /** Where the claim describes its videos: source, title and duration as a JSON array, or null for a video that has vanished. */
  described?: string | null;
}

interface CatalogueRow {
  id: number;
  source: string | null;
  title: string | null;
  durationS: number | null;
}

/** The place after the last row claimed. Rows come back behind it (retries, releases), so it lives for one heartbeat. */
interface Cursor {
  priority: number;
  id: number;
  /** Nothing left from here on. */
  exhausted: boolean;
}

/** Claims that find nothing may take this share of the time at most. */
const FRUITLESS_SHARE = 1 / 200;

const BEFORE_ALL = -Number.MAX_VALUE;
const START: Cursor = { priority: BEFORE_ALL, id: BEFORE_ALL, exhausted: false };

interface Taking {
  limit: number;
  cursor: Cursor | undefined;
  view: PoolView;
  now: Millis;
}

export class Claimer {
  readonly #instance: Instance;
  readonly #options: ClaimerOptions;
  readonly #statements = new Map<sql.ClaimScope, string>();
  readonly #cursors = new Map<sql.ClaimScope, Cursor>();
  readonly #describeVideos: string;
  /** For `ranges`: the batches of ids that somebody has made; without any, equal parts of all ids. */
  readonly #batches: Batches;
  /** What has to be undone before the next claim. */
  readonly #owed: (() => Promise<unknown>)[] = [];
  #lastClaimAt: Millis = Number.NEGATIVE_INFINITY;
  #over = false;
  #view: PoolView | undefined;
  #restUntil: Millis = Number.NEGATIVE_INFINITY;
  /** How long the last claim took that found nothing. */
  #fruitlessMs: Millis = 0;

  constructor(instance: Instance, options: ClaimerOptions) {
    this.#instance = instance;
    this.#options = options;
    this.#batches = new Batches(instance.database);
    this.#describeVideos = sql.describeVideos(options.catalogue);
  }

  /** Makes sure of the index that the order needs. */
  async prepare(): Promise<void> {
    if (this.#options.order === "longest") await this.#instance.database.prepare(sql.INDEX_BY_PRIORITY).run();
    if (this.#options.sharding === "ranges") await this.#batches.read();
  }

  /** Undoes claims whose answers were lost; called before leaving, since no other instance knows of them. */
  settleDebts(): Promise<void> {
    return retryIdempotent(() => this.#payBack());
  }

  /** From here on nothing more is asked for: while a whole pool leaves, a claim would be tried again with each rank. */
  end(): void {
    this.#over = true;
  }

  /** False while a claim would not even ask: everything was looked through since the last rewind. */
  get isCurious(): boolean {
    return this.#owed.length > 0 || this.#scopes().some((scope) => !this.#cursors.get(scope)?.exhausted);
  }

  /** At most `limit` videos of one shard, or a single suspect; none when there is nothing to do. */
  async claimVideos({ limit, alone }: ClaimRequest): Promise<Claim[]> {
    await this.#payBack();
    if (this.#options.sharding === "ranges") await this.#refreshBatches();
    if (alone) {
      const suspects = await this.#claimOnwards("suspects", 1);
      if (suspects.length > 0) return suspects;
    }
    const started = this.#instance.clock.monotonic();
    for (const scope of this.#scopes()) {
      const claims = await (scope === "batch" ? this.#claimFromBatches(limit) : this.#claimOnwards(scope, limit));
      if (claims.length > 0) return claims;
    }
    const now = this.#instance.clock.monotonic();
    // The shorter of two looks in a row: a single one may have spent its time waiting for somebody else's lock.
    this.#restUntil = now + Math.min(now - started, this.#fruitlessMs) / FRUITLESS_SHARE;
    this.#fruitlessMs = now - started;
    return [];
  }

  /**
   * Looks at the backlog from its beginning again; called with each heartbeat. After looks that cost much and found
   * nothing it rests a while, unless there is `news`: videos taken back, or another rank.
   */
  rewind({ news }: { news: boolean } = { news: false }): void {
    this.#cursors.delete("suspects"); // Its index is as good as empty: always worth a look.
    if (news || this.#instance.clock.monotonic() >= this.#restUntil) {
      this.#cursors.clear();
      this.#batches.rewind();
    }
  }

  /** Whether anything waits to be claimed, by whomever. */
  async seesWork(): Promise<boolean> {
    const { database, clock } = this.#instance;
    const now = clock.now();
    return (await database.prepare(sql.WORK_WAITS).bind(now, now).first()) !== null;
  }

  /** What the instance has just seen of its pool, so that it need not be asked for again. */
  noteView(view: PoolView): void {
    this.#view = view;
  }

  /** Whether a suspect waits for a hand that holds nothing else: of this instance's shard, or of another one's. */
  async seesSuspect(): Promise<Suspect> {
    const { database, clock } = this.#instance;
    this.#view ??= await viewPool(this.#instance);
    const parameters = [...sql.scopeParameters("modulo", this.#view), clock.now()];
    const statement = database.prepare(sql.SUSPECT_WAITS).bind(...parameters);
    const mine = await statement.first<number | null>("mine");
    return mine === null ? "none" : mine === 1 ? "mine" : "another's";
  }

  #scopes(): sql.ClaimScope[] {
    switch (this.#options.sharding) {
      case "none":
        return ["any"];
      case "strict":
        return ["modulo"];
      case "modulo":
        return ["modulo", "any"];
      case "ranges":
        return [this.#batches.count > 0 ? "batch" : "ranges", "any"];
    }
  }

  /** Asked together with the claim, the list is known to the next claim. */
  async #refreshBatches(): Promise<void> {
    const reading = this.#batches.refresh();
    if (!this.#options.style.asksTogether) return reading;
    // What ails the database shows in the claim; the list is asked for again with the next one.
    reading.catch(() => undefined);
  }

  /** One's own batches, one after the other. */
  async #claimFromBatches(limit: number): Promise<Claim[]> {
    if (this.#cursors.get("batch")?.exhausted) return [];
    this.#view ??= await viewPool(this.#instance);
    for (let batch = this.#batch; batch !== undefined; batch = this.#batch) {
      const claims = await this.#claimOnwards("batch", limit);
      if (claims.length > 0) return claims;
      this.#batches.finish(batch);
      this.#cursors.delete("batch");
    }
    this.#cursors.set("batch", { ...START, exhausted: true });
    return [];
  }

  get #batch(): Batch | undefined {
    return this.#view === undefined ? undefined : this.#batches.first(this.#view);
  }

  /** Goes on where the last claim ended, and once round when the end is reached. */
  async #claimOnwards(scope: sql.ClaimScope, limit: number): Promise<Claim[]> {
    const cursor = this.#cursors.get(scope);
    if (cursor?.exhausted) return [];
    const most = this.#isLeftover(scope) ? Math.ceil(limit * this.#options.style.leftoverPart) : limit;
    const claims = await this.#claim(scope, most, cursor);
    if (claims.length > 0) return claims;
    const others = cursor === undefined ? [] : await this.#claim(scope, most);
    if (others.length === 0) this.#cursors.set(scope, { ...START, exhausted: true });
    return others;
  }

  /** A large block out of what others have left would be held by one instance while the others stand idle. */
  #isLeftover(scope: sql.ClaimScope): boolean {
    return scope === "any" && this.#options.sharding !== "none";
  }

  async #claim(scope: sql.ClaimScope, limit: number, cursor?: Cursor): Promise<Claim[]> {
    const { style } = this.#options;
    this.#view ??= await viewPool(this.#instance);
    while (!this.#over) {
      const view = this.#view;
      const now = this.#nextMoment();
      const taking = this.#take(scope, { limit, cursor, view, now });
      const viewing = style.asksTogether ? viewPool(this.#instance) : undefined;
      const [rows, seen] = await Promise.all([taking, viewing]);
      if (rows.length > 0) {
        const last = rows.at(-1) as ClaimedRow;
        this.#cursors.set(scope, { priority: last.priority ?? 0, id: last.id, exhausted: false });
        const videos = style.describesInClaim ? readDescribed(rows) : await this.#describe(rows, now);
        return rows.map((row) => toClaim(row, videos.get(row.id), { now, view }));
      }
      // Nothing left, or the pool has changed since we looked: then our shard is another one now.
      this.#view = seen ?? (await viewPool(this.#instance));
      if (this.#view.rank === view.rank && this.#view.count === view.count) return [];
    }
    return [];
  }

  #nextMoment(): Millis {
    const now = this.#instance.clock.now();
    this.#lastClaimAt = this.#options.style.hasUniqueMoments ? Math.max(now, this.#lastClaimAt + 1) : now;
    return this.#lastClaimAt;
  }

  /** The rows claimed, in order. */
  async #take(scope: sql.ClaimScope, { limit, cursor = START, view, now }: Taking): Promise<ClaimedRow[]> {
    const { database, id, epoch } = this.#instance;
    const order = scope === "suspects" ? "id" : this.#options.order;
    const batch = scope === "batch" ? this.#batches.first(view) : undefined;
    const from = batch === undefined ? BEFORE_ALL : justBefore(batch.from);
    const position = order === "longest" ? [cursor.priority, cursor.id] : [Math.max(cursor.id, from)];
    const statement = database
      .prepare(this.#statement(scope, order))
      .bind(
        ...[id, now, epoch, now, id, now, view.count, view.rank, now, ...position],
        ...[...sql.scopeParameters(scope, { ...view, ...this.#options.shard, batch }), now, limit],
      );
    try {
      const { results } = await statement.all<ClaimedRow>();
      return results.sort((a, b) => (a.priority ?? 0) - (b.priority ?? 0) || a.id - b.id);
    } catch (error) {
      if (isOutcomeUnknown(error)) this.#oweUndoing(now);
      throw error;
    }
  }

  /**
   * A claim whose answer was lost may have been made, or may yet be. The next epoch makes an end to the second, and
   * what the first has taken goes back, before anything else is claimed.
   */
  #oweUndoing(claimedAt: Millis): void {
    const { database, id } = this.#instance;
    const epoch = ++this.#instance.epoch;
    this.#owed.push(() =>
      database.batch([
        database.prepare(sql.BEGIN_EPOCH).bind(epoch, id, epoch),
        database.prepare(sql.UNDO_CLAIM).bind(id, claimedAt),
      ]),
    );
  }

  /** A catalogue that cannot be read leaves nothing in hand: nobody would ever settle it. */
  async #describe(rows: ClaimedRow[], claimedAt: Millis): Promise<Map<number, CatalogueRow>> {
    const { database, id } = this.#instance;
    const ids = JSON.stringify(rows.map((row) => row.id));
    try {
      const { results } = await database.prepare(this.#describeVideos).bind(ids).all<CatalogueRow>();
      return new Map(results.map((row) => [row.id, row]));
    } catch (error) {
      this.#owed.push(() => database.prepare(sql.GIVE_BACK).bind(ids, id, claimedAt).run());
      await this.#payBack();
      throw error;
    }
  }

  /** Claims that never came into our hands go back, now or, if the database refuses, before the next claim. */
  async #payBack(): Promise<void> {
    for (let owed = this.#owed[0]; owed !== undefined; owed = this.#owed[0]) {
      await owed();
      this.#owed.shift();
    }
  }

  #statement(scope: sql.ClaimScope, order: sql.ClaimOrder): string {
    let statement = this.#statements.get(scope);
    if (statement === undefined) {
      const { catalogue, style } = this.#options;
      statement = sql.claimStatement(scope, order, style.describesInClaim ? catalogue : undefined);
      this.#statements.set(scope, statement);
    }
    return statement;
  }
}

/** The smallest id of all has no number before it that is exact. */
function justBefore(id: number): number {
  return id <= -(2 ** 53) ? BEFORE_ALL : id - 1;
}

function readDescribed(rows: ClaimedRow[]): Map<number, CatalogueRow> {
  const videos = new Map<number, CatalogueRow>();
  for (const { id, described } of rows) {
    if (typeof described !== "string") continue;
    const [source, title, durationS] = JSON.parse(described) as [string | null, string | null, number | null];
    videos.set(id, { id, source, title, durationS });
  }
  return videos;
}

function toClaim(
  { id, attempt, deaths = 0 }: ClaimedRow,
  row: CatalogueRow | undefined,
  { now, view }: Pick<Taking, "now" | "view">,
): Claim {
  // A row that has vanished from the catalogue leaves no source; the attempt ends as failed.
  const video = { id, source: row?.source ?? "", title: row?.title ?? null, durationS: row?.durationS ?? null };
  return { video, attempt, deaths, claimedAt: now, ...view };
}
