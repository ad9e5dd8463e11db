// The lines in a block of bytes that contain one of some words: what is passed over is never made a text of.
const NEWLINE = 10;

/** The last line first; all of them where there are no needles. */
export function* textsBackward(block: Buffer, needles: Buffer[]): Generator<string> {
  const find = (needle: Buffer, end: number) => block.lastIndexOf(needle, end - 1);
  const finder = makeFinder(needles, find, (position, end) => position < end, Math.max, -1);
  for (let end = block.length; end > 0; ) {
    if (needles.length > 0) {
      const found = finder(end);
      if (found === -1) return;
      const newline = block.indexOf(NEWLINE, found);
      end = newline < 0 ? block.length : newline + 1;
    }
    const start = end < 2 ? 0 : block.lastIndexOf(NEWLINE, end - 2) + 1;
    const text = block.toString("utf8", start, end).trim();
    if (text !== "") yield text;
    end = start;
  }
}

/** The first line first. */
export function* textsForward(block: Buffer, needles: Buffer[]): Generator<string> {
  const none = block.length;
  const find = (needle: Buffer, start: number) => {
    const found = block.indexOf(needle, start);
    return found < 0 ? none : found;
  };
  const finder = makeFinder(needles, find, (position, start) => position >= start, Math.min, none);
  for (let start = 0; start < block.length; ) {
    if (needles.length > 0) {
      const found = finder(start);
      if (found === none) return;
      start = found === 0 ? 0 : block.lastIndexOf(NEWLINE, found) + 1;
    }
    const newline = block.indexOf(NEWLINE, start);
    const end = newline < 0 ? block.length : newline;
    const text = block.toString("utf8", start, end).trim();
    if (text !== "") yield text;
    start = end + 1;
  }
}

/** Which needle comes next. Each is looked for only once up to where it was found: a frequent one does not repeat the search for a rare one. */
function makeFinder(
  needles: Buffer[],
  find: (needle: Buffer, from: number) => number,
  isAhead: (position: number, from: number) => boolean,
  nearest: (...positions: number[]) => number,
  none: number,
): (from: number) => number {
  const positions = new Map<Buffer, number>();
  return (from) => {
    for (const needle of needles) {
      const known = positions.get(needle);
      if (known === undefined || (known !== none && !isAhead(known, from))) positions.set(needle, find(needle, from));
    }
    return nearest(...positions.values());
  };
}
