// The disk breaks under a pool that works, and is mended: nobody dies, one line is said, and every video ends once.
import { setTimeout as delay } from "node:timers/promises";
import type { Disk } from "./disk.ts";
import { House, type Running, type Settings } from "./house.ts";

export interface Trouble {
  name: string;
  begin(disk: Disk): void;
  /** What is said to a person. */
  says: RegExp;
  settings?: Settings;
  /** The journal lies on the disk, too, and may lack lines. */
  journalToo?: boolean;
}

const FAILS = /^hidb: expected to read and write the database .*Fix: check the disk/m;
const FULL = /^hidb: expected room for the database to grow .*Fix: free some disk space/m;

/** Ways in which a disk breaks. */
export const TROUBLES: Trouble[] = [
  { name: "is full for the database", begin: (disk) => disk.leaveRoom(20_000, "sqlite"), says: FULL },
  {
    name: "is full for the database, its logs and its journal",
    begin: (disk) => disk.leaveRoom(20_000),
    says: FULL,
    journalToo: true,
  },
  {
    name: "fails to write",
    begin: (disk) => disk.fail({ kinds: ["write"], files: "sqlite", nth: 3, error: "EIO" }),
    says: FAILS,
  },
  {
    name: "fails to sync",
    begin: (disk) => disk.fail({ kinds: ["sync"], files: "sqlite", nth: 1, error: "EIO" }),
    says: FAILS,
    settings: { HIDB_SYNCHRONOUS: "full" },
  },
  {
    name: "fails to read and write",
    begin: (disk) => disk.fail({ kinds: ["read", "write", "sync", "truncate"], files: "all", nth: 1, error: "EIO" }),
    says: FAILS,
    journalToo: true,
  },
  { name: "is read-only", begin: (disk) => disk.readOnly(), says: FAILS, journalToo: true },
];

export interface TroubleFigures {
  name: string;
  strict: boolean;
  completedBefore: number;
  /** How many videos could still be settled while it was broken. */
  settledMeanwhile: number;
  /** Lines that the instances said about it. */
  lines: number;
}

const INSTANCES = 2;

export async function breakPool(
  trouble: Trouble,
  { strict = false, videos = 300, brokenMs = 1500 } = {},
): Promise<TroubleFigures> {
  const house = new House();
  try {
    await house.fill(1);
    const settings = {
      ...{ HIDB_REHEARSE_FACTOR: "0.01", HIDB_HEARTBEAT_MS: "100", HIDB_STAGGER_MS: "0", HIDB_GROUP_COUNT: "5" },
      ...{ HIDB_STRICT: strict ? "1" : "0", HIDB_JOURNAL: house.journal, ...trouble.settings },
    };
    const running = Array.from({ length: INSTANCES }, (_, at) =>
      house.instance({ ...settings, NODE_APP_INSTANCE: String(at) }),
    );
    await house.until("all to work", () => running.every(works));
    // Only now, or the first to work would leave nothing on a busy machine.
    await house.fill(videos - 1, 1, "more.csv");
    await house.until("a start", () => house.completed() > 20);
    trouble.begin(house.disk);
    const completedBefore = house.completed();
    await house.until("a word about it", () => running.some(({ said }) => trouble.says.test(said.stderr)));
    await delay(brokenMs);
    for (const one of running) expectAlive(one);
    const settledMeanwhile = house.completed() - completedBefore;
    if (completedBefore + settledMeanwhile === videos) throw new Error("expected something to be left to do");
    house.disk.mend();
    await house.until("all to be completed once the disk is mended", () => house.completed() === videos);
    for (const one of running) expectAlive(one);
    const answers = await Promise.all(running.map((one) => house.stop(one)));
    for (const { code, stderr } of answers) {
      if (code !== 0) throw new Error(`expected exit code 0, got ${code} and ${stderr}`);
      if (/^\s+at /m.test(stderr)) throw new Error(`expected lines for a person, got ${stderr}`);
    }
    await judge(house, trouble);
    const lines = answers.map(({ stderr }) => stderr.split("\n").filter((line) => line !== "").length);
    if (Math.max(...lines) > 4) throw new Error(`expected a line or two, got ${answers[0]?.stderr}`);
    return { name: trouble.name, strict, completedBefore, settledMeanwhile, lines: Math.max(...lines) };
  } catch (error) {
    throw new Error(
      `a disk that ${trouble.name} (strict ${strict}): ${error instanceof Error ? error.message : error}`,
      { cause: error },
    );
  } finally {
    await house.end();
  }
}

function works({ said }: Running): boolean {
  return said.stdout.includes(" works on ");
}

function expectAlive({ child, said }: Running): void {
  if (child.exitCode === null && child.signalCode === null) return;
  throw new Error(`expected the instance to live, it ended with ${child.exitCode ?? child.signalCode}: ${said.stderr}`);
}

/** Each video once, at its first attempt, and nobody's death. */
async function judge(house: House, { journalToo }: Trouble): Promise<void> {
  const [sums] = house.query<object>(
    "SELECT sum(deaths) AS deaths, max(attempt) AS attempt, (SELECT count(*) FROM hidb_attempts) AS failures FROM hidb_videos",
  );
  if (JSON.stringify(sums) !== '{"deaths":0,"attempt":1,"failures":0}') {
    throw new Error(`expected one attempt a video, got ${JSON.stringify(sums)}`);
  }
  const journal = journalToo ? [] : ["--journal", house.journal];
  const { code, stdout, stderr } = await house.hidb(["verify", ...journal]);
  if (code !== 0) throw new Error(`expected hidb verify to be content, got ${stdout}${stderr}`);
}
