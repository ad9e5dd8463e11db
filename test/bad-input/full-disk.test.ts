import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { expectRefusal, Place, type Running } from "./world.js";

const VIDEOS = 3000;
const PATIENCE_MS = 120_000;

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => place.end());

/** Takes all the room but this much. */
function leaveRoom(disk: string, bytes: number): string {
  const { bavail, bsize } = statfsSync(disk);
  const ballast = join(disk, "ballast");
  writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - bytes)));
  return ballast;
}

const completedIn = (file: string) =>
  place.query<{ n: number }>("SELECT count(*) AS n FROM hidb_videos WHERE state = 'completed'", file)[0]?.n ?? 0;

async function until(what: string, condition: () => boolean): Promise<void> {
  const giveUp = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > giveUp) throw new Error(`expected ${what} within ${PATIENCE_MS / 1000} s`);
    await delay(20);
  }
}

async function stop({ child, ended }: Running) {
  child.kill("SIGINT");
  return ended;
}

describe("a disk that is full", () => {
  it("refuses a list with one clear line, and takes none of it", async ({ skip }) => {
    const disk = place.mount("2m");
    if (disk === undefined) return skip("mount is not permitted");
    const file = join(disk, "hidb.sqlite");
    await place.fill(10, file);
    leaveRoom(disk, 200_000);
    const list = join(place.folder, "long.csv");
    writeFileSync(list, `source\n${Array.from({ length: 20_000 }, (_, at) => `/other/${at}.mp4\n`).join("")}`);
    const answer = await place.hidb(["add", list], { HIDB_SQLITE_FILE: file });
    expectRefusal(answer, 5, /expected room for the database to grow .*, got SQLITE_FULL/);
    expect(place.query("SELECT count(*) AS n FROM videos", file)).toEqual([{ n: 10 }]);
    expect(place.query("SELECT count(*) AS n FROM hidb_videos", file)).toEqual([{ n: 10 }]);
  });

  it.for([
    ["alone", false],
    ["and its log and journal, too", true],
  ] as const)(
    "under the database %s is waited for: what was settled stays settled, and all is done once there is room",
    async ([, all], { skip }) => {
      const disk = place.mount("12m");
      if (disk === undefined) return skip("mount is not permitted");
      const file = join(disk, "hidb.sqlite");
      await place.fill(VIDEOS, file);
      const ballast = leaveRoom(disk, 300_000);
      const settings = {
        HIDB_SQLITE_FILE: file,
        HIDB_HEARTBEAT_MS: "100",
        HIDB_LOG_DIR: join(all ? disk : place.folder, "logs"),
        HIDB_JOURNAL: join(all ? disk : place.folder, "journal.ndjson"),
      };
      // A journal that ran out of room may lack lines; the database may not.
      const running = place.spawn("entry", [], settings);
      await until(
        "a word about the disk",
        () => running.said.stderr.includes("expected room") || running.child.exitCode !== null,
      );
      expect(running.said.stderr).toMatch(
        /^hidb: .*expected room for the database to grow .*Fix: free some disk space/m,
      );
      expect(running.said.stderr).not.toMatch(/^\s+at /m);
      const settled = completedIn(file);
      expect(settled).toBeLessThan(VIDEOS);
      await delay(300);
      expect(running.child.exitCode).toBeNull();
      rmSync(ballast);
      await until("all to be completed", () => completedIn(file) === VIDEOS);
      expect(await stop(running)).toMatchObject({ code: 0 });
      expect(place.query("SELECT sum(deaths) AS deaths, max(attempt) AS attempt FROM hidb_videos", file)).toEqual([
        { deaths: 0, attempt: 1 },
      ]);
      expect(place.query("SELECT * FROM hidb_attempts", file)).toEqual([]);
      const journal = all ? [] : ["--journal", settings.HIDB_JOURNAL];
      expect(await place.hidb(["verify", ...journal], { HIDB_SQLITE_FILE: file })).toMatchObject({ code: 0 });
    },
  );
});
