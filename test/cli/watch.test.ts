// `hidb watch` on a real terminal: util-linux's `script` gives it one, of a size of our choice.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { drawScene } from "../../src/cli/watch/draw.js";
import type { Scene } from "../../src/cli/watch/scene.js";
import { widthOf } from "../../src/cli/watch/text.js";
import type { Overview } from "../../src/report/overview.js";
import { makeFile } from "../catalogue/world.js";
import { HIDB, setup } from "./world.js";

const LIST = "id,source,title\n1,x://1,Cats\n2,x://2,\n3,x://3,\n";

async function setupPool() {
  const world = setup();
  const list = makeFile(world.folder, "list.csv", LIST);
  expect((await world.run(["add", list])).code).toBe(0);
  return world;
}

interface Screen {
  /** All that has been written so far, with the control sequences. */
  raw(): string;
  press(keys: string): void;
  /** Resolves once this has been written after the last key. */
  shows(text: string | RegExp): Promise<void>;
  /** Sends a signal to hidb itself, not to `script`. */
  signal(name: string): void;
  exit: Promise<number | null>;
}

function openScreen(
  { folder, file }: { folder: string; file: string },
  { size = "cols 80 rows 24", env = {} } = {},
): Screen {
  const command = `stty ${size}; echo pid=$$; exec '${process.execPath}' '${HIDB}' watch`;
  const inherited = Object.entries(process.env).filter(([name]) => !/^(HIDB|npm)_|^NO_COLOR$|^FORCE_COLOR$/.test(name));
  const child = spawn("script", ["-qefc", command, "/dev/null"], {
    cwd: folder,
    env: {
      ...Object.fromEntries(inherited),
      TERM: "xterm-256color",
      HIDB_SQLITE_FILE: file,
      HIDB_LOG_DIR: join(folder, "logs"),
      ...env,
    },
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  let raw = "";
  let from = 0;
  child.stdout.on("data", (chunk) => {
    raw += chunk;
  });
  return {
    raw: () => raw,
    press(keys) {
      from = raw.length;
      child.stdin.write(keys);
    },
    async shows(text) {
      for (let look = 0; look < 200; look++) {
        const seen = stripVTControlCharacters(raw.slice(from));
        if (typeof text === "string" ? seen.includes(text) : text.test(seen)) return;
        await delay(50);
      }
      throw new Error(`expected ${text} on the screen, got ${stripVTControlCharacters(raw.slice(from))}`);
    },
    signal(name) {
      process.kill(Number(/pid=(\d+)/.exec(raw)?.[1]), name);
    },
    exit: once(child, "close").then(([code]) => code as number | null),
  };
}

/** The screen of the shell is back, with its cursor, and in that order. */
function expectRestored(raw: string): void {
  expect(raw.split("\u001b[?1049h").length).toBe(2);
  const left = raw.lastIndexOf("\u001b[?1049l");
  expect(left).toBeGreaterThan(raw.lastIndexOf("\u001b[?1049h"));
  expect(raw.lastIndexOf("\u001b[?25h")).toBeGreaterThan(raw.lastIndexOf("\u001b[?25l"));
}

describe("hidb watch on a terminal", () => {
  it("shows the pool, obeys its keys and gives the terminal back", async () => {
    const world = await setupPool();
    const screen = openScreen(world);
    await screen.shows("3 pending  0 running  0 completed  0 failed");
    await screen.shows("no instance is live");
    screen.press("p");
    await screen.shows("paused: nothing new is claimed");
    expect(await world.json("status")).toMatchObject({ paused: true });
    screen.press("p");
    await screen.shows("the pool claims again");
    screen.press("r");
    await screen.shows("no video has failed");
    screen.press("d");
    await screen.shows("id of the video: _");
    screen.press("12\u007f\r");
    await screen.shows("Cats");
    screen.press("l");
    await screen.shows("q quit");
    screen.press("+");
    await screen.shows("no instance lives on this host");
    screen.press("q");
    expect(await screen.exit).toBe(0);
    expectRestored(screen.raw());
  });

  it("tries failed videos again once that is confirmed", async () => {
    const world = await setupPool();
    const { default: BetterSqlite3 } = await import("better-sqlite3");
    const database = new BetterSqlite3(world.file);
    database.exec(`UPDATE hidb_videos SET state = 'failed', attempt = 3, finished_at = 1, error = 'too short' WHERE video_id = 2;
      INSERT INTO hidb_attempts (video_id, attempt, instance, outcome, reason, claimed_at, ended_at) VALUES (2, 3, 'a', 'failed', 'too short', 0, 1)`);
    database.close();
    const screen = openScreen(world);
    await screen.shows(/2 {2}failed {2}too short/);
    screen.press("r");
    await screen.shows("try 1 failed video again from the first attempt? y/n");
    screen.press("n");
    await screen.shows("q quit");
    screen.press("r");
    await screen.shows("y/n");
    screen.press("y");
    await screen.shows("1 video pending again");
    expect((await world.json("status")).counts).toMatchObject({ pending: 3, failed: 0 });
    screen.press("\u0003");
    expect(await screen.exit).toBe(130);
    expectRestored(screen.raw());
  });

  it("gives the terminal back when a signal ends it", async () => {
    const world = await setupPool();
    const screen = openScreen(world, { size: "cols 120 rows 40", env: { NO_COLOR: "1" } });
    await screen.shows("3 pending");
    screen.signal("SIGTERM");
    expect(await screen.exit).toBe(143);
    expectRestored(screen.raw());
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences of colours
    expect(screen.raw()).not.toMatch(/\u001b\[3[0-9]m/);
  });
});

describe("hidb watch without a terminal", () => {
  it("prints a line, or objects for machines, until it is stopped", async () => {
    const world = await setupPool();
    const watch = (...flags: string[]) => {
      const child = spawn(process.execPath, [HIDB, "watch", ...flags], {
        cwd: world.folder,
        env: { ...process.env, HIDB_SQLITE_FILE: world.file },
      });
      onTestFinished(() => {
        child.kill("SIGKILL");
      });
      return child;
    };
    const plain = watch();
    const [line] = (await once(plain.stdout, "data")) as [Buffer];
    expect(line.toString()).toMatch(/^\d\d:\d\d:\d\d {2}0 of 3 done {2}0 up {2}0 running\n$/);
    plain.kill("SIGINT");
    expect(await once(plain, "exit")).toEqual([130, null]);

    const json = watch("--json");
    let text = "";
    json.stdout.on("data", (chunk) => {
      text += chunk;
    });
    while (text.split("\n").length < 3) await once(json.stdout, "data");
    json.kill("SIGTERM");
    const [first, second] = text.split("\n").map((one) => (one === "" ? null : (JSON.parse(one) as Overview)));
    expect(first?.counts.pending).toBe(3);
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(900);
  });
});

describe("the screen", () => {
  const NOW = Date.parse("2026-11-24T12:00:00");
  const instance = (rank: number): Overview["instances"][number] => ({
    id: `i${rank}`,
    rank,
    processId: rank,
    pid: 10_000 + rank,
    host: "a-host-with-a-long-name.example.org",
    state: "working",
    inHand: 2,
    completed: 1234,
    failed: 5,
    rssBytes: 64 * 1048576,
    startedAt: NOW - 1000,
    leaseUntil: NOW + 1000,
    heldBack: null,
    restarts: 1,
    held: [
      { videoId: 1042 + rank, attempt: 2, claimedAt: NOW - 700_000, step: "probe" },
      { videoId: 2042 + rank, attempt: 1, claimedAt: NOW - 1000, step: "waiting" },
    ],
  });
  const overview = (instances: number): Overview => ({
    at: NOW,
    countedAt: NOW,
    counts: { total: 2376, pending: 1200, running: 3, completed: 1150, failed: 20, quarantined: 2, cancelled: 1 },
    paused: null,
    hold: null,
    draining: false,
    halted: false,
    rates: { minute: 0.9, quarter: 2.5, run: null },
    eta: { p50: NOW + 3_600_000, p90: NOW + 90_000_000, low: NOW, high: NOW + 99_000_000 },
    medianMs: 200_000,
    memory: { usedBytes: 412 * 1048576, budgetBytes: 987 * 1048576 },
    d1: { requests: 3400, requestsRecent: 120, rowsRead: 1, rowsWritten: 1, dollars: 0.0012 },
    instances: Array.from({ length: instances }, (_, rank) => instance(rank)),
    dead: { instances: 1, inHand: 2 },
    failures: [],
    lastFailures: Array.from({ length: 10 }, (_, at) => ({
      videoId: at,
      state: "failed",
      reason: "das Vidéo 猫\nis too\u001b[31m short".repeat(5),
      at: NOW,
    })),
    over: [],
  });
  const scene = (instances: number): Scene => ({
    now: NOW,
    name: "data/hidb.sqlite",
    overview: overview(instances),
    trouble: null,
    isSeldom: true,
    d1Requests: 1000,
    panel: "pool",
    lines: [],
    message: "",
    prompt: null,
  });

  it("fits any terminal exactly, whatever there is to show", () => {
    for (const [columns, rows] of [
      [80, 24],
      [120, 40],
      [40, 10],
      [200, 60],
    ] as const) {
      for (const instances of [0, 3, 64]) {
        const lines = stripVTControlCharacters(drawScene(scene(instances), { columns, rows })).split("\n");
        expect(lines.length).toBe(rows - 1);
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
        expect(lines.at(-1)).toContain("p pause");
      }
    }
  });

  it("has all that matters on 80 columns and 24 lines", () => {
    const text = stripVTControlCharacters(drawScene(scene(3), { columns: 80, rows: 24 }));
    for (const part of [
      "49.4 %  1,173 of 2,376",
      "1,200 pending  3 running  1,150 completed  20 failed  2 quarantined  1 cancelled",
      "54.0/min in 1 min   2.5/s in 15 min   - in the whole run",
      "13:00 (p50)  Wed 13:00 (p90)   in 60 min to 25 h",
      "412 MB of 987 MB",
      "median 200 s a video",
      "120 of 1,000 requests in 5 min",
      "1042 #2 probe 700 s/200 s +1",
      "1 instance died with 2 videos in hand",
      "last failures",
    ]) {
      expect(text).toContain(part);
    }
  });
});
