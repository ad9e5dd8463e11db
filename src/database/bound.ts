// The values of a statement on their way to the driver: each in its form, and within D1's limit.
import { LIMITS } from "./limits.js";
import { sqlError } from "./sqlite-errors.js";
import { type SqliteValue, toSqlite } from "./values.js";

/** Characters of a text that is within D1's limit in any case. */
const SHORT = LIMITS.valueBytes / 3;

export function bindValues(params: readonly unknown[] | null | undefined): SqliteValue[] {
  // Nearly always all values are what the driver takes as they are.
  if (params && areReady(params)) return params as SqliteValue[];
  const values: SqliteValue[] = [];
  for (const param of params ?? []) {
    const value = toSqlite(param);
    if (value === undefined) throw sqlError("Failed to parse body as JSON, got: ZodError");
    if (typeof value !== "number" && isTooBig(value)) throw sqlError("string or blob too big: SQLITE_TOOBIG");
    values.push(value);
  }
  return values;
}

function areReady(params: readonly unknown[]): boolean {
  for (const param of params) if (!isReady(param)) return false;
  return true;
}

function isReady(value: unknown): boolean {
  if (typeof value === "number") return value !== 0 && Number.isFinite(value);
  if (typeof value === "string") return value.length < SHORT && value.isWellFormed();
  return value === null;
}

function isTooBig(value: string | Uint8Array | null): boolean {
  if (value === null) return false;
  // Three bytes a character at most.
  if (value.length * 3 <= LIMITS.valueBytes) return false;
  return (typeof value === "string" ? Buffer.byteLength(value) : value.length) > LIMITS.valueBytes;
}
