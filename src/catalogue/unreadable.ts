// A list that cannot be read is refused as a whole, with the line where reading ended.
import { HidbError } from "../errors.js";

export interface UnreadableParts {
  /** The file as typed, or "standard input". */
  name: string;
  line?: number;
  expected: string;
  got: string;
  fix?: string;
  cause?: unknown;
}

/** For the contents of a list: a key of a million characters does not fit in a message. */
export function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
}

export function listUnreadable({ name, line, expected, got, fix, cause }: UnreadableParts): HidbError {
  const where = line === undefined ? name : `line ${line} of ${name}`;
  return new HidbError({
    code: "LIST_UNREADABLE",
    message: `expected ${expected} in ${where}, got ${got}`,
    fix: fix ?? "correct the list and add it again; nothing was taken",
    cause,
  });
}
