import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeDatabase, makeFile } from "../catalogue/world.js";
import { HIDB, runProgram, setup } from "./world.js";

const LIST =
  'id,source,title,duration_s\n-5,http://x/a.mp4,"A, the first",10\n7,http://x/b.mp4,,\n8,http://x/c.mp4,C,1\n';

/** A Node that is too old, where the machine has one. */
const OLD_NODE = ["/usr/bin/node", "/usr/local/bin/node"].find((file) => {
  if (!existsSync(file)) return false;
  const version = execFileSync(file, ["--version"], { encoding: "utf8" });
  return Number(/^v(\d+)/.exec(version)?.[1]) < 22;
});

async function setupVideos() {
  const world = setup();
  await world.run(["add", "-"], { stdin: LIST });
  return world;
}

describe("hidb add", () => {
  it("takes a folder, and a second time finds everything known", async () => {
    const { folder, run } = setup();
    for (const name of ["a b.mp4", "-c.mkv", "deep/'quoted' [x].webm", "notes.txt"])
      makeFile(folder, join("films", name));
    expect(await run(["add", "films"])).toEqual({ code: 0, stdout: "3 new, 0 known, 0 refused\n", stderr: "" });
    expect(await run(["add", "films"])).toEqual({ code: 0, stdout: "0 new, 3 known, 0 refused\n", stderr: "" });
  });

  it("names refused rows on stderr and takes the others, unless it is strict", async () => {
    const { file, run } = setup();
    const stdin = "source,duration_s\nhttp://x/a,1\n,2\n";
    const strict = await run(["add", "-", "--strict"], { stdin });
    expect(strict).toMatchObject({ code: 2, stdout: "" });
    expect(strict.stderr).toMatch(
      /^refused line 3: expected a source, got none\nerror: expected every row.*\nfix: {3}/,
    );
    const relaxed = await run(["add", "-"], { stdin });
    expect(relaxed).toMatchObject({ code: 0, stdout: "1 new, 0 known, 1 refused\n" });
    expect(existsSync(file)).toBe(true);
  });

  it("touches nothing when the list cannot be read, or when it is only tried", async () => {
    const { file, run } = setup();
    const broken = await run(["add", "-"], { stdin: '[{"source": ]' });
    expect(broken.code).toBe(2);
    expect(broken.stderr).toMatch(
      /^error: expected a JSON array of videos in line 1 of standard input.*\nfix: {3}.*\n$/,
    );
    const tried = await run(["add", "-", "--dry-run"], { stdin: LIST });
    expect(tried.stdout).toBe("would take 3 videos: 3 new, 0 known, 0 refused\n");
    expect(existsSync(file)).toBe(false);
  });

  it("keeps away from a table that is somebody else's", async () => {
    const { run, file } = setup();
    const answer = await run(["add", "-"], { stdin: LIST, env: { HIDB_CATALOGUE_TABLE: "films" } });
    expect(answer.code).toBe(2);
    expect(answer.stderr).toContain("insert the rows into films yourself");
    expect(existsSync(file)).toBe(false);
  });
});

describe("reading", () => {
  it("answers status, show, list and verify in fixed forms", async () => {
    const { run, json } = await setupVideos();
    expect(await json("status")).toEqual({
      counts: { total: 3, pending: 3, running: 0, completed: 0, failed: 0, quarantined: 0, cancelled: 0 },
      instances: [],
      rate: null,
      eta: null,
      paused: false,
      reason: null,
      until: null,
      hold: null,
      draining: false,
      halted: false,
    });
    expect(await json("show", "-5")).toMatchObject({
      video: { id: -5, source: "http://x/a.mp4", title: "A, the first", durationS: 10 },
      state: "pending",
      attempt: 0,
      deaths: 0,
      output: null,
      attempts: [],
    });
    expect(await json("verify")).toEqual({ ok: true, videos: 3, problems: [], toReclaim: 0 });
    const { stdout } = await run(["list", "--json"]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).id)).toEqual([-5, 7, 8]);
    expect(Object.keys(JSON.parse(lines[0] as string))).toEqual(
      "id source title state attempt error output".split(" "),
    );
  });

  it("shows people a plain table and the next command to type", async () => {
    const { run } = await setupVideos();
    const { stdout } = await run(["status"]);
    expect(stdout).toMatch(/^3 videos, 0\.0 % done {2}.*hidb\.sqlite\n {2}pending +3\n/);
    expect(stdout).toContain("no instance is live");
    expect(stdout).toMatch(/next: hidb start\n$/);
    expect((await run(["show", "--", "-5"])).stdout).toMatch(/^video -5\n {2}source +http:\/\/x\/a\.mp4\n/);
  });

  it("says where a database is missing, and that an unprepared one needs its tables", async () => {
    const { run, file } = setup();
    for (const command of [
      ["status"],
      ["list"],
      ["verify"],
      ["export"],
      ["show", "1"],
      ["retry", "--failed"],
      ["pause"],
    ]) {
      const answer = await run(command);
      expect(answer.code).toBe(5);
      expect(answer.stderr).toMatch(/^error: expected a database at .*, found nothing\nfix: {3}.*\n$/);
    }
    writeFileSync(file, "");
    const unprepared = await run(["status"]);
    expect(unprepared.code).toBe(5);
    expect(unprepared.stderr).toContain("hidb migrate");
    writeFileSync(file, "this is no database, however long it is".repeat(100));
    expect((await run(["status"])).stderr).toMatch(/^error: expected a SQLite database/);
  });

  it("ends quietly when nobody reads on", async () => {
    const { file, folder } = setup();
    const database = await makeDatabase(file);
    const ids = JSON.stringify(Array.from({ length: 50_000 }, (_, at) => at));
    await database.prepare("INSERT INTO hidb_videos (video_id) SELECT value FROM json_each(?)").bind(ids).run();
    const script = `"${process.execPath}" "${HIDB}" list | head -n 2`;
    const answer = await runProgram("sh", ["-c", script], { cwd: folder, stdin: "", env: { HIDB_SQLITE_FILE: file } });
    expect(answer).toMatchObject({ code: 0, stderr: "" });
    expect(answer.stdout.split("\n")).toHaveLength(3);
  });
});

describe("changing", () => {
  it("cancels, brings back, pauses and resumes, and says how many", async () => {
    const { run, json } = await setupVideos();
    expect((await run(["cancel", "7", "-5", "--dry-run"])).stdout).toBe("2 videos would be cancelled\n");
    expect((await run(["cancel", "7", "-5"])).stdout).toBe("2 videos are cancelled\n");
    expect(await run(["cancel", "7", "8"])).toEqual({
      code: 0,
      stdout: "1 video is cancelled\n",
      stderr: "left as it is: 1 video (1 cancelled)\n",
    });
    expect((await run(["retry", "--cancelled"])).stdout).toBe("3 videos are pending again\n");
    expect((await run(["pause"])).stdout).toBe("the pool is paused now\n");
    expect((await run(["pause"])).stdout).toBe("the pool is paused already\n");
    expect(await json("status")).toMatchObject({ paused: true, counts: { pending: 3, cancelled: 0 } });
    expect((await run(["resume"])).stdout).toBe("the pool is not paused now\n");
  });

  it("retries what failed, and completed videos only on demand", async () => {
    const { run, json, file } = await setupVideos();
    const database = await makeDatabase(file);
    await database
      .prepare("UPDATE hidb_videos SET state = 'failed', attempt = 3, deaths = 1, finished_at = 1 WHERE video_id = 7")
      .run();
    await database
      .prepare(
        "UPDATE hidb_videos SET state = 'completed', attempt = 1, finished_at = 1, output = '{}' WHERE video_id = 8",
      )
      .run();
    await database
      .prepare(
        "UPDATE hidb_videos SET state = 'running', attempt = 1, instance = 'a', claimed_at = 1 WHERE video_id = -5",
      )
      .run();
    expect(await run(["retry", "7", "8", "-5"])).toEqual({
      code: 0,
      stdout: "1 video is pending again\n",
      stderr: "left as it is: 2 videos (1 running, 1 completed)\n",
    });
    expect(await json("show", "7")).toMatchObject({ state: "pending", attempt: 0, deaths: 0, finishedAt: null });
    expect((await run(["retry", "8", "--completed"])).stdout).toBe("1 video is pending again\n");
    expect(await json("show", "8")).toMatchObject({ state: "pending", output: null });
    expect((await run(["cancel", "-5"])).stdout).toBe("1 video is cancelled\n");
    expect((await run(["verify"])).code).toBe(0);
  });

  it("changes nothing when one of the ids is unknown", async () => {
    const { run, json } = await setupVideos();
    const answer = await run(["cancel", "7", "99"]);
    expect(answer).toMatchObject({ code: 2, stdout: "" });
    expect(answer.stderr).toMatch(/^error: expected the id of a video, got 99/);
    expect(await json("status")).toMatchObject({ counts: { cancelled: 0 } });
  });

  it("notes in the journal what a person has done", async () => {
    const { run, folder } = await setupVideos();
    const env = { HIDB_JOURNAL: join(folder, "journal.ndjson") };
    await run(["cancel", "7"], { env });
    await run(["retry", "7"], { env });
    const lines = readFileSync(env.HIDB_JOURNAL, "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { event: "cancel", video: 7 },
      { event: "retry", video: 7 },
    ]);
    expect((await run(["verify"], { env })).stdout).toBe("ok: 3 videos and the journal accounted for\n");
  });

  it("migrates on demand, and says what it would do", async () => {
    const { run, file } = setup();
    const names =
      "0001_hidb_pool.sql,0002_hidb_catalogue.sql,0003_hidb_d1.sql,0004_hidb_queues.sql,0005_hidb_usage.sql,0006_hidb_batches.sql,0008_hidb_memory.sql,0009_hidb_lease.sql".split(
        ",",
      );
    expect((await run(["migrate", "--dry-run"])).stdout).toBe(names.map((name) => `pending: ${name}\n`).join(""));
    expect(existsSync(file)).toBe(false);
    expect((await run(["migrate"])).stdout).toBe(names.map((name) => `applied: ${name}\n`).join(""));
    expect((await run(["migrate"])).stdout).toBe("nothing to do: every migration is applied\n");
  });
});

describe("hidb verify", () => {
  it("exits with 1 and names what is wrong", async () => {
    const { run, file, json } = await setupVideos();
    const database = await makeDatabase(file);
    await database.prepare("DELETE FROM videos WHERE id = 7").run();
    expect(await run(["verify"])).toMatchObject({
      code: 1,
      stdout: "video 7 is pending but no longer in videos\n1 problem with 3 videos\n",
    });
    expect(await json("verify")).toMatchObject({ ok: false, problems: [{ rule: "catalogue.surplus", video: 7 }] });
  });

  it("takes in rows that somebody has just inserted", async () => {
    const { run, file } = await setupVideos();
    const database = await makeDatabase(file);
    await database.prepare("INSERT INTO videos (source) VALUES ('http://x/new.mp4')").run();
    expect((await run(["verify"])).stdout).toBe("ok: 4 videos accounted for\n");
  });
});

describe("hidb export", () => {
  it("writes NDJSON, JSON and CSV to a file, in whole or not at all", async () => {
    const { run, folder } = await setupVideos();
    for (const format of ["ndjson", "json", "csv"]) {
      const answer = await run(["export", "--format", format, "--out", `out.${format}`]);
      expect(answer).toEqual({ code: 0, stdout: "", stderr: `3 videos written to out.${format}\n` });
    }
    const read = (name: string) => readFileSync(join(folder, name), "utf8");
    expect(JSON.parse(read("out.json"))).toHaveLength(3);
    expect(
      read("out.ndjson")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual(JSON.parse(read("out.json")));
    expect(read("out.csv").split("\r\n")[1]).toBe('-5,http://x/a.mp4,"A, the first",pending,0,,');
    expect((await run(["export", "--out", "nowhere/out.json"])).code).toBe(3);
    expect(readdirSync(folder).filter((name) => name.includes(".part"))).toEqual([]);
  });

  it("of an empty catalogue is an empty document", async () => {
    const { run } = setup();
    await run(["migrate"]);
    expect(JSON.parse((await run(["export", "--format", "json"])).stdout)).toEqual([]);
    expect((await run(["export"])).stdout).toBe("");
  });
});

describe("the command line", () => {
  it("guesses what was meant, and exits with 2", async () => {
    const { run } = setup();
    const cases: [string[], RegExp][] = [
      [["stauts"], /unknown command 'stauts'\nfix: {3}did you mean status\?/],
      [["list", "--jsn"], /unknown option '--jsn'\nfix: {3}did you mean --json\?/],
      [["show", "seven"], /Expected the id of a video/],
      [["list", "--state", "done"], /Expected states out of pending, running/],
      [["retry"], /expected ids or states, got neither/],
      [["add"], /missing required argument 'what'/],
    ];
    for (const [args, message] of cases) {
      const answer = await run(args);
      expect(answer).toMatchObject({ code: 2, stdout: "" });
      expect(answer.stderr).toMatch(/^error: /);
      expect(answer.stderr).toMatch(message);
    }
  });

  it("refuses settings that it does not know", async () => {
    const { run } = setup();
    const answer = await run(["status"], { env: { HIDB_SQLITE_FIEL: "x" } });
    expect(answer.code).toBe(2);
    expect(answer.stderr).toContain("did you mean HIDB_SQLITE_FILE?");
  });

  it("helps with examples for each command", async () => {
    const { run } = setup();
    const commands = "add status list show retry cancel pause resume verify export migrate".split(" ");
    const { stdout } = await run(["--help"]);
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^ {2}${command} `, "m"));
    const answers = await Promise.all(commands.map((command) => run([command, "--help"])));
    for (const answer of answers) {
      expect(answer.code).toBe(0);
      expect(answer.stdout).toMatch(/Examples:\n {2}\$ hidb /);
    }
  });

  it.runIf(OLD_NODE !== undefined)(
    "says in one clear line that Node is too old, before anything native is loaded",
    async () => {
      const answer = await runProgram(OLD_NODE as string, [HIDB, "status"], { cwd: "/", stdin: "", env: {} });
      expect(answer).toMatchObject({ code: 3, stdout: "" });
      expect(answer.stderr).toMatch(/^error: expected Node 22\.13 or newer, got .*\nfix: {3}.*\n$/);
    },
  );

  it("takes --sqlite-file before and after the command", async () => {
    const { run, folder } = setup();
    await run(["--sqlite-file", "other.sqlite", "migrate"]);
    expect(existsSync(join(folder, "other.sqlite"))).toBe(true);
    expect((await run(["status", "--sqlite-file", "other.sqlite"])).code).toBe(0);
  });
});
