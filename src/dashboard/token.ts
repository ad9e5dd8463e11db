// The token that changes need: a setting, or one that is made once and kept in a file beside the database, for its owner only.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Config } from "../config/settings.js";
import { makeFolder } from "../disk.js";
import { codeOf, HidbError, messageOf } from "../errors.js";

type Named = Pick<Config, "token" | "sqliteFile">;

export interface PageToken {
  value: string;
  /** Where it is kept; undefined for a setting. */
  file: string | undefined;
  /** Made just now: the moment to show it to whoever started the pool, once. */
  isNew: boolean;
}

/** Errors: FILE_UNWRITABLE, FILE_UNREADABLE. */
export function ensureToken(config: Named): PageToken {
  if (config.token !== "") return { value: config.token, file: undefined, isNew: false };
  const file = tokenFile(config);
  const known = readToken(file);
  if (known !== undefined) return { value: known, file, isNew: false };
  const draft = `${file}.${process.pid}`;
  try {
    makeFolder(dirname(file));
    writeFileSync(draft, `${randomBytes(24).toString("base64url")}\n`, { mode: 0o600, flush: true });
    // A link to what is on the disk, so that the file is never there without its content, not even after a power cut, and
    // the first of several instances wins.
    const isNew = tryLink(draft, file);
    return { value: readToken(file) ?? "", file, isNew };
  } catch (cause) {
    if (cause instanceof HidbError) throw cause;
    throw new HidbError({
      code: "FILE_UNWRITABLE",
      message: `expected to keep the token of the page in ${file}, got ${codeOf(cause) || messageOf(cause)}`,
      fix: "give this user write permission there, or set HIDB_TOKEN",
      cause,
    });
  } finally {
    rmSync(draft, { force: true });
  }
}

export function tokenFile({ sqliteFile }: Pick<Config, "sqliteFile">): string {
  return join(dirname(sqliteFile), "token");
}

/** In a time that tells nothing about where the two differ, nor how long they are. */
export function isSameToken(given: string, token: string): boolean {
  return token !== "" && timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function readToken(file: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined;
    throw unreadable(file, codeOf(cause) || messageOf(cause));
  }
  if (!/^[!-~]{16,256}$/.test(text)) throw unreadable(file, "something else");
  return text;
}

function unreadable(file: string, got: string): HidbError {
  return new HidbError({
    code: "FILE_UNREADABLE",
    message: `expected the token of the page in ${file}, 16 characters or more, got ${got}`,
    fix: "give this user read permission on it, or remove it and the next start makes a new one",
  });
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}
