// The page under a real PM2: one port for all instances, one for each, and nothing of it in the way of the videos.
import { readFileSync, statSync } from "node:fs";
import { get } from "node:http";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, it } from "vitest";
import { createPool, type TestPool } from "../pm2/pool.js";
import { freePort } from "../support/ports.js";

let pool: TestPool;
let stranger: Server | undefined;
afterEach(async () => {
  stranger?.close();
  stranger = undefined;
  await pool.end();
});

interface Health {
  status: string;
  instance: string;
  processId: number;
}

async function setup(settings: Record<string, string> = {}, videos = 100) {
  const port = await freePort(4);
  pool = await createPool({ videos, videoMs: 60, settings: { HIDB_PORT: String(port), ...settings } });
  const shared = `http://127.0.0.1:${port}`;
  const own = (processId: number) => `http://127.0.0.1:${port + 1 + processId}`;
  const token = () => settings.HIDB_TOKEN ?? readFileSync(join(pool.folder, "token"), "utf8").trim();
  const change = async (path: string, body: unknown) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${token()}` };
    const answer = await fetch(shared + path, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: answer.status, body: await answer.json() };
  };
  return { port, shared, own, token, change };
}

/** On a connection of its own: one that is kept stays with its instance. */
function askAnew(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => text(response).then(resolve, reject)).on("error", reject);
  });
}

const healthOf = async (url: string) => (await (await fetch(`${url}/healthz`)).json()) as Health;

describe("a pool under PM2", () => {
  it("is seen on one port, each instance on its own, and scaled from the page", async () => {
    const { shared, own, token, change } = await setup();
    await pool.start(["-i", "3"]);
    await pool.waitForInstances(3);
    pool.keepBusy();
    for (const processId of [0, 1, 2]) {
      await pool.waitFor(`port of ${processId}`, () =>
        fetch(`${own(processId)}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        ),
      );
      expect(await healthOf(own(processId))).toMatchObject({ status: "ok", processId });
    }
    const answered = new Set<number>();
    for (let n = 0; n < 12; n++) {
      answered.add((JSON.parse(await askAnew(`${shared}/healthz`)) as Health).processId);
      const overview = JSON.parse(await askAnew(`${shared}/api/v1/overview`)) as { instances: unknown[] };
      expect(overview.instances).toHaveLength(3);
    }
    expect([...answered].sort()).toEqual([0, 1, 2]);

    expect(statSync(join(pool.folder, "token")).mode & 0o777).toBe(0o600);
    expect(pool.output()).not.toContain(token());
    expect((await pool.pm2(["jlist"])).stdout).not.toContain(token());

    // Whoever scales may be the very instance that has to go.
    expect(await change("/api/v1/pool/scale", { count: 2 })).toMatchObject({ status: 202, body: { count: 2 } });
    await pool.waitForInstances(2);
    const again = () => change("/api/v1/pool/scale", { count: 3 }).catch(() => ({ status: 0 }));
    await pool.waitFor("the scale to end", async () => (await again()).status === 202);
    await pool.waitForInstances(3);
    await pool.finish();
    expect(pool.spentAttempts()).toBe(0);
    await pool.verify();
  });

  it("answers all through a reload, and is not stopped by a port that somebody else has", async () => {
    const { shared, own, port } = await setup({ HIDB_TOKEN: "a-token-of-my-own-choice" });
    stranger = createServer();
    await new Promise<void>((resolve) => stranger?.listen(port + 2, "127.0.0.1", resolve));
    await pool.start(["-i", "2"]);
    await pool.waitForInstances(2);
    pool.keepBusy();
    await pool.waitForProgress();
    const log = readFileSync(join(pool.folder, "logs", "hidb-1.log"), "utf8");
    expect(log.match(/"msg":"port.taken".*"port":(\d+)/)?.[1]).toBe(String(port + 2));
    let failures = 0;
    let asked = 0;
    const asking = setInterval(() => {
      asked++;
      askAnew(`${shared}/api/v1/overview`).catch(() => {
        failures++;
      });
    }, 20);
    await pool.ok("reload", "hidb");
    clearInterval(asking);
    console.log(`a reload of two: ${asked} requests, ${failures} failed`);
    expect(asked).toBeGreaterThan(10);
    expect(failures).toBe(0);
    expect(await healthOf(own(0))).toMatchObject({ status: "ok", processId: 0 });
    stranger.close();
    await pool.waitFor("the port that became free", () =>
      healthOf(own(1)).then(
        ({ processId }) => processId === 1,
        () => false,
      ),
    );
    expect((await pool.pm2(["jlist"])).stdout).not.toContain("a-token-of-my-own-choice");
    const headers = { "content-type": "application/json", authorization: "Bearer a-token-of-my-own-choice" };
    expect((await fetch(`${shared}/api/v1/pool/resume`, { method: "POST", headers })).status).toBe(200);
    await pool.finish();
    await pool.verify();
  });
});
