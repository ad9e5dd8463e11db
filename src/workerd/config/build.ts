// Builds a Worker from its sources with the user's own wrangler, and keeps the build until a source changes. Several
// instances start at the same time: one builds, the others wait for it.
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { basename, extname, join } from "node:path";
import type { Clock } from "../../clock.js";
import type { WranglerConfig } from "../../database/wrangler/read.js";
import { codeOf, messageOf } from "../../errors.js";
import { native } from "../native.js";
import { workerBroken } from "./error.js";
import { type BuildRecord, findInputs, isFresh, readRecord, writeRecord } from "./freshness.js";
import { runWrangler, type Wrangler } from "./wrangler.js";

export interface BuildRequest {
  config: WranglerConfig;
  /** The entry in the sources, absolute. */
  main: string;
  /** For a config without one. */
  compatibilityDate: string;
  /** What the build depends on cannot be known from its output: always build. */
  unsure: boolean;
  environment: NodeJS.ProcessEnv;
  clock: Clock;
}

export interface Build {
  entry: string;
  root: string;
}

export function wranglerMissing({ main, config }: Pick<BuildRequest, "main" | "config">, why: string): Error {
  const folder = config.projectFolder;
  return workerBroken({
    expected: `wrangler in ${folder}, to build ${basename(main)} (${why})`,
    got: "none",
    fix: `\`npm i -D wrangler\` in ${folder}, or build it and name dist/index.js`,
  });
}

/** Errors: WORKER_BROKEN, with the first lines of wrangler's own. */
export async function buildWorker(request: BuildRequest, wrangler: Wrangler): Promise<Build> {
  const { config, main, clock } = request;
  const home = join(config.projectFolder, ".wrangler", "hidb");
  makeHome(home);
  const key = hash(`${config.file}\n${config.env ?? ""}\n${main}`);
  const record = join(home, `${key}.json`);
  const started = clock.now();
  const lock = join(home, `${key}.lock`);
  for (;;) {
    const last = readRecord(record);
    // What another instance has built since we came is new enough, even where nothing tells what it was built from.
    if (last !== undefined && isFresh(last) && (!last.unsure || last.builtAt >= started)) return buildOf(home, last);
    if (takeLock(lock, clock)) break;
    await clock.sleep(50);
  }
  try {
    const made = await makeBuild({ ...request, home, key }, wrangler);
    writeRecord(record, made);
    return buildOf(home, made);
  } finally {
    rmSync(lock, { force: true });
  }
}

function makeHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true });
  } catch (cause) {
    throw workerBroken({
      expected: `to keep the build in ${home}`,
      got: messageOf(cause),
      fix: "make that folder writable, or build it yourself and name dist/index.js",
      cause,
    });
  }
}

async function makeBuild(
  { home, key, ...request }: BuildRequest & { home: string; key: string },
  wrangler: Wrangler,
): Promise<BuildRecord> {
  const { config, main, clock } = request;
  const builtAt = clock.now();
  const temporary = join(home, `${key}-${clock.uniqueId()}`);
  try {
    await runWrangler(wrangler, { ...request, outdir: temporary });
    const entry = [`${basename(main, extname(main))}.js`, "index.js", basename(main)].find((name) =>
      existsSync(join(temporary, name)),
    );
    if (entry === undefined) {
      throw workerBroken({
        expected: `wrangler to build ${main}`,
        got: "no JavaScript from it",
        fix: `run \`npx wrangler deploy --dry-run --outdir dist\` in ${config.projectFolder}`,
      });
    }
    const { inputs, unsure } = findInputs(temporary, config, main, wrangler);
    // Named by what it holds: a running instance may still be reading the build before.
    const folder = `${key}-${hash(readFileSync(join(temporary, entry), "utf8"))}`;
    // Its name promises what it holds: no later build would replace files that a power cut has emptied.
    syncTree(temporary);
    moveInto(temporary, join(home, folder));
    return { folder, entry, builtAt, inputs, unsure: unsure || request.unsure };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function buildOf(home: string, { folder, entry }: BuildRecord): Build {
  const root = join(home, folder);
  return { entry: join(root, entry), root };
}

function syncTree(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const descriptor = openSync(join(entry.parentPath, entry.name), "r+");
    fsyncSync(descriptor);
    closeSync(descriptor);
  }
}

/** Two builds that hold the same are the same: the one that is there stays. */
function moveInto(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST"].includes(codeOf(error))) throw error;
  }
}

/** No build takes longer: whoever holds a lock for so long has died. */
const LOCK_MS = 120_000;

function takeLock(lock: string, clock: Clock): boolean {
  try {
    writeFileSync(lock, `${native.process.pid} ${hostname()}`, { flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    if (isLeft(lock, clock)) rmSync(lock, { force: true });
    return false;
  }
}

function isLeft(lock: string, clock: Clock): boolean {
  const stats = statSync(lock, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  if (clock.now() - stats.mtimeMs > LOCK_MS) return true;
  const [pid, host] = readLock(lock);
  return host === hostname() && !isAlive(Number(pid));
}

function readLock(lock: string): string[] {
  try {
    return readFileSync(lock, "utf8").split(" ");
  } catch {
    return []; // Given back meanwhile.
  }
}

function isAlive(pid: number): boolean {
  try {
    return native.process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
