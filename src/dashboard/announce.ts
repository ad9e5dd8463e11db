// What a person who starts the pool is told of its page: once the token, and to nobody but a person.
import type { Config } from "../config.js";
import { ensureToken } from "./token.js";

/** One line when the token was made just now; else undefined. `toPerson`: it is read on a terminal, not kept as a log. */
export function announcePage(config: Config, { toPerson }: { toPerson: boolean }): string | undefined {
  if (config.port === 0) return undefined;
  const { value, file, isNew } = ensureToken(config);
  if (!isNew) return undefined;
  const token = toPerson ? `the token ${value} (kept in ${file})` : `the token in ${file}`;
  return `http://127.0.0.1:${config.port} shows the pool; changes there need ${token}`;
}
