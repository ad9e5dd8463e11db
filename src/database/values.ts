// What a value becomes on its way into the database and out again, as D1 has it.

export type SqliteValue = number | string | null | Uint8Array;

/** For `bind`: what the statement's `params` show; throws D1_TYPE_ERROR at once, as D1 does. */
export function toParameter(value: unknown): unknown {
  switch (typeof value) {
    case "number":
    case "string":
      return value;
    case "boolean":
      return value ? 1 : 0;
    case "object": {
      if (value === null) return null;
      const bytes = toNumbers(value);
      if (bytes !== undefined) return bytes;
    }
  }
  const message = `Type '${typeof value}' not supported for value '${`${value}`}'`;
  throw new Error(`D1_TYPE_ERROR: ${message}`, { cause: new Error(message) });
}

function toNumbers(value: object): unknown {
  if (Array.isArray(value)) return value.every(isByte) ? value : undefined;
  if (value instanceof ArrayBuffer) return Array.from(new Uint8Array(value));
  // A DataView has no elements to list: D1 makes an empty blob of it.
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>);
  return undefined;
}

function isByte(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value < 256;
}

/** For the driver, when the statement runs; undefined for what D1's transport cannot carry. */
export function toSqlite(parameter: unknown): SqliteValue | undefined {
  switch (typeof parameter) {
    case "number":
      // Adding 0 makes -0 a plain 0; D1's transport knows neither -0 nor what is not finite.
      return Number.isFinite(parameter) ? parameter + 0 : null;
    case "string":
      return wellFormed(parameter);
    case "object": {
      if (parameter === null) return null;
      if (!Array.isArray(parameter)) return undefined;
      return toBlob(parameter);
    }
  }
  return undefined;
}

/** Numbers beyond a byte wrap around, so that of wider typed arrays each element is kept modulo 256. */
function toBlob(numbers: readonly unknown[]): Uint8Array | undefined {
  for (const number of numbers) {
    if (typeof number === "bigint") throw new TypeError("Do not know how to serialize a BigInt");
    if (!Number.isFinite(number)) return undefined;
  }
  // `every` and Number.isFinite pass over holes differently: a hole arrives as null at D1, which it refuses.
  return numbers.includes(undefined) ? undefined : Uint8Array.from(numbers as number[]);
}

/** D1 stores each half of a surrogate pair as three bytes that are read as three replacement characters. */
export function wellFormed(text: string): string {
  if (text.isWellFormed()) return text;
  return text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, "\uFFFD\uFFFD\uFFFD");
}

/** A cell as D1 gives it: JSON has no infinity and no -0, and blobs are arrays of numbers. */
export function fromCell(value: unknown): unknown {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? value + 0 : null;
    case "bigint":
      return Number(value);
    case "object":
      return value instanceof Uint8Array ? Array.from(value) : value;
    default:
      return value;
  }
}

/** Changes the rows in place, cell by cell. */
export function fromRows<Rows extends (Record<string, unknown> | unknown[])[]>(rows: Rows): Rows {
  for (const row of rows as Record<string, unknown>[]) {
    for (const key in row) {
      const value = row[key];
      // Most cells are as they should be; a -0 counts as 0 here.
      if (typeof value === "string" || (typeof value === "number" && Number.isFinite(value) && value !== 0)) continue;
      if (value !== null) row[key] = fromCell(value);
    }
  }
  return rows;
}

/** Rows as objects: of columns with one name the last counts, and a column `__proto__` is one like any other. */
export function toObjects(columns: readonly string[], rows: readonly unknown[][]): Record<string, unknown>[] {
  return rows.map((row) => Object.fromEntries(columns.map((name, at) => [name, row[at]])));
}
