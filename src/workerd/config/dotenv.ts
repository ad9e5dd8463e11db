// The text of `.dev.vars` and `.env`, read as wrangler reads it. Node's own parser differs: it knows no `NAME: value`, no
// lines broken after the sign and no references between values.

const VALUE = [
  String.raw`\s*'(?:\\'|[^'])*'`,
  String.raw`\s*"(?:\\"|[^"])*"`,
  String.raw`\s*${"`"}(?:\\${"`"}|[^${"`"}])*${"`"}`,
  String.raw`[^#\r\n]+`,
].join("|");
const ENTRY = new RegExp(
  String.raw`^\s*(?:export\s+)?(?<name>[\w.-]+)(?:\s*=|:\s)(?<value>${VALUE})?\s*(?:#.*)?$`,
  "gm",
);
const QUOTES = /^(['"`])([\s\S]*)\1$/gm;

export function parseDotenv(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  for (const { groups } of text.replace(/\r\n?/g, "\n").matchAll(ENTRY)) {
    const raw = (groups?.value ?? "").trim();
    const bare = raw.replace(QUOTES, "$2");
    values[groups?.name ?? ""] = raw.startsWith('"') ? bare.replace(/\\n/g, "\n").replace(/\\r/g, "\r") : bare;
  }
  return values;
}

type Values = Readonly<Record<string, string | undefined>>;

/** Puts in what `$NAME`, `${NAME}` and `${NAME:-otherwise}` stand for; the environment comes before the file. */
export function expandDotenv(parsed: Readonly<Record<string, string>>, environment: Values): Record<string, string> {
  const expanded: Record<string, string> = {};
  for (const [name, value] of Object.entries(parsed)) {
    const full = environment[name] || expand(value, { ...expanded, ...environment });
    expanded[name] = full.replace(/\\\$/g, "$");
  }
  return expanded;
}

const REFERENCE = /(?<!\\)\$(?:\{([^{}]+)\}|([A-Za-z_]\w*))/;

function expand(value: string, known: Values): string {
  const seen = new Set<string>();
  let result = value;
  for (let match = REFERENCE.exec(result); match !== null; match = REFERENCE.exec(result)) {
    // A reference that leads back to itself would go on for ever.
    const [template, braced, bare] = match;
    const { name, operator, word } = splitReference(braced ?? bare ?? "");
    const found = known[name];
    seen.add(result);
    const put = operator.endsWith("+") ? (found ? word : "") : found && !seen.has(found) ? found : word;
    result = result.replace(template, () => put);
  }
  return result;
}

function splitReference(text: string): { name: string; operator: string; word: string } {
  const [operator = ""] = /:?[+-]/.exec(text) ?? [];
  if (operator === "") return { name: text, operator, word: "" };
  const [name = "", ...rest] = text.split(operator);
  return { name, operator, word: rest.join(operator) };
}
