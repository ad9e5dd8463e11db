// The PM2 home of a run: the user's own, or one that only this run uses and that is removed when the run ends.
import { createHash } from "node:crypto";
import { chmodSync, linkSync, lstatSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { identifyProcess, isAlive, type ProcessIdentity } from "../../claim/liveness.js";
import { makeFolder } from "../../disk.js";
import { codeOf, HidbError } from "../../errors.js";

/** A unix socket's path has 107 bytes at most; PM2 adds `/interactor.sock` to its home. */
const LONGEST_PATH = 107;
const LONGEST_HOME = 85;
/** Names the `hidb start` that a home belongs to. */
const OWNER = "hidb-start.json";

/**
 * Where a home of our own may be, the best first: beside the database, or in a folder for temporary files where that path
 * is too long or its file system has no unix sockets. The name carries the database, so that pools of two databases in one
 * folder do not meet.
 */
export function ownHomes(sqliteFile: string, databaseName = resolve(sqliteFile)): string[] {
  const mark = createHash("sha256").update(databaseName).digest("hex").slice(0, 8);
  const elsewhere = [tmpdir(), "/tmp", "/var/tmp", "/dev/shm"].map((folder) =>
    join(resolve(folder), `hidb-pm2-${process.getuid?.() ?? 0}-${mark}`),
  );
  return [...new Set([join(dirname(resolve(sqliteFile)), `.hidb-pm2-${mark}`), ...elsewhere])];
}

export interface ChosenHome {
  home: string;
  /** Why it is none of those before it. */
  refusals: string[];
}

/** The first of these that PM2 can work in, made if need be; one that is there already comes first. Errors: PM2_FAILED. */
export async function chooseHome(homes: string[]): Promise<ChosenHome> {
  const refusals: string[] = [];
  for (const home of [...homes.filter(isThere), ...homes.filter((one) => !isThere(one))]) {
    const refusal = isStrange(home) ? "it is somebody else's, or no folder" : await tryHome(home, LONGEST_HOME);
    if (refusal === undefined) return { home, refusals };
    refusals.push(`${home}: ${refusal}`);
  }
  throw new HidbError({
    code: "PM2_FAILED",
    message: `expected a folder in which PM2 can keep its sockets, got ${refusals.join("; ")}`,
    fix: "set PM2_HOME to a folder of yours with a short path, on a file system that has unix sockets",
  });
}

/** Errors: PM2_FAILED where PM2 would wait for ever for a daemon that cannot start. */
export async function checkHome(home: string): Promise<void> {
  const refusal = await tryHome(home, LONGEST_PATH - "/rpc.sock".length);
  if (refusal === undefined) return;
  throw new HidbError({
    code: "PM2_FAILED",
    message: `expected PM2_HOME to be a folder in which PM2 can keep its sockets, got ${home}: ${refusal}`,
    fix: "unset PM2_HOME, and `hidb start` takes a home of its own; or set it to another folder of yours",
  });
}

/** As `chooseHome` and `checkHome`, and leaves nothing behind; `typed` is somebody's own home. */
export async function previewHomes(typed: string, own: string[]): Promise<{ typed?: HidbError; own?: ChosenHome }> {
  const made = [typed, ...own].filter((home) => !isThere(home));
  try {
    const refused = await checkHome(typed).then(
      () => ({}),
      (error: HidbError) => ({ typed: error }),
    );
    return own.length === 0 ? refused : { ...refused, own: await chooseHome(own) };
  } finally {
    for (const home of made.filter(isThere)) rmdirSync(home);
  }
}

/** Why PM2 cannot work there; a folder made in vain is removed. */
async function tryHome(home: string, longest: number): Promise<string | undefined> {
  const bytes = Buffer.byteLength(home);
  if (bytes > longest) return `its path has ${bytes} bytes, and PM2's sockets allow ${longest}`;
  const wasThere = isThere(home);
  try {
    makeFolder(home, 0o700);
  } catch (error) {
    return describeCode(codeOf(error));
  }
  const code = await tryListen(join(home, `hidb-${process.pid}.sock`));
  if (code === undefined) return undefined;
  if (!wasThere) rmdirSync(home);
  return describeCode(code);
}

function describeCode(code: string): string {
  if (/^(EPERM|EOPNOTSUPP|ENOTSUP)$/.test(code)) return `${code}: its file system has no unix sockets`;
  if (/^(EACCES|EROFS)$/.test(code)) return `${code}: this user may not write there`;
  return /^(EEXIST|ENOTDIR)$/.test(code) ? `${code}: it is no folder` : code;
}

function tryListen(path: string): Promise<string | undefined> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", (error) => done(codeOf(error) || error.message));
    server.listen(path, () => server.close(() => done(undefined)));
  });
}

function isThere(home: string): boolean {
  return lstatSync(home, { throwIfNoEntry: false }) !== undefined;
}

/** Makes the home this run's; false while another `hidb start` that lives has it. */
export function takeHome(home: string): boolean {
  makeFolder(home, 0o700);
  refuseStranger(home);
  chmodSync(home, 0o700);
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
  /** What the daemon has started in cluster mode. */
  instances: number[];
}

/** What PM2 runs in a home: starts that cross can leave it with a second daemon that its own files do not name. */
export function findProcesses(home: string, pm2: string): HomeProcesses {
  const found: HomeProcesses = { daemons: [], commands: [], instances: [] };
  for (const pid of listPids()) {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      if (!environment.includes(`PM2_HOME=${home}`)) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      if (environment.some((one) => one.startsWith("pm2_env="))) found.instances.push(pid);
      else if (/God Daemon|\/pm2\/lib\/Daemon\.js/.test(command)) found.daemons.push(pid);
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
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

function refuseStranger(home: string): void {
  if (!isStrange(home)) return;
  throw new HidbError({
    code: "PM2_FAILED",
    message: `expected ${home} to be a folder of this user's, got somebody else's`,
    fix: "remove it, or set PM2_HOME to a folder of your own",
  });
}

/** Below /tmp another user may have made a folder or a link of that name. */
function isStrange(home: string): boolean {
  const stat = lstatSync(home, { throwIfNoEntry: false });
  return stat !== undefined && !(stat.isDirectory() && stat.uid === (process.getuid?.() ?? stat.uid));
}
