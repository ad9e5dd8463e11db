// Where an export goes: standard output, or a file that appears when it is complete.
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { syncFolder } from "../../disk.js";
import { codeOf, HidbError, messageOf } from "../../errors.js";
import { clock } from "../context.js";
import { sayMuch } from "../print.js";

export interface Sink {
  write(text: string): Promise<void> | void;
  finish(): void;
  abandon(): void;
}

export const STANDARD_OUTPUT: Sink = { write: sayMuch, finish: () => undefined, abandon: () => undefined };

/** A reader finds the old file or the complete new one; an old one is only replaced with `force`. */
export function openFile(file: string, { force }: { force: boolean }): Sink {
  if (!force && existsSync(file)) throw alreadyThere(file);
  sweep(file);
  const aside = `${file}.${process.pid}.part`;
  const descriptor = attempt(file, () => openSync(aside, "w"));
  return {
    write: (text) => attempt(file, () => writeFileSync(descriptor, text)),
    finish: () =>
      attempt(file, () => {
        fsyncSync(descriptor);
        closeSync(descriptor);
        if (force) renameSync(aside, file);
        else renameUnlessThere(aside, file);
        syncFolder(dirname(file));
      }),
    abandon: () => rmSync(aside, { force: true }),
  };
}

/** An export writes constantly; a draft unchanged for this long, without a process here, is from one that was killed. */
const SILENT_MS = 60_000;

/** Removes the drafts of killed exports of this file: nothing else would. */
function sweep(file: string): void {
  const begin = `${basename(file)}.`;
  try {
    for (const name of readdirSync(dirname(file))) {
      const [, pid] = /^(\d+)\.part$/.exec(name.startsWith(begin) ? name.slice(begin.length) : "") ?? [];
      if (pid === undefined || isRunning(Number(pid))) continue;
      const left = join(dirname(file), name);
      if (clock.now() - statSync(left).mtimeMs > SILENT_MS) rmSync(left, { force: true });
    }
  } catch {
    // The folder may be writable but not readable: then drafts stay.
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}

/** A link, unlike a rename, never replaces another file. Without links, a check before has to suffice. */
function renameUnlessThere(from: string, to: string): void {
  try {
    linkSync(from, to);
    rmSync(from);
  } catch (error) {
    if (codeOf(error) === "EEXIST" || existsSync(to)) throw alreadyThere(to);
    renameSync(from, to);
  }
}

function alreadyThere(file: string): HidbError {
  return new HidbError({
    code: "FILE_UNWRITABLE",
    message: `expected --out to name a file that is not there yet, got ${file}`,
    fix: "give another name, or add --force to replace it",
  });
}

function attempt<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof HidbError) throw cause;
    throw new HidbError({
      code: "FILE_UNWRITABLE",
      message: `expected to write ${file}, got ${messageOf(cause)}`,
      fix: "give another --out, or free some space and give this user write permission there",
      cause,
    });
  }
}
