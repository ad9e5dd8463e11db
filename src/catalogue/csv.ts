// Reads a list as CSV: RFC 4180, with the line of every row, whatever quoted line breaks come before it.
import { CsvError, parse } from "csv-parse/sync";
import { type ColumnMap, guessSource, nameColumns } from "./columns.js";
import type { ListColumn, RawRow } from "./entry.js";
import { listUnreadable, shorten } from "./unreadable.js";

interface Record {
  line: number;
  cells: string[];
}

/** Errors: LIST_UNREADABLE for broken quotes or a missing column. */
export function readCsv(text: string, name: string, map: ColumnMap): RawRow[] {
  const [header, ...records] = splitRecords(text, name);
  if (header === undefined) throw listUnreadable({ name, line: 1, expected: "a line of column names", got: "nothing" });
  const places = findColumns(header, name, map);
  return records.map(({ line, cells }) => {
    if (cells.length > header.cells.length) return { line, values: {}, wrong: tooManyCells(header, cells) };
    return { line, values: Object.fromEntries(places.map(([column, at]) => [column, cells[at]])) };
  });
}

function splitRecords(text: string, name: string): Record[] {
  const records: Record[] = [];
  let line = 1;
  try {
    parse(text, {
      delimiter: findDelimiter(text),
      record_delimiter: ["\r\n", "\n", "\r"],
      relax_column_count: true,
      // Quotes inside of an unquoted value are no reason to refuse ten thousand rows.
      relax_quotes: true,
      on_record: (cells: string[], { lines }) => {
        const blank = cells.length === 1 && cells[0]?.trim() === "";
        if (!blank) records.push({ line, cells });
        line = lines + 1;
        return null;
      },
    });
    return records;
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    const got = cause.code === "CSV_QUOTE_NOT_CLOSED" ? "a quote that is never closed" : cause.message;
    throw listUnreadable({ name, line, expected: "comma separated values", got, cause });
  }
}

/** Spreadsheets in half of the world write semicolons. */
function findDelimiter(text: string): string {
  const header = /[^\r\n]*\S[^\r\n]*/.exec(text)?.[0] ?? "";
  return [",", ";", "\t"].find((delimiter) => header.includes(delimiter)) ?? ",";
}

function findColumns(header: Record, name: string, map: ColumnMap): [ListColumn, number][] {
  const found = header.cells.map((cell) => cell.trim());
  const lower = found.map((cell) => cell.toLowerCase());
  const places: [ListColumn, number][] = [];
  for (const [column, wanted] of nameColumns(map)) {
    const at = lower.indexOf(wanted);
    if (at >= 0) places.push([column, at]);
    else if (column === "source" || map.has(column)) throw columnMissing({ wanted, column, found, name, header, map });
  }
  if (!places.some(([column]) => column === "source")) {
    throw columnMissing({ wanted: "source", column: "source", found, name, header, map });
  }
  return places;
}

interface MissingParts {
  wanted: string;
  column: ListColumn;
  found: string[];
  name: string;
  header: Record;
  map: ColumnMap;
}

function columnMissing({ wanted, column, found, name, header, map }: MissingParts) {
  const example = shorten(guessSource(found) ?? "url");
  const hint = `say which column holds the path or URL of a video: --map source=${example}`;
  return listUnreadable({
    name,
    line: header.line,
    expected: `a column ${wanted}`,
    got: shorten(found.join(", ")),
    fix: column === "source" && !map.has("source") ? hint : `correct --map ${column}=${wanted}`,
  });
}

function tooManyCells(header: Record, cells: string[]): string {
  return `expected ${header.cells.length} columns, got ${cells.length}: a value that holds a comma needs quotes around it`;
}
