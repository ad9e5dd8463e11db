// What a recorded case is. Cases run inside a real Worker as well as in Node, so they import nothing but ./tools.ts and types.
import type { D1Database } from "@cloudflare/workers-types";

/** A small program over an empty database; what it gives or throws is compared. */
export type Case = (db: D1Database) => unknown;

/** Cases by name: a sentence about what the database does. */
export type Cases = Record<string, Case>;
