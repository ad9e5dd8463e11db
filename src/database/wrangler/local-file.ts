// The file in which wrangler keeps a D1 database for local work.
import { createHash, createHmac } from "node:crypto";
import { join, resolve } from "node:path";
import type { WranglerD1Database } from "./keys.js";

const OBJECT = "miniflare-D1DatabaseObject";

interface LocalOptions {
  /** What wrangler was given as `--persist-to`, instead of `.wrangler/state`; relative to the folder it ran in. */
  persistTo?: string | undefined;
}

type Named = Pick<WranglerD1Database, "binding" | "database_id" | "preview_database_id">;

/** Its path, whether there is such a file or not. */
export function localD1File(projectFolder: string, database: Named, { persistTo }: LocalOptions = {}): string {
  const state = persistTo === undefined ? resolve(projectFolder, ".wrangler", "state") : resolve(persistTo);
  const id = database.preview_database_id ?? database.database_id ?? database.binding;
  return join(state, "v3", "d1", OBJECT, `${objectName(id)}.sqlite`);
}

/** A Durable Object's id made of a name: a keyed hash of it, and a keyed hash of that hash as its check. */
function objectName(name: string): string {
  const key = createHash("sha256").update(OBJECT).digest();
  const half = (data: string | Buffer) => createHmac("sha256", key).update(data).digest().subarray(0, 16);
  const hash = half(name);
  return Buffer.concat([hash, half(hash)]).toString("hex");
}
