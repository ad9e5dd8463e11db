// A copy of the project that may be broken at will: nothing is ever changed in the project itself.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Mutation, mutate } from "./mutation.ts";

export const PROJECT = resolve(import.meta.dirname, "../..");
const COPIED = ["src", "test", "data/migrations", "data/samples", "package.json", "tsconfig.json"];

export class Copy {
  readonly folder = mkdtempSync(join(tmpdir(), "hidb-mutations-"));

  constructor() {
    for (const name of COPIED) cpSync(join(PROJECT, name), join(this.folder, name), { recursive: true });
    // Each package by itself: what tools keep beside them stays in the copy.
    const modules = join(this.folder, "node_modules");
    mkdirSync(modules);
    for (const name of readdirSync(join(PROJECT, "node_modules"))) {
      if (!name.startsWith(".")) symlinkSync(join(PROJECT, "node_modules", name), join(modules, name));
    }
  }

  /** Without one protection, for as long as the work takes. Errors: it no longer fits, or is no TypeScript afterwards. */
  async without<T>(mutation: Mutation, work: () => Promise<T>): Promise<T> {
    const path = join(this.folder, mutation.file);
    const text = readFileSync(path, "utf8");
    const mutated = mutate(text, mutation);
    stripTypeScriptTypes(mutated);
    writeFileSync(path, mutated);
    try {
      return await work();
    } finally {
      writeFileSync(path, text);
    }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
