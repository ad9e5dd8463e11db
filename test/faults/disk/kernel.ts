// The same troubles made by the kernel: a file system of its own, full, remounted read-only, or failing. For root only.
import { execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { House, type Running, type Settings } from "./house.ts";

/** Until the sync, and for it. */
const WINDOW_MS = 1000;
const SLACK_MS = 500;

export type KernelTrouble = "full" | "read-only";

/** ext4 in a file: unlike tmpfs it can be made read-only under open files, as by an error of the disk. */
class LoopDisk {
  readonly #folder = realpathSync(mkdtempSync(join(tmpdir(), "hidb-loop-")));
  readonly root = join(this.#folder, "mounted");
  readonly #image = join(this.#folder, "image");
  #device = "";

  /** Why there is none, if so. */
  begin(): string | undefined {
    if (process.getuid?.() !== 0) return "only root can mount";
    mkdirSync(this.root);
    execFileSync("truncate", ["--size", "24M", this.#image]);
    const made = spawnSync("mkfs.ext4", ["-q", "-m", "0", "-O", "^has_journal", this.#image], { encoding: "utf8" });
    if (made.status !== 0) return `mkfs.ext4 cannot be had: ${made.error?.message ?? made.stderr}`;
    const mounted = spawnSync("mount", ["-o", "loop,errors=remount-ro", this.#image, this.root], { encoding: "utf8" });
    if (mounted.status !== 0) return `mounting is not permitted: ${mounted.error?.message ?? mounted.stderr}`;
    this.#device = basename(execFileSync("findmnt", ["-no", "SOURCE", this.root], { encoding: "utf8" }).trim());
    return undefined;
  }

  /** Takes all the room but this much. */
  fill(bytes: number): void {
    const ballast = openSync(join(this.root, "ballast"), "w");
    // As far as it goes: a file system keeps some room for itself.
    try {
      for (const block = Buffer.alloc(4096); ; ) writeSync(ballast, block);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    }
    ftruncateSync(ballast, fstatSync(ballast).size - bytes);
    closeSync(ballast);
  }

  /** The kernel's own way when it finds an error in the file system. */
  failReadOnly(): string | undefined {
    const trigger = `/sys/fs/ext4/${this.#device}/trigger_fs_error`;
    if (!existsSync(trigger)) return `there is no ${trigger}`;
    writeFileSync(trigger, "hidb tests what happens then");
    return undefined;
  }

  /** What a person does then: nothing else makes the kernel write to it again. */
  repair(): void {
    execFileSync("umount", [this.root]);
    const { status, stdout } = spawnSync("e2fsck", ["-fy", this.#image], { encoding: "utf8" });
    if (status === null || status > 2)
      throw new Error(`expected e2fsck to mend the file system, got ${status}: ${stdout}`);
    execFileSync("mount", ["-o", "loop,errors=remount-ro", this.#image, this.root]);
  }

  empty(): void {
    rmSync(join(this.root, "ballast"), { force: true });
  }

  end(): void {
    if (this.#device !== "") spawnSync("umount", ["--lazy", this.root]);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Resolves to the figures, or to the reason why it cannot be tried here. */
export async function breakKernelDisk(trouble: KernelTrouble, { videos = 500 } = {}): Promise<object | string> {
  const disk = new LoopDisk();
  let house: House | undefined;
  try {
    const reason = disk.begin();
    if (reason !== undefined) return reason;
    house = new House({ root: join(disk.root, "house") });
    return await work(house, disk, trouble, videos);
  } finally {
    await house?.end();
    disk.end();
  }
}

async function work(house: House, disk: LoopDisk, trouble: KernelTrouble, videos: number): Promise<object | string> {
  await house.fill(videos);
  const settings = {
    HIDB_REHEARSE_FACTOR: "0.01",
    HIDB_HEARTBEAT_MS: "100",
    HIDB_STAGGER_MS: "0",
    HIDB_GROUP_COUNT: "5",
  };
  const running = [0, 1].map((at) => house.instance({ ...settings, NODE_APP_INSTANCE: String(at) }, {}));
  await house.until("a start", () => house.completed() > 20);
  const early = house.completed();
  if (trouble === "read-only") await delay(WINDOW_MS + SLACK_MS);
  if (trouble === "full") disk.fill(20_000);
  else {
    const reason = disk.failReadOnly();
    if (reason !== undefined) return reason;
  }
  const says =
    trouble === "full" ? /expected room for the database to grow/ : /expected to read and write the database/;
  await house.until("a word about it", () => running.some(({ said }) => says.test(said.stderr)));
  // What a person types now ends with one line and the exit code of the table, and so does a new life; nobody is to mend a setting.
  const list = house.list(20_000, 1, "more.csv");
  const [add, life] = await Promise.all([house.hidb(["add", list]), tryLife(house)]);
  expectOneLine("hidb add", add, 5);
  if (life !== undefined) expectOneLine("a new life", life, 1);
  await delay(500);
  for (const one of running) expectAlive(one);
  if (trouble === "full") disk.empty();
  else return afterRepair(house, disk, { running, settings, videos, early });
  await house.until("all to be completed once it is mended", () => house.completed() === videos);
  const answers = await Promise.all(running.map((one) => house.stop(one)));
  for (const { code, stderr } of answers)
    if (code !== 0) throw new Error(`expected exit code 0, got ${code} and ${stderr}`);
  const [sums] = house.query<object>("SELECT sum(deaths) AS deaths, max(attempt) AS attempt FROM hidb_videos");
  if (JSON.stringify(sums) !== '{"deaths":0,"attempt":1}')
    throw new Error(`expected one attempt a video, got ${JSON.stringify(sums)}`);
  const verified = await house.hidb(["verify"]);
  if (verified.code !== 0) throw new Error(`expected hidb verify to be content, got ${verified.stdout}`);
  return {
    trouble,
    add: add.stderr.split("\n")[0],
    life: life?.stderr.split("\n")[0],
    left: readdirSync(house.root).length,
  };
}

interface Broken {
  running: Running[];
  settings: Settings;
  videos: number;
  /** So many were completed before the last second of work: what the kernel has not written since, it never will. */
  early: number;
}

/** They wait, and would wait for ever: a person ends them, repairs the file system, and a new life does the rest. */
async function afterRepair(
  house: House,
  disk: LoopDisk,
  { running, settings, videos, early }: Broken,
): Promise<object> {
  const waited = running.map(({ said }) => said.stderr.split("\n").filter((line) => line !== "").length);
  const completedBefore = house.completed();
  for (const { child } of running) child.kill("SIGKILL");
  for (const { ended } of running) await ended;
  disk.repair();
  const kept = house.completed();
  if (kept < early) throw new Error(`expected ${early} completed videos or more after the repair, got ${kept}`);
  const heir = house.instance(settings, {});
  await house.until("all to be completed after the repair", () => house.completed() === videos);
  await house.stop(heir);
  const verified = await house.hidb(["verify"]);
  if (verified.code !== 0) throw new Error(`expected hidb verify to be content, got ${verified.stdout}`);
  return { trouble: "read-only", early, completedBefore, kept, lines: Math.max(...waited) };
}

/** Undefined for one that could start: a file system that is full for some may have room for a row. */
async function tryLife(house: House) {
  const running = house.instance({ NODE_APP_INSTANCE: "7", HIDB_LOG_DIR: join(tmpdir(), "hidb-no-logs") }, {});
  const ended = await Promise.race([running.ended, delay(4000).then(() => undefined)]);
  if (ended === undefined) running.child.kill("SIGKILL");
  return ended;
}

function expectOneLine(who: string, { code, stderr }: { code: number | null; stderr: string }, wanted: number): void {
  const lines = stderr.split("\n").filter((line) => line !== "");
  const isOne = lines.filter((line) => /^(hidb|error): /.test(line)).length === 1 && !/^\s+at /m.test(stderr);
  if (code !== wanted || !isOne)
    throw new Error(`expected ${who} to end with one line and ${wanted}, got ${code} and ${stderr}`);
}

function expectAlive({ child, said }: Running): void {
  if (child.exitCode === null && child.signalCode === null) return;
  throw new Error(`expected the instance to live, it ended with ${child.exitCode ?? child.signalCode}: ${said.stderr}`);
}
