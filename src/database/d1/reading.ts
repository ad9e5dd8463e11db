// What a statement's text tells before D1 has seen it: whether it is one, and whether it only reads.

const QUOTED_OR_COMMENT = /'[^']*(?:'|$)|"[^"]*(?:"|$)|`[^`]*(?:`|$)|\[[^\]]*(?:\]|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g;
const PARAMETER = /\?|(?<![\w$])[:@$]\w/;
const WRITING_WORD = /\b(INSERT|UPDATE|DELETE|REPLACE\s+INTO)\b/i;
const READING_PRAGMA =
  /^PRAGMA\s+(?:\w+\s*\.\s*)?(?:table_list|table_info|table_xinfo|index_list|index_info|index_xinfo|foreign_key_list|foreign_key_check|quick_check|data_version)\b(?!\s*=)/i;

/** As D1 does, by its own rule: such a text is passed over in silence. */
export function isBlank(sql: string): boolean {
  return sql.replace(/^\s+--.*/gm, "").trim() === "";
}

/**
 * Whether sending it twice does what sending it once does. In doubt it is a write: `WITH` before one, and every PRAGMA
 * that could set something.
 */
export function isReading(sql: string): boolean {
  const bare = withoutQuotes(sql);
  return bare.split(";").every((part) => {
    const text = part.trim();
    if (text === "" || /^(SELECT|EXPLAIN|VALUES)\b/i.test(text) || READING_PRAGMA.test(text)) return true;
    return /^WITH\b/i.test(text) && !WRITING_WORD.test(text);
  });
}

export function hasParameter(sql: string): boolean {
  return PARAMETER.test(withoutQuotes(sql));
}

function withoutQuotes(sql: string): string {
  return sql.replace(QUOTED_OR_COMMENT, " ");
}
