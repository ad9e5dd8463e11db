// Which column of a list stands for what: by name in any case, or as `--map` says.
import leven from "leven";
import { HidbError } from "../errors.js";
import { LIST_COLUMNS, type ListColumn } from "./entry.js";

/** hidb's name of a column -> the list's own, in lower case. */
export type ColumnMap = ReadonlyMap<ListColumn, string>;

/** Reads `source=url,duration_s=length`; errors: USAGE. */
export function parseColumnMap(text: string): ColumnMap {
  const map = new Map<ListColumn, string>();
  for (const pair of text.split(",")) {
    const at = pair.indexOf("=");
    const name = pair.slice(0, at).trim().toLowerCase();
    const column = pair.slice(at + 1).trim();
    if (at < 1 || column === "") throw mapInvalid(`expected --map name=column,..., got ${JSON.stringify(pair)}`);
    const known = LIST_COLUMNS.find((candidate) => candidate === name);
    if (known === undefined) throw mapInvalid(`expected --map to name ${LIST_COLUMNS.join(", ")}, got ${name}`, name);
    map.set(known, column.toLowerCase());
  }
  return map;
}

/** The list's own name for each column; a column that is mapped to another meaning no longer has its own. */
export function nameColumns(map: ColumnMap): Map<ListColumn, string> {
  const taken = new Set(map.values());
  const names = new Map<ListColumn, string>();
  for (const column of LIST_COLUMNS) {
    const mapped = map.get(column);
    if (mapped !== undefined) names.set(column, mapped);
    else if (!taken.has(column)) names.set(column, column);
  }
  return names;
}

/** Which of the columns found most likely holds the sources, for a hint. */
export function guessSource(found: string[]): string | undefined {
  const likely = [
    "url",
    "uri",
    "path",
    "file",
    "filename",
    "file_name",
    "filepath",
    "link",
    "href",
    "src",
    "video",
    "id",
  ];
  const names = found.map((name) => name.trim().toLowerCase()).filter((name) => name !== "");
  const near = names.find((name) => leven(name, "source") <= 2);
  return near ?? likely.find((name) => names.includes(name)) ?? names[0];
}

function mapInvalid(message: string, name?: string): HidbError {
  const near = name === undefined ? undefined : LIST_COLUMNS.find((column) => leven(column, name) <= 3);
  const fix = "for example --map source=url,duration_s=length, where url and length are columns of the list";
  return new HidbError({ code: "USAGE", message, fix: near === undefined ? fix : `did you mean ${near}? ${fix}` });
}
