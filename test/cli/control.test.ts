import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import BetterSqlite3 from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { setup } from "./world.js";

const LIST = "id,source,duration_s\n1,/v/1,1\n2,/v/2,1\n3,/v/3,1\n";

async function setupVideos() {
  const world = setup();
  expect((await world.run(["add", "-"], { stdin: LIST })).code).toBe(0);
  return world;
}

describe("hidb pause", () => {
  it("holds for a time with a reason, and everything says until when", async () => {
    const { run, json } = await setupVideos();
    const before = Date.now();
    const said = await run(["pause", "--for", "30m", "--reason", "backup\u001b[2J"]);
    expect(said.stdout).toMatch(/^the pool is paused now until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n$/);
    const { paused, reason, until } = await json("status");
    expect({ paused, reason }).toEqual({ paused: true, reason: "backup\u001b[2J" });
    expect(until - before).toBeGreaterThan(1_799_000);
    expect(until - before).toBeLessThan(1_900_000);
    const shown = (await run(["status"])).stdout;
    expect(shown).toMatch(/paused \(backup\\u001b\[2J\): nothing new is claimed until \d{4}-.* UTC/);
    expect((await run(["resume"])).stdout).toBe("the pool is not paused now\n");
    expect((await run(["resume"])).stdout).toBe("the pool is not paused already\n");
  });

  it("is over by itself, though nobody was there", async () => {
    const { run, json } = await setupVideos();
    await run(["pause", "--for", "1s"]);
    expect(await json("status")).toMatchObject({ paused: true });
    await delay(1000);
    expect(await json("status")).toMatchObject({ paused: false, until: null });
  });

  it("changes nothing on a dry run, and refuses times that are none", async () => {
    const { run, json } = await setupVideos();
    expect(await json("pause", "--for", "2h", "--dry-run")).toMatchObject({
      paused: true,
      changed: true,
      dryRun: true,
    });
    expect(await json("status")).toMatchObject({ paused: false });
    for (const time of ["soon", "0s", "-5m", "99999d"]) {
      expect((await run(["pause", "--for", time])).code).toBe(2);
    }
  });
});

describe("hidb drain", () => {
  it("waits until nothing is in hand, and holds until a resume", async () => {
    const { run, json } = await setupVideos();
    expect((await run(["drain", "--dry-run"])).stdout).toBe("the pool would be drained\n");
    expect((await run(["drain"])).stdout).toBe("the pool is drained: nothing is in hand until `hidb resume`\n");
    expect(await json("status")).toMatchObject({ paused: false, draining: true });
    expect((await run(["status"])).stdout).toContain("drained: what runs is finished, nothing new is claimed until");
    expect((await run(["resume"])).stdout).toBe("the pool is not drained now\n");
    expect(await json("status")).toMatchObject({ draining: false });
  });

  it("does not wait for ever for what the dead hold, nor for what was asked not to be waited for", async () => {
    const { run, file } = await setupVideos();
    const database = new BetterSqlite3(file);
    database.exec(
      "UPDATE hidb_videos SET state = 'running', instance = 'x', claimed_at = 1, attempt = 1 WHERE video_id = 1",
    );
    database.close();
    expect((await run(["drain", "--no-wait"])).stdout).toContain("the pool drains: 1 video in hand");
    const waited = await run(["drain"]);
    expect(waited.code).toBe(3);
    expect(waited.stderr).toContain("expected instances that finish what is in hand, but none is live");
  });
});

describe("hidb notify", () => {
  it("shows what would be told, and tells it to a URL of which nobody sees the secret", async () => {
    const { run, json } = await setupVideos();
    expect(await json("notify", "--dry-run")).toMatchObject({
      event: "test",
      text: "hidb: a test: 0 completed, 0 failed of 3",
      counts: { total: 3, pending: 3 },
    });
    const told: unknown[] = [];
    const server = createServer((request, response) => {
      request.on("data", (chunk) => told.push(JSON.parse(String(chunk))));
      request.on("end", () => response.writeHead(request.url?.includes("no") ? 403 : 204).end());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const origin = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
    const answer = await run(["notify"], { env: { HIDB_NOTIFY: `${origin}/s3cret` } });
    expect(answer).toEqual({ code: 0, stdout: `${origin} has taken the notice\n`, stderr: "" });
    expect(told).toMatchObject([{ event: "test" }]);
    const refused = await run(["notify"], { env: { HIDB_NOTIFY: `${origin}/s3cret/no` } });
    expect(refused).toEqual({
      code: 1,
      stdout: "",
      stderr: `error: expected ${origin} to take the notice, got status 403\n`,
    });
    server.close();
    const missing = await run(["notify"], { env: { HIDB_NOTIFY: `${join(tmpdir(), "no-such-program")} s3cret` } });
    expect(missing).toMatchObject({ code: 1, stderr: "error: expected no-such-program to start, got ENOENT\n" });
    expect(await run(["notify"])).toMatchObject({ code: 2 });
  });
});

describe("hidb start", () => {
  const settings = {
    HIDB_PROCESSOR: "rehearse",
    HIDB_REHEARSE_FACTOR: "0.05",
    HIDB_REHEARSE_PERMANENT: "1",
    HIDB_HEARTBEAT_MS: "200",
    HIDB_FORCE: "1",
    HIDB_PORT: "0",
    HIDB_INSTANCES: "2",
    HIDB_HALT: "3",
    PM2_DISCRETE_MODE: "true",
    PM2_DISABLE_VERSION_CHECK: "true",
  };

  it("ends with 4 when too many videos have failed, tells it, and goes on after a resume", async () => {
    const { run, json } = setup();
    const rows = Array.from({ length: 60 }, (_, at) => `${at + 1},/v/${at + 1},1`);
    expect((await run(["add", "-"], { stdin: `id,source,duration_s\n${rows.join("\n")}\n` })).code).toBe(0);
    const told: { event: string; reason: string }[] = [];
    const server = createServer((request, response) => {
      request.on("data", (chunk) => told.push(JSON.parse(String(chunk))));
      request.on("end", () => response.end());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const HIDB_NOTIFY = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/`;
    const env = { ...settings, HIDB_NOTIFY };
    const halted = await run(["start"], { env });
    expect(halted).toMatchObject({ code: 4 });
    const reason = /(\d+) of the \1 videos that ended in this run have failed \(HIDB_HALT=3\)/;
    expect(halted.stdout).toMatch(reason);
    expect(told).toMatchObject([{ event: "halted", reason: expect.stringMatching(reason) }]);
    expect(await json("status")).toMatchObject({ paused: true, halted: true, reason: expect.stringMatching(reason) });
    const still = await run(["start"], { env });
    expect(still).toMatchObject({ code: 4, stdout: expect.stringMatching(reason) });
    expect((await run(["resume"])).stdout).toBe("the pool is not paused now\n");
    const rest = await run(["start"], { env: { ...env, HIDB_HALT: "", HIDB_REHEARSE_PERMANENT: "0" } });
    // What failed in the run before is not this run's.
    expect(rest).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/\nin the catalogue: 60 videos: .* failed\n/),
    });
    expect(told.map(({ event }) => event)).toEqual(["halted", "ended"]);
    server.close();
  });
});
