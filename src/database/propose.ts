// Which table of a person's database could be the catalogue, told by names and types of columns.

export interface TableShape {
  name: string;
  columns: { name: string; type: string; pk: number }[];
}

/** The settings that make a table the catalogue. */
export interface CatalogueProposal {
  HIDB_CATALOGUE_TABLE: string;
  HIDB_CATALOGUE_ID: string;
  HIDB_CATALOGUE_SOURCE: string;
  HIDB_CATALOGUE_TITLE?: string;
  HIDB_CATALOGUE_DURATION?: string;
}

/** In the order of what is most likely meant. */
const SOURCES = ["source", "path", "url", "uri", "file", "filename", "src", "location", "link", "href"];
const SOURCE_LIKE = /^(video|media|file|local|full)_?(path|url|uri|file|filename)$/i;
const TITLES = ["title", "name", "caption", "label"];
const DURATIONS = ["duration_s", "duration", "duration_sec", "duration_seconds", "length_s", "seconds", "runtime_s"];
/** What the settings can name. */
const PLAIN = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Tables that could be the catalogue: each has a whole number that names a row and a text that may be a path or URL. */
export function proposeCatalogues(tables: TableShape[]): CatalogueProposal[] {
  return tables
    .filter(({ name }) => !/^(sqlite_|_cf_|d1_migrations$|hidb_)/i.test(name) && PLAIN.test(name))
    .map(proposeCatalogue)
    .filter((proposal) => proposal !== undefined);
}

function proposeCatalogue({ name, columns }: TableShape): CatalogueProposal | undefined {
  const plain = columns.filter((column) => PLAIN.test(column.name));
  const texts = plain.filter(({ type }) => type === "" || /char|text|clob|string|uri|url/i.test(type));
  const numbers = plain.filter(({ type }) => /int/i.test(type));
  const id =
    numbers.find(({ pk }) => pk === 1 && columns.every((one) => one.pk <= 1)) ?? findNamed(numbers, ["id", "rowid"]);
  const source = findNamed(texts, SOURCES) ?? texts.find((column) => SOURCE_LIKE.test(column.name));
  if (id === undefined || source === undefined) return undefined;
  const title = findNamed(
    texts.filter((column) => column !== source),
    TITLES,
  );
  const duration = findNamed(plain, DURATIONS);
  return {
    HIDB_CATALOGUE_TABLE: name,
    HIDB_CATALOGUE_ID: id.name,
    HIDB_CATALOGUE_SOURCE: source.name,
    ...(title === undefined ? {} : { HIDB_CATALOGUE_TITLE: title.name }),
    ...(duration === undefined ? {} : { HIDB_CATALOGUE_DURATION: duration.name }),
  };
}

function findNamed(columns: TableShape["columns"], names: string[]): TableShape["columns"][number] | undefined {
  for (const name of names) {
    const column = columns.find((one) => one.name.toLowerCase() === name);
    if (column !== undefined) return column;
  }
  return undefined;
}

export function describeProposal(proposal: CatalogueProposal): string {
  return Object.entries(proposal)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}
