// What a power cut must not undo: a file's bytes and its name are two things, and each is synced by itself.
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf } from "./errors.js";

/** The names given in this folder are on the disk, too. Where folders cannot be synced (Windows) their names need not be. */
export function syncFolder(folder: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(folder, "r");
  } catch (error) {
    if (codeOf(error) === "ENOENT") throw error;
    return;
  }
  try {
    fsyncSync(descriptor);
  } catch (error) {
    if (!["EINVAL", "ENOTSUP", "EPERM"].includes(codeOf(error))) throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** The file's bytes are on the disk, whoever has written them; nothing to do for one that is not there. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r+").catch((error: unknown) => {
    if (codeOf(error) !== "ENOENT") throw error;
  });
  try {
    await file?.datasync();
  } finally {
    await file?.close();
  }
}

/** As `mkdir -p`. Node's own (24.21) never returns below a folder like /proc, where nothing can be made. */
export function makeFolder(folder: string, mode?: number): void {
  try {
    mkdirSync(folder, mode);
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST" && statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
    const parent = dirname(folder);
    if (code !== "ENOENT" || parent === folder || existsSync(parent)) throw error;
    makeFolder(parent, mode);
    makeFolder(folder, mode);
  }
}
