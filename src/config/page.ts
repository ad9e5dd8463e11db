// All settings as a page: src/config/README.md, and what `hidb settings` prints.
import type { Setting } from "./setting.js";
import { DATABASE } from "./topics/database.js";
import { POOL } from "./topics/pool.js";
import { PROCESSORS } from "./topics/processors.js";
import { REPORT } from "./topics/report.js";
import { WORKER } from "./topics/worker.js";

const TOPICS: Record<string, Record<string, Setting<unknown>>> = {
  "Database and catalogue": DATABASE,
  Pool: POOL,
  "Logs, page and notices": REPORT,
  Processors: PROCESSORS,
  "The processor `worker`": WORKER,
};

const HEAD = `# Settings

Every setting is an environment variable. A flag of the command comes first, then the environment, then the file \`.env\`
(of the clone, or of the project that has hidb in its \`node_modules\`), then the default. An empty variable counts as unset.
A relative path starts where it was typed: in the folder of the command, or beside \`.env\`. A name that begins with \`HIDB_\`
and is not listed here is refused, and so is a value that is not allowed. The value of a secret is never shown.

This page is printed by \`npx hidb settings\`; \`npx hidb doctor\` checks the settings in force.
`;

/** Markdown. */
export function describeSettings(): string {
  const topics = Object.entries(TOPICS).map(([title, settings]) =>
    [`## ${title}\n`, "| setting | default | allowed | meaning |", "| --- | --- | --- | --- |"]
      .concat(Object.values(settings).map(describeSetting))
      .join("\n"),
  );
  return `${[HEAD, ...topics.map((topic) => `${topic}\n`)].join("\n")}`;
}

function describeSetting({ name, fallback, remoteFallback, expected, help, kind }: Setting<unknown>): string {
  const onD1 = remoteFallback === undefined ? "" : `; on D1 \`${remoteFallback}\``;
  const byDefault = fallback === "" ? "" : `\`${fallback}\`${onD1}`;
  return `| \`${name}\` | ${byDefault} | ${expected}${kind === "secret" ? "; secret" : ""} | ${help} |`;
}
