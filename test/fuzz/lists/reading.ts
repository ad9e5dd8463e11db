// What an independent reader finds in the bytes of a list: enough to tell whether hidb has taken half of it, or garbage.
import { strict as assert } from "node:assert";
import type { Taken } from "./world.ts";

/** Whatever hidb took from these bytes on standard input, another reading of them holds it, too. */
export function checkAgainstBytes(bytes: Uint8Array, taken: Taken): void {
  if ("refused" in taken) return;
  const text = Buffer.from(bytes).toString("utf8");
  assert(!bytes.includes(0), "took a list with NUL bytes");
  assert(Buffer.from(text).equals(Buffer.from(bytes)), "took a list that is not UTF-8");
  const body = text.replace(/^\ufeff/, "");
  const total = taken.list.entries.length + taken.list.refused.length;
  const sources = taken.stored.map(({ source }) => source);
  const elements = readElements(body);
  if (elements !== undefined) {
    assert.equal(total, elements.length, "expected one row for each element");
    const texts = elements.flatMap((element) => textsOf(element));
    for (const source of sources) assert(texts.includes(source), `took ${JSON.stringify(source)}, which is no element`);
    return;
  }
  // CSV, then: every source stands in the text, once its quotes are doubled again.
  for (const source of sources) {
    const written = [source, source.replaceAll('"', '""')].some((form) => body.includes(form));
    assert(written, `took ${JSON.stringify(source)}, which the list does not have`);
  }
  const lines = body.split(/\r\n|\n|\r/).filter((line) => line.trim() !== "");
  assert(total <= Math.max(0, lines.length - 1), `took ${total} rows from ${lines.length} lines`);
}

/** The elements of a JSON array or of NDJSON; undefined for what is neither as a whole. */
function readElements(text: string): unknown[] | undefined {
  const start = text.trimStart()[0];
  if (start === "[") {
    try {
      const value: unknown = JSON.parse(text);
      if (Array.isArray(value)) return value;
    } catch {
      // Perhaps each line is one.
    }
  }
  if (start !== "{" && start !== '"' && start !== "[") return undefined;
  try {
    return text
      .split(/\r\n|\n|\r/)
      .filter((line) => line.trim() !== "")
      .map((line): unknown => JSON.parse(line));
  } catch {
    return undefined;
  }
}

function textsOf(element: unknown): string[] {
  if (typeof element === "string") return [element.trim()];
  if (typeof element !== "object" || element === null) return [];
  return Object.values(element)
    .filter((value) => typeof value === "string")
    .map((value) => value.trim());
}
