// What statements are called, for the trace: as their rooms name them.
import * as catalogue from "../../src/catalogue/statements.ts";
import * as batches from "../../src/claim/statements/batches.ts";
import * as claim from "../../src/claim/statements/claim.ts";
import * as membership from "../../src/claim/statements/membership.ts";
import * as reclaim from "../../src/claim/statements/reclaim.ts";
import * as report from "../../src/report/statements.ts";
import * as settle from "../../src/settle/statements.ts";

const names = new Map<string, string>();
for (const room of [report, catalogue, batches, claim, membership, reclaim, settle]) {
  for (const [name, text] of Object.entries(room)) if (typeof text === "string") names.set(text, name);
}

export function nameStatement(sql: string): string {
  let name = names.get(sql);
  if (name === undefined) {
    name = nameByText(sql);
    names.set(sql, name);
  }
  return name;
}

function nameByText(sql: string): string {
  if (/^\s*WITH pool AS/.test(sql)) {
    if (sql.includes("deaths > 0")) return "CLAIM suspects";
    if (sql.includes("video_id % ?")) return "CLAIM modulo";
    if (sql.includes("+video_id >= ?")) return "CLAIM batch";
    return sql.includes("min(video_id)") ? "CLAIM ranges" : "CLAIM any";
  }
  if (sql.includes("source") && sql.includes("json_each")) return "DESCRIBE";
  return sql.trim().replace(/\s+/g, " ").slice(0, 40);
}
