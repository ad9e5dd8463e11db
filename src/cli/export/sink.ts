// Where an export goes: standard output, or a file that appears when it is complete.
import { closeSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { codeOf, HidbError, messageOf } from "../../errors.js";
import { sayMuch } from "../print.js";

export interface Sink {
  write(text: string): Promise<void> | void;
  finish(): void;
  abandon(): void;
}

export const STANDARD_OUTPUT: Sink = { write: sayMuch, finish: () => undefined, abandon: () => undefined };

/** Whoever looks at the file finds the old one or the whole new one; an old one only gives way to `force`. */
export function openFile(file: string, { force }: { force: boolean }): Sink {
  if (!force && existsSync(file)) throw alreadyThere(file);
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
      }),
    abandon: () => rmSync(aside, { force: true }),
  };
}

/** A link, unlike a rename, never takes the place of another file. Where there are no links a look before has to do. */
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
