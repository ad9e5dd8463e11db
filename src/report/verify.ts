// Accounts for every video: each row of the catalogue in exactly one state, each attempt and death where it belongs.
import type { Database } from "../database/database.js";
import type { CatalogueTable, Millis } from "../video.js";
import * as sql from "./statements.js";
import { type IsDead, readInstances } from "./status.js";

export interface Problem {
  /** Which rule is broken, for scripts. */
  rule: string;
  video: number | null;
  /** The same for people. */
  message: string;
}

export interface Verification {
  ok: boolean;
  /** How many videos were accounted for. */
  videos: number;
  problems: Problem[];
  /** Running videos of dead instances: no problem, the next instance to start or beat takes them back. */
  toReclaim: number;
}

export interface VerifyOptions {
  catalogue: CatalogueTable;
  now: Millis;
  isDead: IsDead;
}

interface Finding {
  video?: number;
  detail?: unknown;
}

interface Rule {
  name: string;
  statement: string;
  say: (finding: Finding) => string;
}

/** So many findings of one rule are named; of the others only the number is. */
const NAMED = 100;

export async function verifyDatabase(database: Database, options: VerifyOptions): Promise<Verification> {
  const problems: Problem[] = [];
  for (const rule of rulesFor(options.catalogue)) {
    const { results } = await database.prepare(rule.statement).all<Finding>();
    problems.push(...toProblems(rule.name, results, rule.say));
  }
  const orphans = await findOrphans(database, options);
  problems.push(...orphans.problems, ...(await checkFile(database)));
  const videos = (await database.prepare(sql.COUNT_VIDEOS).first<number>("total")) ?? 0;
  return { ok: problems.length === 0, videos, problems, toReclaim: orphans.toReclaim };
}

/** How many rows of the catalogue the pool has not met yet. */
export async function countMissing(database: Database, catalogue: CatalogueTable): Promise<number> {
  const { results } = await database.prepare(sql.missingVideos(catalogue)).all();
  return results.length;
}

/** Problems as people want them: the first ones by name, the others as a number. */
export function toProblems(rule: string, findings: Finding[], say: (finding: Finding) => string): Problem[] {
  const problems = findings.slice(0, NAMED).map((finding) => {
    return { rule, video: finding.video ?? null, message: say(finding) };
  });
  const more = findings.length - problems.length;
  if (more > 0) problems.push({ rule, video: null, message: `and ${more} more of this kind (${rule})` });
  return problems;
}

function rulesFor(catalogue: CatalogueTable): Rule[] {
  const { table } = catalogue;
  return [
    {
      name: "catalogue.missing",
      statement: sql.missingVideos(catalogue),
      say: ({ video }) => `video ${video} is in ${table} but has no state`,
    },
    {
      name: "catalogue.id",
      statement: sql.refusedIds(catalogue),
      say: ({ detail }) => `a row of ${table} has the id ${detail}, expected a whole number within +-2^53`,
    },
    {
      name: "catalogue.repeated",
      statement: sql.repeatedIds(catalogue),
      say: ({ video, detail }) => `video ${video} stands ${detail} times in ${table}`,
    },
    {
      name: "catalogue.surplus",
      statement: sql.surplusVideos(catalogue),
      say: ({ video, detail }) => `video ${video} is ${detail} but no longer in ${table}`,
    },
    {
      name: "state.illegal",
      statement: sql.ILLEGAL_STATES,
      say: ({ video, detail }) => `video ${video} has a state, attempt or death count that cannot be (${detail})`,
    },
    {
      name: "state.completed",
      statement: sql.INCOMPLETE_COMPLETIONS,
      say: ({ video, detail }) => `video ${video} is completed without an attempt or an end (${detail})`,
    },
    {
      name: "state.end",
      statement: sql.UNFINISHED_ENDS,
      say: ({ video, detail }) => `video ${video} is ${detail}, which does not fit the time of its end`,
    },
    {
      name: "state.holder",
      statement: sql.UNHELD_RUNNING,
      say: ({ video, detail }) =>
        `video ${video} is held by nobody while it runs, or by somebody while it waits (attempt ${detail})`,
    },
    {
      name: "attempts.count",
      statement: sql.UNACCOUNTED_ATTEMPTS,
      say: ({ video, detail }) => `video ${video} has ${detail}`,
    },
    {
      name: "attempts.stray",
      statement: sql.STRAY_ATTEMPTS,
      say: ({ video, detail }) => `${detail} attempts are recorded of video ${video}, which does not exist`,
    },
  ];
}

/** While others work, a video in the hands of an instance that has left would wait for ever: that is a problem. */
async function findOrphans(
  database: Database,
  { now, isDead }: VerifyOptions,
): Promise<{ problems: Problem[]; toReclaim: number }> {
  const { live, dead } = await readInstances(database, { now, isDead });
  const find = async (deadIds: string[]) => {
    const { results } = await database.prepare(sql.ORPHANED_VIDEOS).bind(JSON.stringify(deadIds)).all<Finding>();
    return results;
  };
  const orphans = await find(dead.map((instance) => instance.id));
  if (live.length === 0) return { problems: [], toReclaim: orphans.length };
  const left = await find([]);
  const say = ({ video, detail }: Finding) => `video ${video} is running in the hands of ${detail}, which has left`;
  return { problems: toProblems("state.orphaned", left, say), toReclaim: orphans.length - left.length };
}

async function checkFile(database: Database): Promise<Problem[]> {
  const rows = await database.prepare(sql.QUICK_CHECK).raw<[string]>();
  const findings = rows.filter(([text]) => text !== "ok").map(([detail]) => ({ detail }));
  return toProblems("database.quick_check", findings, ({ detail }) => `SQLite finds the file damaged: ${detail}`);
}
