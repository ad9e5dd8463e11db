// A bucket's objects in the state: what is said about them in a table, their bytes as files.
import { randomUUID } from "node:crypto";
import type { Clock } from "../../../clock.js";
import { native } from "../../native.js";
import type { State } from "../state.js";
import type { Bytes } from "../state-blobs.js";
import { LAST, R2_DELETE, R2_FIRST, R2_GET, R2_NEXT, R2_PUT } from "../state-statements.js";
import type { Condition } from "./conditions.js";
import { Digester, type Digests } from "./digests.js";
import { httpFromJson } from "./metadata.js";
import type { Range } from "./ranges.js";
import type { About, Kept, NewObject, Part, StoredObject } from "./stored.js";
import { Uploads } from "./uploads.js";
import type { Value } from "./values.js";

interface ObjectRow {
  key: string;
  version: string;
  size: number;
  etag: string;
  uploaded: number;
  checksums: string;
  http: string;
  custom: string;
  storageClass: string;
  parts: string;
}

export interface PutParts {
  value: Value;
  about: About;
  digests: Digests;
  condition: Condition | undefined;
}

export class R2Store {
  readonly #state: State;
  readonly #bucket: string;
  readonly #clock: Clock;
  readonly uploads: Uploads;

  constructor(state: State, { bucket, clock }: { bucket: string; clock: Clock }) {
    this.#state = state;
    this.#bucket = bucket;
    this.#clock = clock;
    this.uploads = new Uploads(state, { bucket, keep: (key, object) => this.#keep(key, object) });
  }

  find(key: string): StoredObject | undefined {
    const row = this.#state.get<ObjectRow>(R2_GET, this.#bucket, key);
    return row === undefined ? undefined : fromRow(row);
  }

  /** `choose` says which part is wanted, or null for no body. */
  open(key: string, choose: (object: StoredObject) => Range | null) {
    for (let lost = ""; ; ) {
      const row = this.#state.get<ObjectRow>(R2_GET, this.#bucket, key);
      if (row === undefined || row.version === lost) return undefined;
      const object = fromRow(row);
      const range = choose(object);
      if (range === null) return { object, range: { offset: 0, length: object.size }, body: null };
      const streams = spansIn(JSON.parse(row.parts) as Part[], range).map(({ blob, ...span }) =>
        this.#state.blobs.open(blob, span),
      );
      // Somebody has replaced the object between the two looks; or taken a file away by hand.
      if (streams.every((stream) => stream !== null)) return { object, range, body: joined(streams) };
      lost = row.version;
    }
  }

  /** Null where the condition does not hold. */
  async put(key: string, { value, about, digests, condition }: PutParts): Promise<StoredObject | null> {
    const digester = new Digester(digests);
    const blob = await this.#state.blobs.put(digester.through(value));
    try {
      const { md5, ...others } = digester.end();
      const parts: Part[] = [[blob, digester.size]];
      const kept = this.#state.atomically(() => {
        if (condition?.holds(this.find(key)) === false) return { object: null, idle: [blob] };
        return this.#keep(key, { about, etag: md5, checksums: { md5, ...others }, parts });
      });
      this.#state.blobs.drop(kept.idle);
      return kept.object;
    } catch (error) {
      this.#state.blobs.drop([blob]);
      throw error;
    }
  }

  /** Writes an object down, within a transaction, in place of the one before, whose files are idle after it. */
  #keep(key: string, { about, etag, checksums, parts }: NewObject): Kept {
    const before = this.#state.get<ObjectRow>(R2_GET, this.#bucket, key);
    const object: StoredObject = {
      ...{ key, etag, checksums, ...about },
      version: randomUUID().replaceAll("-", ""),
      size: parts.reduce((sum, [, size]) => sum + size, 0),
      uploaded: this.#clock.now(),
    };
    this.#state.run(
      R2_PUT,
      ...[this.#bucket, key, object.version, object.size, etag, object.uploaded],
      ...[checksums, about.http, about.custom].map((value) => JSON.stringify(value)),
      ...[about.storageClass, JSON.stringify(parts)],
    );
    return { object, idle: before === undefined ? [] : blobsOf(before.parts) };
  }

  delete(keys: readonly string[]): void {
    const dropped = this.#state.atomically(() =>
      keys.flatMap((key) => this.#state.all<{ parts: string }>(R2_DELETE, this.#bucket, key)),
    );
    this.#state.blobs.drop(dropped.flatMap(({ parts }) => blobsOf(parts)));
  }

  /** The first object with the prefix, or the first one after a key. */
  next(prefix: string, after: string | undefined): StoredObject | undefined {
    const within = [this.#bucket, prefix, `${prefix}${LAST}`];
    const row =
      after === undefined
        ? this.#state.get<ObjectRow>(R2_FIRST, ...within)
        : this.#state.get<ObjectRow>(R2_NEXT, ...within, after);
    return row === undefined ? undefined : fromRow(row);
  }
}

function fromRow(row: ObjectRow): StoredObject {
  const { key, version, size, etag, uploaded, storageClass } = row;
  return {
    ...{ key, version, size, etag, uploaded, storageClass },
    checksums: JSON.parse(row.checksums) as Digests,
    http: httpFromJson(row.http),
    custom: JSON.parse(row.custom) as Record<string, string>,
  };
}

function blobsOf(parts: string): string[] {
  return (JSON.parse(parts) as Part[]).map(([blob]) => blob);
}

/** Which bytes of which files make up a range. */
function spansIn(parts: readonly Part[], { offset, length }: Range) {
  const spans: { blob: string; start: number; length: number }[] = [];
  let at = 0;
  for (const [blob, size] of parts) {
    const start = Math.max(offset, at);
    const end = Math.min(offset + length, at + size);
    if (start < end) spans.push({ blob, start: start - at, length: end - start });
    at += size;
  }
  return spans;
}

function joined(streams: ReadableStream<Bytes>[]): ReadableStream<Bytes> {
  const [first] = streams;
  if (streams.length === 1 && first !== undefined) return first;
  const chunks = (async function* () {
    for (const stream of streams) yield* stream;
  })();
  return new native.ReadableStream<Bytes>({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: async () => void (await chunks.return()),
  });
}
