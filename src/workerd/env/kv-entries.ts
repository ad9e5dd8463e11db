// The entries of one KV namespace in the state: small values in the table, large ones in files.
import { type Entry, heldBytes, heldStream } from "./kv-values.js";
import type { State } from "./state.js";
import type { Bytes } from "./state-blobs.js";
import { KV_BLOB, KV_DELETE, KV_EXPIRE, KV_GET, KV_LIST, KV_PUT, LAST } from "./state-statements.js";

export interface NewEntry {
  bytes: Uint8Array;
  /** Seconds since 1970. */
  expiresAt: number | null;
  metadata: string | null;
}

interface EntryRow {
  value: Bytes | null;
  blob: string | null;
  metadata: string | null;
}

/** A file costs a few system calls, a row of this size next to nothing. */
const INLINE_BYTES = 32 * 1024;
const WHOLE = { start: 0, length: Number.MAX_SAFE_INTEGER };

export class KvEntries {
  readonly #state: State;
  readonly #namespace: string;
  readonly nowS: () => number;

  constructor(state: State, { namespace, nowS }: { namespace: string; nowS: () => number }) {
    this.#state = state;
    this.#namespace = namespace;
    this.nowS = nowS;
  }

  get(key: string): Entry | undefined {
    for (let lost = ""; ; ) {
      const row = this.#state.get<EntryRow>(KV_GET, this.#namespace, key, this.nowS());
      if (row === undefined) return undefined;
      const { value, blob, metadata } = row;
      if (value !== null) return { metadata, ...heldBytes(new Uint8Array(value)) };
      const stream = this.#state.blobs.open(blob ?? "", WHOLE);
      if (stream !== null) return { metadata, ...heldStream(() => stream) };
      // Somebody has put another value between the two looks; or taken the file away by hand.
      if (blob === lost) return undefined;
      lost = blob ?? "";
    }
  }

  async put(key: string, { bytes, expiresAt, metadata }: NewEntry): Promise<void> {
    const blob = bytes.byteLength > INLINE_BYTES ? await this.#state.blobs.put([bytes]) : null;
    const before = this.#state.atomically(() => {
      const row = this.#state.get<{ blob: string | null }>(KV_BLOB, this.#namespace, key);
      this.#state.run(KV_PUT, this.#namespace, key, blob === null ? bytes : null, blob, expiresAt, metadata);
      return row?.blob ?? null;
    });
    this.#state.blobs.drop([before]);
    if (expiresAt !== null) this.#expire();
  }

  delete(key: string): void {
    this.#drop(KV_DELETE, this.#namespace, key);
  }

  /** `last` is the key to go on after, where there are more. */
  list({ prefix, limit, after }: { prefix: string; limit: number; after: string }) {
    const rows = this.#state.all<{ key: string; expiresAt: number | null; metadata: string | null }>(
      KV_LIST,
      ...[this.#namespace, prefix, `${prefix}${LAST}`, after, this.nowS(), limit + 1],
    );
    const page = rows.slice(0, limit);
    const keys = page.map(({ key, expiresAt, metadata }) => ({
      name: key,
      ...(expiresAt !== null && { expiration: expiresAt }),
      ...(metadata !== null && { metadata: JSON.parse(metadata) as unknown }),
    }));
    return { keys, last: rows.length > limit ? page.at(-1)?.key : undefined };
  }

  #expire(): void {
    this.#drop(KV_EXPIRE, this.nowS());
  }

  #drop(sql: string, ...params: (string | number)[]): void {
    this.#state.blobs.drop(this.#state.all<{ blob: string | null }>(sql, ...params).map(({ blob }) => blob));
  }
}
