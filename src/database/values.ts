// What a value becomes on its way into the database and out again, as D1 has it.

/** For a parameter; throws D1_TYPE_ERROR at once, as D1's `bind` does. */
export function toSqlite(value: unknown): unknown {
  switch (typeof value) {
    case "number":
      // Adding 0 makes -0 a plain 0; D1's transport knows neither -0 nor what is not finite.
      return Number.isFinite(value) ? value + 0 : null;
    case "string":
      return value;
    case "boolean":
      return value ? 1 : 0;
    case "object": {
      if (value === null) return null;
      const blob = toBlob(value);
      if (blob !== undefined) return blob;
    }
  }
  const message = `Type '${typeof value}' not supported for value '${`${value}`}'`;
  throw new Error(`D1_TYPE_ERROR: ${message}`, { cause: new Error(message) });
}

function toBlob(value: object): Buffer | undefined {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  // An empty blob is what D1 makes of it; better-sqlite3 would end the process.
  if (value instanceof DataView) return Buffer.alloc(0);
  if (value instanceof BigInt64Array || value instanceof BigUint64Array) return undefined;
  // Of wider arrays D1 keeps each element modulo 256.
  if (ArrayBuffer.isView(value)) return Buffer.from(value as unknown as number[]);
  if (Array.isArray(value) && value.every(isByte)) return Buffer.from(value);
  return undefined;
}

function isByte(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value < 256;
}

/** Changes the rows in place: blobs become arrays of numbers, infinite numbers null. */
export function fromSqlite<Rows extends (Record<string, unknown> | unknown[])[]>(rows: Rows): Rows {
  for (const row of rows as Record<string, unknown>[]) {
    for (const key in row) {
      const value = row[key];
      if (typeof value === "object") row[key] = value instanceof Uint8Array ? [...value] : value;
      else if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) row[key] = null;
    }
  }
  return rows;
}
