// Workers that found something, kept; the first line says what.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { HostileWorker } from "./grammar.ts";

const FOLDER = join(import.meta.dirname, "regressions");

export interface Kept {
  name: string;
  /** Takes longer than `npm test` has. */
  long: boolean;
  worker: Omit<HostileWorker, "isolation">;
}

export function keptWorkers(): Kept[] {
  return readdirSync(FOLDER).map((name) => {
    const source = readFileSync(join(FOLDER, name), "utf8");
    const [first = ""] = source.split("\n");
    const poison = /^\/\/ (poison|long):/.test(first);
    return {
      name,
      long: first.startsWith("// long:"),
      worker: { names: [name], source, deadly: poison, poison, node: false },
    };
  });
}
