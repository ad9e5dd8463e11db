// Brokers in processes of their own on one file, as PM2 runs them; one of them is killed.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.js";
import { migrate } from "../../src/database/migrate.js";
import { openSqlite } from "../../src/database/sqlite.js";
import { DatabaseQueueStore } from "../../src/workerd/broker/database-store.js";
import { MIGRATIONS } from "../claim/world.js";

const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Told {
  pid: number;
  given?: { body: unknown; attempts: number }[];
  done?: unknown[];
  log?: string;
}

describe("brokers of several processes on one file", () => {
  async function setupProcesses(count: number, { busyMs, leaseMs }: { busyMs: number; leaseMs: number }) {
    const folder = mkdtempSync(join(tmpdir(), "hidb-broker-"));
    ends.push(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "hidb.sqlite");
    const database = await openSqlite(file, { clock: systemClock, create: true });
    ends.push(() => database.close());
    await migrate(database, { folder: MIGRATIONS, withCatalogue: true });
    const store = new DatabaseQueueStore(database);
    const told: Told[] = [];
    const children: ChildProcess[] = Array.from({ length: count }, () => {
      const args = [file, String(busyMs), String(leaseMs)];
      const child = fork(join(import.meta.dirname, "broker-child.ts"), args, { execArgv: [] });
      child.on("message", (message: Told) => told.push(message));
      ends.push(() => child.kill("SIGKILL"));
      return child;
    });
    let sent = 0;
    const send = (bodies: number[]) => {
      const messages = bodies.map((body) => ({
        ...{ id: `${String(sent++).padStart(32, "0")}`, contentType: "json" as const, body: `${body}`, delayMs: 0 },
      }));
      return store.put("q", messages, systemClock.now());
    };
    return { store, told, children, send };
  }

  async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 1000 && !(await condition()); tries++) await systemClock.sleep(10);
    expect(await condition()).toBe(true);
  }

  it("never take the same message twice while they live, longer than the lease even", async () => {
    const { store, told, children, send } = await setupProcesses(3, { busyMs: 250, leaseMs: 200 });
    const bodies = Array.from({ length: 60 }, (_, index) => index);
    for (let at = 0; at < 60; at += 20) await send(bodies.slice(at, at + 20));
    await until(async () => (await store.count("q")) === 0);
    const given = told.flatMap((message) => message.given ?? []);
    expect(given.map(({ body }) => body as number).sort((a, b) => a - b)).toEqual(bodies);
    expect(given.every(({ attempts }) => attempts === 1)).toBe(true);
    expect(new Set(told.map(({ pid }) => pid)).size).toBe(3);
    expect(told.filter(({ log }) => log !== undefined)).toEqual([]);
    for (const child of children) child.send("drain");
    for (const child of children) if (child.exitCode === null) await once(child, "exit");
  });

  it("deliver again what a killed one had in hand, and lose nothing", async () => {
    const { store, told, children, send } = await setupProcesses(2, { busyMs: 100, leaseMs: 600 });
    const bodies = Array.from({ length: 40 }, (_, index) => index);
    await send(bodies);
    const [victim] = children;
    await until(() => told.filter(({ pid, given }) => pid === victim?.pid && given !== undefined).length === 2);
    victim?.kill("SIGKILL");
    await until(async () => (await store.count("q")) === 0);
    const done = new Set(told.flatMap((message) => message.done ?? []));
    expect(done.size).toBe(40);
    const given = told.flatMap((message) => message.given ?? []);
    const again = given.filter(({ attempts }) => attempts > 1);
    expect(again.length).toBe(5);
    expect(given.length).toBe(45);
  });
});
