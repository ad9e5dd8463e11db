// Findings about the database: the file and its disk, the schema, D1, and other pools that work on it.
import type { DatabaseFacts, Facts } from "./facts.js";
import { type Finding, fromError, problem, warning } from "./finding.js";

/** File systems whose locks do not hold across hosts, or that do not share the memory that WAL needs. */
const NETWORK: Record<number, string> = {
  26985: "NFS",
  4283649346: "CIFS",
  4266872130: "SMB2",
  20859: "SMB",
  16914836: "9p",
  1702057286: "FUSE (sshfs and the like)",
  12805120: "Ceph",
  198183888: "Lustre",
  1397113167: "AFS",
};
const LEAST_FREE_BYTES = 500 * 1048576;
const CLOCK_DOUBT_MS = 5000;

export function judgeDatabase(facts: Facts): Finding[] {
  const { config, database } = facts;
  if (database === undefined) return [];
  const findings = config.database === "sqlite" ? judgeFile(database, facts) : judgeD1(database);
  return [...findings, ...judgePool(database, facts)];
}

function judgeFile(database: DatabaseFacts, { config: { sqliteFile } }: Facts): Finding[] {
  const { fileSystem, freeBytes, sizeBytes = 0, journalMode, quickCheck, writable, pending, error } = database;
  const findings: Finding[] = [];
  const network = fileSystem === undefined ? undefined : NETWORK[fileSystem];
  if (network !== undefined) {
    findings.push(
      problem("DATABASE_ON_NETWORK", {
        expected: `${sqliteFile} on a disk of this machine: SQLite's WAL needs shared memory and locks that hold`,
        got: `a ${network} file system`,
        fix: "set HIDB_SQLITE_FILE to a local disk, or use HIDB_DATABASE=d1 for several hosts",
      }),
    );
  }
  if (freeBytes !== undefined && freeBytes < Math.max(LEAST_FREE_BYTES, sizeBytes)) {
    findings.push(
      warning("DISK_LOW", {
        expected: `room for ${Math.ceil(Math.max(LEAST_FREE_BYTES, sizeBytes) / 1048576)} MB beside ${sqliteFile}`,
        got: `${Math.floor(freeBytes / 1048576)} MB`,
        fix: "free some, or set HIDB_SQLITE_FILE to another disk",
      }),
    );
  }
  if (error !== undefined) {
    const codes = { DATABASE_MISSING: "DATABASE_MISSING", DATABASE_CORRUPT: "DATABASE_CORRUPT" } as const;
    const code = error.code in codes ? codes[error.code as keyof typeof codes] : "DATABASE_UNUSABLE";
    const found = fromError(code, error);
    // Before the first start there is none, and that is fine.
    findings.push(code === "DATABASE_MISSING" ? { ...found, severity: "warning" } : found);
    return findings;
  }
  if (writable === false) {
    findings.push(
      problem("DATABASE_READ_ONLY", {
        expected: `${sqliteFile} and its folder to be writable for this user`,
        got: "no permission to write",
        fix: `chmod u+w ${sqliteFile}, or run as its owner`,
      }),
    );
  }
  if (quickCheck !== undefined && quickCheck !== "ok") {
    findings.push(
      problem("DATABASE_CORRUPT", {
        expected: `${sqliteFile} to be whole (PRAGMA quick_check)`,
        got: quickCheck,
        fix: "stop the pool and restore a copy, or `sqlite3 old.sqlite .recover | sqlite3 new.sqlite`",
      }),
    );
  }
  if (journalMode !== undefined && journalMode !== "wal") {
    findings.push(
      warning("DATABASE_NOT_WAL", {
        expected: "the journal mode wal, so that readers and writers do not wait for one another",
        got: journalMode,
        fix: "`hidb migrate` or any start sets it; if it does not stay, the file system cannot share memory",
      }),
    );
  }
  return [...findings, ...judgeSchema(pending)];
}

function judgeSchema(pending: string[] = []): Finding[] {
  if (pending.length === 0) return [];
  return [
    warning("DATABASE_BEHIND", {
      expected: "all of hidb's migrations to be applied",
      got: `${pending.length} missing, ${pending[0]} first`,
      fix: "run `hidb migrate` (`hidb start` does so, too)",
    }),
  ];
}

function judgeD1({ error, aheadMs, pending }: DatabaseFacts): Finding[] {
  if (error !== undefined) {
    if (/placeholder/.test(error.message)) return [fromError("D1_PLACEHOLDER", error)];
    if (error.code === "WRANGLER_CONFIG") return [fromError("WRANGLER_CONFIG", error)];
    return [fromError(error.code === "SETTING_INVALID" ? "D1_UNSET" : "D1_REFUSED", error)];
  }
  const findings = judgeSchema(pending);
  if (aheadMs !== undefined && Math.abs(aheadMs) > CLOCK_DOUBT_MS) {
    findings.push(
      warning("CLOCK_OFF", {
        expected: "this machine's clock to agree with D1's within 5 s",
        got: `${Math.round(Math.abs(aheadMs) / 1000)} s ${aheadMs > 0 ? "behind" : "ahead"}`,
        fix: "switch on time synchronisation: `timedatectl set-ntp true` (leases go by D1's clock all the same)",
      }),
    );
  }
  return findings;
}

function judgeTimes(ahead: DatabaseFacts["ahead"]): Finding[] {
  if (ahead === undefined || ahead.videos + ahead.instances === 0) return [];
  const { videos, instances, furthestMs } = ahead;
  return [
    warning("CLOCK_SET_BACK", {
      expected: "no time in the database to be ahead of this machine's clock",
      got: `${videos} waiting videos and ${instances} instances with times up to ${Math.round(furthestMs / 1000)} s ahead`,
      fix: "see with `date` whether the clock is right now; instances take such waits and leases for over by themselves",
    }),
  ];
}

function judgePool({ live, dead, ahead }: DatabaseFacts, { host, daemons, config }: Facts): Finding[] {
  const findings = judgeTimes(ahead);
  const known = new Set(daemons.flatMap(({ processes }) => processes.map(({ pid }) => pid)));
  const strangers = live.filter((one) => one.host !== host || (daemons.length > 0 && !known.has(one.pid)));
  if (strangers.length > 0) {
    const [first] = strangers;
    const remote = strangers.some((one) => one.host !== host);
    const found = {
      expected: "one pool on this database",
      got: `${strangers.length} instances of another: pid ${first?.pid} on ${first?.host}`,
      fix: remote
        ? "several hosts need HIDB_DATABASE=d1; else stop the pool there"
        : `find it with \`ps -o pid,args\`; another PM2_HOME or user runs it: \`pm2 delete ${config.appName}\` there, or leave it, nothing is done twice`,
    };
    findings.push(remote && config.database === "sqlite" ? problem("OTHER_POOL", found) : warning("OTHER_POOL", found));
  }
  const held = dead.filter(({ inHand }) => inHand > 0);
  if (held.length > 0 && live.length === 0) {
    findings.push(
      warning("INSTANCES_DEAD", {
        expected: "videos in hand to be in the hands of somebody who lives",
        got: `${held.length} instances that died with ${held.reduce((sum, { inHand }) => sum + inHand, 0)} of them`,
        fix: "`hidb start` takes them back",
      }),
    );
  }
  return findings;
}
