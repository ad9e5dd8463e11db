// All recorded Workers, by area. A new area is a file beside this one and a line below; nothing else.
import type { WorkerCase, WorkerCases } from "../case.ts";
import { kv } from "./kv.ts";
import { queues } from "./queues.ts";
import { r2 } from "./r2.ts";

export const AREAS: Record<string, WorkerCases> = {
  kv,
  queues,
  r2,
};

export interface NamedCase {
  area: string;
  name: string;
  worker: WorkerCase;
}

export function listCases(): NamedCase[] {
  return Object.entries(AREAS).flatMap(([area, cases]) =>
    Object.entries(cases).map(([name, worker]) => ({ area, name, worker })),
  );
}
