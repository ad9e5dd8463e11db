// Passes many rows as few parameters: JSON texts, each well below the 2 MB that D1 allows for a value.

const CHUNK_CHARACTERS = 400_000;

/** JSON arrays of consecutive rows; a character takes three bytes at most, so each stays below 1.2 MB. */
export function splitIntoTexts(rows: readonly unknown[]): string[] {
  const texts: string[] = [];
  let chunk: string[] = [];
  let length = 0;
  for (const row of rows) {
    const text = JSON.stringify(row);
    if (length + text.length > CHUNK_CHARACTERS && chunk.length > 0) {
      texts.push(`[${chunk.join()}]`);
      chunk = [];
      length = 0;
    }
    chunk.push(text);
    length += text.length + 1;
  }
  if (chunk.length > 0) texts.push(`[${chunk.join()}]`);
  return texts;
}
