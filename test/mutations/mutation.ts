// One protection less in src/, and who has to notice.

export interface Mutation {
  /** As the table of test/README.md has it. */
  name: string;
  /** What it keeps, with the invariant of DESIGN.md that rests on it. */
  protects: string;
  /** Below the project. */
  file: string;
  /** Stands there exactly once. */
  find: string;
  replace: string;
  /** The quickest that must fail. */
  tests: Catcher;
  /** A simulated pool breaks without it, too, within its first 40 seeds. */
  simulated?: boolean;
}

export interface Catcher {
  /** Below `test/`, without `.test.ts`. */
  file: string;
  /** Part of the full name of a test, as vitest's `-t` takes it: a regular expression. */
  only: string;
}

export interface Room {
  room: string;
  mutations: Mutation[];
}

/** The text with the protection taken out; errors: it is not there, or not only once. */
export function mutate(text: string, { name, file, find, replace }: Mutation): string {
  const parts = text.split(find);
  if (parts.length !== 2) {
    const got = parts.length === 1 ? "nothing of the kind" : `${parts.length - 1} places`;
    throw new Error(`the mutation "${name}" no longer fits: expected its text once in ${file}, got ${got}`);
  }
  return parts.join(replace);
}
