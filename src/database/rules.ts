// What D1 refuses although SQLite can do it: the lists that the strict kind's authorizer and the check of the text use.
import { isWord, nameOf, type Token, withoutExplain } from "./text.js";

const words = (text: string) => new Set(text.trim().split(/\s+/));

/** The functions of D1; found by calling every one that SQLite has. (load_extension is there, and switched off.) */
export const FUNCTIONS = words(`
  abs acos acosh asin asinh atan atan2 atanh avg ceil changes char coalesce concat concat_ws cos cosh count cume_dist
  current_date current_time current_timestamp date datetime degrees dense_rank exp first_value floor format glob
  group_concat hex ifnull iif instr json json_array json_array_length json_each json_extract json_group_array
  json_group_object json_insert json_object json_patch json_quote json_remove json_replace json_set json_tree json_type
  json_valid jsonb jsonb_array jsonb_extract jsonb_group_array jsonb_group_object jsonb_insert jsonb_object jsonb_patch
  jsonb_remove jsonb_replace jsonb_set julianday lag last_insert_rowid last_value lead length like likelihood likely ln
  log log2 lower ltrim match max min mod nth_value ntile nullif octet_length percent_rank pi pow printf quote radians
  random randomblob rank replace round row_number rtrim sign sin sinh sqrt strftime string_agg substr substring sum tan
  tanh time timediff total total_changes trim trunc typeof unhex unicode unixepoch unlikely upper zeroblob
  snippet highlight bm25 load_extension -> ->>`);

/** Functions that only SQLite's own ALTER TABLE can call. */
const INTERNAL_FUNCTIONS = words(`
  sqlite_rename_table sqlite_rename_column sqlite_rename_test sqlite_rename_quotefix sqlite_drop_column
  sqlite_fail sqlite_add_constraint sqlite_drop_constraint sqlite_find_constraint`);

/** Functions that this SQLite has, or may have, and D1's has not: it knows no such function. */
export const ABSENT_FUNCTIONS = words(`
  fts5_insttoken if json_array_insert jsonb_array_insert median percentile percentile_cont percentile_disc soundex
  sqlite_offset unistr unistr_quote rtreecheck rtreedepth rtreenode fts3_tokenizer matchinfo optimize offsets
  geopoly_area geopoly_blob geopoly_json geopoly_svg geopoly_within geopoly_contains_point geopoly_overlap geopoly_debug
  geopoly_bbox geopoly_xform geopoly_regular geopoly_ccw geopoly_group_bbox`);

const REFUSED_FUNCTIONS = words(`
  ceiling fts5 fts5_source_id fts5_locale json_error_position json_pretty log10 power
  sqlite_compileoption_get sqlite_compileoption_used sqlite_log sqlite_source_id sqlite_version subtype`);

/** Tables that this SQLite has by itself and D1's has not. */
export const ABSENT_TABLES = words(`
  dbstat sqlite_dbpage sqlite_stmt bytecode tables_used fts3tokenize rtree rtree_i32 geopoly fts3 fts4 fts4aux`);

const MODULES = words("fts5 fts5vocab");

type Argument = "none" | "any" | "object" | "object?" | "number or object?" | "number?" | "boolean?";
const PRAGMAS: Record<string, Argument> = {
  table_list: "any",
  table_info: "object",
  table_xinfo: "object",
  index_list: "object",
  index_info: "object",
  index_xinfo: "object",
  foreign_key_list: "object",
  foreign_key_check: "object?",
  quick_check: "number or object?",
  data_version: "none",
  optimize: "number?",
  case_sensitive_like: "boolean?",
  foreign_keys: "boolean?",
  defer_foreign_keys: "boolean?",
  ignore_check_constraints: "boolean?",
  legacy_alter_table: "boolean?",
  recursive_triggers: "boolean?",
  reverse_unordered_selects: "boolean?",
};

/** Whether D1 allows a pragma with this argument; it knows their names in lower case only. */
export function allowsPragma(name: string, argument: string | null): boolean {
  const kind = Object.hasOwn(PRAGMAS, name) ? PRAGMAS[name] : undefined;
  if (kind === undefined) return false;
  if (argument === null) return kind !== "object";
  switch (kind) {
    case "none":
      return false;
    case "any":
      return true;
    case "number?":
      return /^-?(\d+|0x[0-9a-f]+)$/i.test(argument);
    case "boolean?":
      return /^(true|false|yes|no|on|off|1|0)$/i.test(argument);
    default:
      return !isReserved(argument);
  }
}

export function allowsFunction(name: string): boolean {
  return FUNCTIONS.has(name.toLowerCase()) || INTERNAL_FUNCTIONS.has(name.toLowerCase());
}

export function allowsModule(name: string): boolean {
  return MODULES.has(name.toLowerCase());
}

/** Names that Cloudflare keeps for itself. */
export function isReserved(name: string | null): boolean {
  return name !== null && /^_cf_/i.test(name);
}

/** BEGIN and its family, also when they are only to be explained. */
export function isTransaction(tokens: readonly Token[]): boolean {
  return isWord(
    withoutExplain([...tokens.slice(0, 4)])[0],
    "BEGIN",
    "COMMIT",
    "END",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE",
  );
}

/** ALTER TABLE ... RENAME TO: SQLite's authorizer is not told the new name. */
export function renamesToReserved(tokens: Token[]): boolean {
  const [first, ...rest] = withoutExplain(tokens);
  if (!isWord(first, "ALTER")) return false;
  const at = rest.findIndex((token, index) => isWord(token, "RENAME") && isWord(rest[index + 1], "TO"));
  const name = rest[at + 2];
  return at >= 0 && name !== undefined && isReserved(nameOf(name));
}

/** A function call that D1 refuses, as far as the text tells; the strict level asks SQLite's authorizer instead. */
export function findFunction(tokens: Token[]): { token: Token; absent: boolean } | undefined {
  if (isWord(tokens[0], "PRAGMA")) return undefined;
  for (const [at, token] of tokens.entries()) {
    if (token.kind !== "word" || tokens[at + 1]?.text !== "(" || isDefinition(tokens[at - 1])) continue;
    const name = token.text.toLowerCase();
    if (REFUSED_FUNCTIONS.has(name)) return { token, absent: false };
    if (ABSENT_FUNCTIONS.has(name)) return { token, absent: true };
  }
  return undefined;
}

/** A table that this SQLite has by itself and D1's has not. */
export function findAbsentTable(tokens: Token[]): Token | undefined {
  return tokens.find(
    (token, at) => isWord(tokens[at - 1], "FROM", "JOIN") && ABSENT_TABLES.has(token.text.toLowerCase()),
  );
}

/** After these a name and a parenthesis are a table with its columns. */
function isDefinition(before: Token | undefined): boolean {
  return isWord(
    before,
    "TABLE",
    "EXISTS",
    "INTO",
    "ON",
    "REFERENCES",
    "FROM",
    "JOIN",
    "WITH",
    "RECURSIVE",
    "VIEW",
    "USING",
  );
}

/** A statement that D1 refuses for what it is. */
export function isForbidden(tokens: Token[]): boolean {
  const own = withoutExplain(tokens);
  const [first, second] = own;
  if (own.some(isForbiddenPragmaTable)) return true;
  if (isWord(first, "ATTACH", "DETACH")) return true;
  if (isWord(first, "PRAGMA")) return isForbiddenPragma(own);
  if (isWord(first, "ALTER")) return renamesToReserved(own);
  return isWord(first, "CREATE") && (isWord(second, "TEMP", "TEMPORARY") || createsForbidden(own));
}

/** The tables in whose shape pragmas can be read. */
function isForbiddenPragmaTable(token: Token, at: number, all: Token[]): boolean {
  if (token.kind !== "word" || !isWord(all[at - 1], "FROM", "JOIN")) return false;
  const pragma = /^pragma_(.*)/i.exec(token.text)?.[1];
  return pragma !== undefined && !Object.hasOwn(PRAGMAS, pragma.toLowerCase());
}

function isForbiddenPragma(own: Token[]): boolean {
  const at = own[2]?.text === "." ? 3 : 1;
  if (at === 3 && isWord(own[1], "TEMP")) return true;
  const name = own[at];
  if (name === undefined) return false;
  const [sign, value, more] = own.slice(at + 1);
  if (sign === undefined || sign.text === ";") return !allowsPragma(nameOf(name), null);
  if ((sign.text !== "=" && sign.text !== "(") || value === undefined) return false;
  const argument = value.text === "-" ? `-${more?.text}` : value.text === "+" ? `${more?.text}` : nameOf(value);
  return !allowsPragma(nameOf(name), argument);
}

function createsForbidden(own: Token[]): boolean {
  let at = own.findIndex((token) => isWord(token, "TABLE", "INDEX", "VIEW", "TRIGGER")) + 1;
  if (isWord(own[at], "IF")) at += 3;
  const temporary =
    !own.slice(0, at).some((token) => isWord(token, "INDEX")) && isWord(own[at], "TEMP") && own[at + 1]?.text === ".";
  if (own[at + 1]?.text === ".") at += 2;
  const name = own[at];
  if (temporary || (name !== undefined && isReserved(nameOf(name)))) return true;
  const module = isWord(own[1], "VIRTUAL") && isWord(own[at + 1], "USING") ? own[at + 2] : undefined;
  return module !== undefined && !allowsModule(nameOf(module));
}
