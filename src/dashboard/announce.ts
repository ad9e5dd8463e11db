// What a person who starts the pool is told of its page.
import type { Config } from "../config/settings.js";
import { ensureToken } from "./token.js";

/** Where a browser on this machine finds the page; undefined without a port. */
export function pageUrl({ host, port }: Pick<Config, "host" | "port">): string | undefined {
  if (port === 0) return undefined;
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

/** Which token changes need. It is shown once, when it is made, and only to `toPerson`: not where it is kept as a log. */
export function describeToken(config: Config, { toPerson }: { toPerson: boolean }): string {
  const { value, file, isNew } = ensureToken(config);
  if (file === undefined) return "HIDB_TOKEN";
  return isNew && toPerson ? `the token ${value} (kept in ${file})` : `the token in ${file}`;
}
