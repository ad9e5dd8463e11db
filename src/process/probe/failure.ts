// Why a media file could not be described. Each becomes an outcome, never a crash.
import type { Millis } from "../../video.js";

/** The file is the cause: another attempt would end the same way. */
export class Refusal extends Error {}

/** This reader does not read the file; another one may. */
export class Unreadable extends Refusal {}

/** The access to the file is the cause: another attempt may succeed. */
export class Unreachable extends Error {
  constructor(
    message: string,
    readonly afterMs?: Millis,
  ) {
    super(message);
  }
}

/** This machine is the cause: no video can be read while it lasts, and none is charged for it. */
export class Trouble extends Error {}

const TROUBLE = ["EMFILE", "ENFILE", "ENOMEM", "EAGAIN", "ENOSPC", "EDQUOT"];

const PERMANENT: Record<string, string> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EACCES: "not allowed to read",
  EPERM: "not allowed to read",
  ELOOP: "too many symbolic links",
  ENAMETOOLONG: "the name is too long",
};

/** Sorts an error of the file system; other errors are returned as they are. */
export function fileFailure(error: unknown, path: string): unknown {
  const code = codeOf(error);
  if (code === null) return error;
  const reason = PERMANENT[code];
  if (TROUBLE.includes(code)) return troubleOf(code);
  return reason ? new Refusal(`${reason}: ${path}`) : new Unreachable(`could not read ${path}: ${code}`);
}

/** The trouble that this error code stands for. */
export function troubleOf(code: string): Trouble {
  return new Trouble(`this machine has too few resources to read a file: ${code}`);
}

export function isTrouble(error: unknown): boolean {
  const code = codeOf(error);
  return error instanceof Trouble || (code !== null && TROUBLE.includes(code));
}

export function codeOf(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || !("syscall" in error)) return null;
  return String(error.code);
}
