import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { GetResult } from "../../src/workerd/env/r2/object.js";
import { makeR2 } from "../../src/workerd/env/r2.js";
import { openState, type State } from "../../src/workerd/env/state.js";
import { type Invocation, runInvocation } from "../../src/workerd/invocation.js";
import { Meter } from "../../src/workerd/limits/meter.js";
import { LIMITS_OF } from "../../src/workerd/limits/tables.js";
import type { Realm } from "../../src/workerd/realm.js";

const realm = { isStarting: () => false } as Realm;
const PART = 5 * 1024 * 1024;
const ends: (() => void)[] = [];

function setup(kind: "memory" | "folder" = "folder") {
  const folder = kind === "memory" ? null : mkdtempSync(join(tmpdir(), "hidb-r2-"));
  const open = (): State => {
    const state = openState(folder);
    ends.push(() => state.close());
    return state;
  };
  if (folder !== null) ends.unshift(() => rmSync(folder, { recursive: true, force: true }));
  const state = open();
  return { folder: folder ?? "", state, open, r2: makeR2({ bucket: "b", realm, state }) };
}

afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

/** Files that hold a value, by name. */
function filesOf(folder: string): string[] {
  const values = join(folder, "values");
  if (!existsSync(values)) return [];
  const folders = readdirSync(values).filter((name) => name.length === 2);
  return folders.flatMap((name) => readdirSync(join(values, name)));
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50));
}

async function textOf(object: Promise<unknown>): Promise<string> {
  return ((await object) as GetResult).text();
}

describe("an R2 bucket", () => {
  it("shows an object to everybody who has the folder open, and keeps it over a restart", async () => {
    const { r2, open } = setup();
    const other = makeR2({ bucket: "b", realm, state: open() });
    const put = await r2.put("k", "value", { customMetadata: { a: "1" }, httpMetadata: { cacheExpiry: new Date(5) } });
    const seen = (await other.get("k")) as GetResult;
    expect(seen).toMatchObject({ version: put?.version, customMetadata: { a: "1" }, uploaded: put?.uploaded });
    expect(seen.httpMetadata.cacheExpiry).toEqual(new Date(5));
    expect(await seen.text()).toBe("value");
  });

  it("knows the class of an object, which miniflare does not", async () => {
    const { r2 } = setup("memory");
    expect((await r2.put("k", "x"))?.storageClass).toBe("Standard");
    await r2.put("k", "x", { storageClass: "InfrequentAccess" });
    expect((await r2.head("k"))?.storageClass).toBe("InfrequentAccess");
  });

  it.each(["memory", "folder"] as const)("gives the old bytes to who was given the old object (%s)", async (kind) => {
    const { r2 } = setup(kind);
    await r2.put("k", "old".repeat(100_000));
    const before = (await r2.get("k")) as GetResult;
    await r2.put("k", "new");
    await settled();
    expect(await before.text()).toBe("old".repeat(100_000));
    expect(await textOf(r2.get("k"))).toBe("new");
    await r2.delete("k");
    expect(await r2.head("k")).toBeNull();
  });

  it("leaves no file behind when a put fails, and one when it succeeds", async () => {
    const { r2, folder } = setup();
    await expect(r2.put("k", "hello", { md5: new Uint8Array(16) })).rejects.toThrow("(10037)");
    const broken = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(100_000)),
      pull: (controller) => controller.error(new Error("cut off")),
    });
    await expect(r2.put("k", broken)).rejects.toThrow("cut off");
    expect(await r2.put("k", "x", { onlyIf: { etagMatches: "other" } })).toBeNull();
    await settled();
    expect(filesOf(folder)).toEqual([]);
    expect(readdirSync(join(folder, "values", "new"))).toEqual([]);
    for (const value of ["one", "two", "three"]) await r2.put("k", value);
    await settled();
    expect(filesOf(folder).length).toBe(1);
  });

  it("lets one of many create what must not exist", async () => {
    const { r2, open } = setup();
    const others = [r2, ...[1, 2].map(() => makeR2({ bucket: "b", realm, state: open() }))];
    const tries = Array.from({ length: 30 }, (_, index) =>
      others[index % 3]?.put("k", String(index), { onlyIf: { etagDoesNotMatch: "*" } }),
    );
    const winners = (await Promise.all(tries)).filter((object) => object !== null);
    expect(winners.length).toBe(1);
    expect((await r2.head("k"))?.version).toBe(winners[0]?.version);
  });

  it("reads a range over the border of two parts, and drops parts that are not used", async () => {
    const { r2, folder } = setup();
    const upload = await r2.createMultipartUpload("big");
    const first = await upload.uploadPart(1, new Uint8Array(PART).fill(97));
    const tail = await upload.uploadPart(2, "bcd");
    await upload.uploadPart(3, "never used");
    const object = await upload.complete([first, tail]);
    expect(object.size).toBe(PART + 3);
    expect(await textOf(r2.get("big", { range: { offset: PART - 2, length: 4 } }))).toBe("aabc");
    const all = ((await r2.get("big")) as GetResult).body;
    let size = 0;
    for await (const chunk of all) size += chunk.byteLength;
    expect(size).toBe(PART + 3);
    await settled();
    expect(filesOf(folder).length).toBe(2);
  });

  it("opens no file for an object that is only looked at", async () => {
    const { r2 } = setup();
    await r2.put("k", "x".repeat(100_000));
    const before = readdirSync("/proc/self/fd").length;
    for (let times = 0; times < 50; times++) await r2.get("k");
    expect(readdirSync("/proc/self/fd").length).toBeLessThan(before + 10);
  });

  it("closes the file of a body that is given up", async () => {
    const { r2 } = setup();
    await r2.put("k", "x".repeat(500_000));
    const before = readdirSync("/proc/self/fd").length;
    for (let times = 0; times < 20; times++) {
      const reader = ((await r2.get("k")) as GetResult).body.getReader();
      await reader.read();
      await reader.cancel();
    }
    expect(readdirSync("/proc/self/fd").length).toBeLessThan(before + 5);
  });

  it("lists a thousand keys and more, page by page, each once", async () => {
    const { r2, state } = setup("memory");
    state.atomically(() => {
      for (let index = 0; index < 2500; index++) {
        const key = `k/${String(index).padStart(5, "0")}`;
        const columns = ["b", key, "v", 0, "e", 0, "{}", "{}", "{}", "Standard", "[]"];
        state.run(`INSERT INTO r2_objects VALUES (${columns.map(() => "?").join(",")})`, ...columns);
      }
    });
    const seen: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = (await r2.list({ cursor })) as { objects: { key: string }[]; cursor?: string };
      seen.push(...page.objects.map(({ key }) => key));
      cursor = page.cursor;
      if (cursor === undefined) break;
    }
    expect(seen.length).toBe(2500);
    expect(seen).toEqual([...new Set(seen)].sort());
    expect(await r2.list({ delimiter: "/" })).toMatchObject({
      objects: [],
      delimitedPrefixes: ["k/"],
      truncated: false,
    });
  });

  it("counts each call for the invocation, those of an upload in parts as well", async () => {
    const { r2 } = setup("memory");
    const meter = new Meter(LIMITS_OF.free, "report");
    await runInvocation({ meter } as Invocation, async () => {
      const upload = await r2.createMultipartUpload("k");
      await upload.complete([await upload.uploadPart(1, "x")]);
      await r2.head("k");
    });
    expect(meter.usage.serviceCalls).toBe(4);
  });
});
