// What may be put into a bucket.
import { bytesOf, chunksOf, isBlob, isStream, wrongParameter } from "../state-arguments.js";

export type Value = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

const TYPE = "ReadableStream or ArrayBuffer or ArrayBufferView or string or Blob";

export function chunksOfValue(
  args: readonly unknown[],
  { of, index, mayBeNothing }: { of: string; index: number; mayBeNothing: boolean },
): Value {
  const given = args[index - 1];
  if (mayBeNothing && args.length >= index && (given === null || given === undefined)) return [];
  const bytes = bytesOf(given);
  if (bytes !== undefined) return [bytes.slice()];
  if (isBlob(given)) return chunksOf(given.stream());
  if (isStream(given)) return chunksOf(given);
  throw wrongParameter({ of, index, type: TYPE });
}
