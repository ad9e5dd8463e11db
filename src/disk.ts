// Durability on disk: the content of a file and its name in a folder are synced separately.
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf } from "./errors.js";

/** Syncs the names in this folder. Where folders cannot be synced (Windows), this is not needed. */
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

/** Syncs the content of the file, whichever process wrote it; does nothing for a missing file. */
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

/** As `mkdir -p`. Node's own (24.21) never returns below a folder like /proc, where no folder can be created. */
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
