import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { HidbError } from "../../src/errors.js";
import { makeKv } from "../../src/workerd/env/kv.js";
import { makeR2 } from "../../src/workerd/env/r2.js";
import { openState, type State } from "../../src/workerd/env/state.js";
import { type Invocation, runInvocation } from "../../src/workerd/invocation.js";
import { Meter } from "../../src/workerd/limits/meter.js";
import { LIMITS_OF } from "../../src/workerd/limits/tables.js";
import type { Realm } from "../../src/workerd/realm.js";
import { ManualClock } from "../claim/world.js";

const realm = { isStarting: () => false } as Realm;
const folders: string[] = [];
const states: State[] = [];
const children: ChildProcess[] = [];

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "hidb-state-"));
  folders.push(folder);
  return folder;
}

function open(folder: string | null): State {
  const state = openState(folder);
  states.push(state);
  return state;
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const state of states.splice(0)) state.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe("a KV namespace", () => {
  it("is there after a restart, and seen at once by everybody who has the folder open", async () => {
    const folder = newFolder();
    const [first, second] = [open(folder), open(folder)];
    await makeKv({ id: "n", realm, state: first }).put("small", "s", { metadata: { a: 1 } });
    await makeKv({ id: "n", realm, state: first }).put("large", "l".repeat(500_000));
    const other = makeKv({ id: "n", realm, state: second });
    expect(await other.get("small")).toBe("s");
    first.close();
    const later = makeKv({ id: "n", realm, state: openAgain(first, folder) });
    expect(await later.getWithMetadata("small")).toEqual({ value: "s", metadata: { a: 1 }, cacheStatus: null });
    expect(((await later.get("large")) as string).length).toBe(500_000);
    await later.delete("large");
    expect(await other.get("large")).toBeNull();
  });

  it("keeps apart from others in the same folder", async () => {
    const state = open(newFolder());
    await makeKv({ id: "one", realm, state }).put("k", "1");
    expect(await makeKv({ id: "other", realm, state }).get("k")).toBeNull();
    expect(await makeKv({ id: "other", realm, state }).list()).toMatchObject({ keys: [] });
  });

  it("forgets an entry at its second of expiry, in lists as well, and frees what it held", async () => {
    const clock = new ManualClock();
    const state = open(null);
    const kv = makeKv({ id: "n", realm, state, clock });
    await kv.put("brief", "b", { expirationTtl: 60 });
    await kv.put("until", "u".repeat(100_000), { expiration: Math.floor(clock.now() / 1000) + 90 });
    await kv.put("ever", "e");
    clock.advance(59_999);
    expect(await kv.get("brief")).toBe("b");
    clock.advance(1);
    expect(await kv.get("brief")).toBeNull();
    expect(await kv.list()).toMatchObject({ keys: [{ name: "ever" }, { name: "until" }], list_complete: true });
    clock.advance(30_000);
    await kv.put("next", "n", { expirationTtl: 60 });
    expect(state.all("SELECT key FROM kv_entries ORDER BY key")).toEqual([{ key: "ever" }, { key: "next" }]);
  });

  it.each([null, "folder"])("gives a stream its bytes to the end though the value was replaced (%s)", async (kind) => {
    const kv = makeKv({ id: "n", realm, state: open(kind === null ? null : newFolder()) });
    await kv.put("k", "old".repeat(100_000));
    const stream = (await kv.get("k", "stream")) as ReadableStream<Uint8Array>;
    await kv.put("k", "new");
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(await new Response(stream).text()).toBe("old".repeat(100_000));
    expect(await kv.get("k")).toBe("new");
  });

  it("keeps nothing of a stream that breaks off", async () => {
    const kv = makeKv({ id: "n", realm, state: open(null) });
    const broken = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(10)),
      pull: (controller) => controller.error(new Error("cut off")),
    });
    await expect(kv.put("k", broken)).rejects.toThrow("cut off");
    expect(await kv.get("k")).toBeNull();
  });

  it("counts each call for the invocation, and refuses those past an enforced limit", async () => {
    const kv = makeKv({ id: "n", realm, state: open(null) });
    const meter = new Meter({ ...LIMITS_OF.free, serviceCalls: 4 }, "enforce");
    await runInvocation({ meter } as Invocation, async () => {
      await kv.put("a", "1");
      await kv.get(["a", "b"]);
      await kv.list();
      await kv.delete("a");
      expect(meter.usage.serviceCalls).toBe(4);
      await expect(kv.get("a")).rejects.toThrow("Too many API requests by single Worker invocation.");
    });
  });

  it("cannot be used at the top level of a module", async () => {
    const kv = makeKv({ id: "n", realm: { isStarting: () => true } as Realm, state: open(null) });
    await expect(kv.get("a")).rejects.toThrow("Disallowed operation called within global scope.");
  });
});

describe("the state of a Worker", () => {
  it("says where it cannot be kept", () => {
    const folder = newFolder();
    writeFileSync(join(folder, "taken"), "");
    let error: unknown;
    try {
      openState(join(folder, "taken"));
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(HidbError);
    expect(error).toMatchObject({ code: "FILE_UNWRITABLE", message: expect.stringContaining(join(folder, "taken")) });
  });

  it("is opened by many processes at once, and holds whole values when they are killed in the middle of writing", async () => {
    const folder = newFolder();
    const writers = ["a", "b", "c", "d"].map((name) => {
      const child = fork(join(import.meta.dirname, "state-child.ts"), [folder, name], { execArgv: [] });
      children.push(child);
      return child;
    });
    await Promise.all(writers.map((child) => until(child, 8)));
    for (const child of writers) child.kill("SIGKILL");
    await Promise.all(writers.map((child) => child.exitCode ?? child.signalCode ?? once(child, "exit")));
    const state = open(folder);
    const kv = makeKv({ id: "shared", realm, state });
    const r2 = makeR2({ bucket: "shared", realm, state });
    const { keys } = (await kv.list()) as { keys: { name: string }[] };
    expect(keys.length).toBe(20);
    for (const { name } of keys) {
      expect(await kv.get(name)).toMatch(/^(.)\1{99999}$/);
      const object = (await r2.get(name)) as unknown as { text(): Promise<string>; etag: string } | null;
      expect(await object?.text()).toMatch(/^(.)\1{199999}$/);
    }
  });
});

/** Resolves when the child has told of so many keys. */
async function until(child: ChildProcess, count: number): Promise<void> {
  for (let told = 0; told < count; told++) await once(child, "message");
}

function openAgain(closed: State, folder: string): State {
  states.splice(states.indexOf(closed), 1);
  return open(folder);
}
