// The PM2 home of a run: the user's own, or one of ours that nobody else has to do with and that goes when the run ends.
import { createHash } from "node:crypto";
import { linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { identifyProcess, isAlive, type ProcessIdentity } from "../../claim/liveness.js";
import { HidbError } from "../../errors.js";

/** A unix socket's path has 107 bytes; PM2 adds `/interactor.sock` to its home. */
const LONGEST_HOME = 85;
/** Says which `hidb start` a home of ours belongs to. */
const OWNER = "hidb-start.json";

/** The name carries the database, so that pools of two databases in one folder do not meet. */
export function ownHome(sqliteFile: string, databaseName = resolve(sqliteFile)): string {
  const file = resolve(sqliteFile);
  const mark = createHash("sha256").update(databaseName).digest("hex").slice(0, 8);
  const beside = join(dirname(file), `.hidb-pm2-${mark}`);
  if (Buffer.byteLength(beside) <= LONGEST_HOME) return beside;
  return join(tmpdir(), `hidb-pm2-${process.getuid?.() ?? 0}-${mark}`);
}

/** Makes the home this run's; false while another `hidb start` that lives has it. */
export function takeHome(home: string): boolean {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  refuseStranger(home);
  const file = join(home, OWNER);
  const draft = `${file}.${process.pid}`;
  // A link, so that the file is never there without its content.
  writeFileSync(draft, JSON.stringify(identifyProcess()));
  try {
    while (!tryLink(draft, file)) {
      const owner = readOwner(home);
      if (owner !== undefined && isRunning(owner)) return owner.pid === process.pid;
      rmSync(file, { force: true });
    }
    return true;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Removes a home that this run has taken; any other stays as it is. */
export function removeHome(home: string): void {
  const owner = readOwner(home);
  if (owner?.pid !== process.pid || !isRunning(owner)) return;
  rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}

export interface HomeProcesses {
  daemons: number[];
  /** `pm2` commands under way, as one that a killed run has left behind. */
  commands: number[];
}

/** What PM2 runs in a home: starts that cross can leave it with a second daemon that its own files do not name. */
export function findProcesses(home: string, pm2: string): HomeProcesses {
  const found: HomeProcesses = { daemons: [], commands: [] };
  for (const pid of listPids()) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`PM2_HOME=${home}`)) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      if (/God Daemon|\/pm2\/lib\/Daemon\.js/.test(command)) found.daemons.push(pid);
      else if (/\0(start|delete|kill)\0/.test(command) && command.includes(`\0${pm2}\0`)) found.commands.push(pid);
    } catch {
      // It has ended, or it is somebody else's.
    }
  }
  return found;
}

/** None where there is no /proc (macOS): there PM2's own files have to do. */
function listPids(): number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function isRunning(owner: ProcessIdentity): boolean {
  return owner.boot === identifyProcess().boot && isAlive(owner);
}

function readOwner(home: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(join(home, OWNER), "utf8")) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Below /tmp anybody may have made a folder, or a link, of that name. */
function refuseStranger(home: string): void {
  const stat = lstatSync(home);
  if (stat.isDirectory() && stat.uid === (process.getuid?.() ?? stat.uid)) return;
  throw new HidbError({
    code: "PM2_FAILED",
    message: `expected ${home} to be a folder of this user's, got somebody else's`,
    fix: "remove it, or set PM2_HOME to a folder of your own",
  });
}
