// Reads the file `.env`.
import { existsSync, readFileSync, statSync } from "node:fs";
import { parseEnv } from "node:util";
import { HidbError } from "../errors.js";
import { shorten } from "./check.js";

export function readDotenv(file: string): NodeJS.Dict<string> {
  if (!existsSync(file)) return {};
  const unreadable = (got: string, cause?: unknown) =>
    new HidbError({
      code: "SETTING_INVALID",
      message: `expected ${file} to be a file that can be read, got ${got}`,
      fix: "give this user read permission on it, rename it, or run hidb in another folder",
      cause,
    });
  let text: string;
  try {
    const stat = statSync(file);
    // Reading a pipe blocks until somebody writes to it.
    if (!stat.isFile() && !stat.isDirectory()) throw unreadable("a device, pipe or socket");
    text = readFileSync(file, "utf8");
  } catch (cause) {
    if (cause instanceof HidbError) throw cause;
    throw unreadable(String(cause instanceof Error && "code" in cause ? cause.code : cause), cause);
  }
  // Node's parser skips lines that it does not understand; a setting must not get lost that way.
  if (text.includes("\0")) throw dotenvInvalid(file, "text in UTF-8", "another encoding or binary data");
  const filed = parseEnv(text.replace(/^\ufeff/, ""));
  for (const line of text.split(/\r?\n/)) {
    const [, name, next] = /^\ufeff?[ \t]*(?:export[ \t]+)?(HIDB_\w*)[ \t]*(.?)/.exec(line) ?? [];
    if (name === undefined || next === "=" || name in filed) continue;
    throw dotenvInvalid(file, `${shorten(name)} to be followed by = and its value`, "something else");
  }
  return filed;
}

function dotenvInvalid(file: string, expected: string, got: string): HidbError {
  return new HidbError({
    code: "SETTING_INVALID",
    message: `expected ${expected} in ${file}, got ${got}`,
    fix: "write one NAME=value a line and save it as UTF-8",
  });
}
