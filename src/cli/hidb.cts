#!/usr/bin/env node
// What a person starts. CommonJS and free of packages, so that an old Node gets a sentence: better-sqlite3 would end it
// with a segmentation fault.

const PREFLIGHT_FAILED = 3;

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 13)) {
  console.error(
    `error: expected Node 22.13 or newer, got ${process.versions.node} at ${process.execPath}\n` +
      "fix:   run it as `npx hidb ...` in hidb's folder, which uses the project's own Node, or install a newer Node",
  );
  process.exitCode = PREFLIGHT_FAILED;
} else {
  import("./program.js")
    .then(({ runProgram }) => runProgram(process.argv))
    .then((exitCode: number) => {
      process.exitCode = exitCode;
    });
}
