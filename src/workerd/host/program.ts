// Where the compiled program of the Worker's thread lies.

/** Beside this file; under vitest this file is TypeScript in src/, and `npm test` has built dist/ before. */
export function threadProgram(): URL {
  const here = import.meta.url;
  return new URL("./thread.js", here.replace("/src/workerd/host/program.ts", "/dist/workerd/host/"));
}
