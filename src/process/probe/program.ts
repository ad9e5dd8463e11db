// Where the compiled program of the probing thread lies.

/** Beside this file; under vitest this file is TypeScript in src/, and `npm test` has built dist/ before. */
export function threadProgram(): URL {
  return new URL("./thread.js", import.meta.url.replace("/src/process/probe/program.ts", "/dist/process/probe/"));
}
