// Where the Cache API keeps things, and what it costs. What it answers is compared with workerd in test/contract/worker.
import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { DiskCacheStore } from "../../src/workerd/env/cache-disk.js";
import { type CacheEntry, type CacheStore, MemoryCacheStore } from "../../src/workerd/env/cache-store.js";
import { installCaches } from "../../src/workerd/globals/caches.js";
import { Response } from "../../src/workerd/globals/response.js";
import { LIMITS_OF } from "../../src/workerd/limits/tables.js";
import { invoke, makeRealm } from "./realm.js";

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "hidb-cache-"));
  folders.push(folder);
  return folder;
}

function entry(bytes: number, expiresAt = 1000): CacheEntry {
  return { status: 200, headers: [["x-a", "ü"]], body: new Uint8Array(bytes).fill(7), expiresAt };
}

async function keysOf(store: CacheStore, keys: string[]): Promise<string[]> {
  const found = await Promise.all(keys.map((key) => store.get(key)));
  return keys.filter((_, at) => found[at] !== null);
}

describe("the cache in memory", () => {
  it("forgets what was used longest ago when it is full", async () => {
    const store = new MemoryCacheStore(() => 0, 10_000);
    for (const key of ["a", "b", "c"]) await store.put(key, entry(2500));
    await store.get("a");
    await store.put("d", entry(2500));
    expect(await keysOf(store, ["a", "b", "c", "d"])).toEqual(["a", "c", "d"]);
  });

  it("does not take what would not leave room for anything else, and drops what that was to replace", async () => {
    const store = new MemoryCacheStore(() => 0, 10_000);
    await store.put("a", entry(10));
    await store.put("a", entry(10_000));
    expect(await store.get("a")).toBeNull();
  });

  it("gives back nothing that has expired", async () => {
    let now = 0;
    const store = new MemoryCacheStore(() => now);
    await store.put("a", entry(10, 100));
    now = 100;
    expect([await store.delete("a"), await store.get("a")]).toEqual([false, null]);
  });
});

describe("the cache on disk", () => {
  it("is shared by those that use its folder, and outlives them", async () => {
    const folder = join(await makeFolder(), "cache");
    await new DiskCacheStore(folder, () => 0).put("a", entry(3));
    const other = new DiskCacheStore(folder, () => 0);
    expect(await other.get("a")).toEqual(entry(3));
    expect([await other.delete("a"), await other.delete("a"), await other.get("a")]).toEqual([true, false, null]);
  });

  it("removes the file of what has expired", async () => {
    const folder = await makeFolder();
    let now = 0;
    const store = new DiskCacheStore(folder, () => now);
    await store.put("a", entry(3, 10));
    now = 10;
    expect([await store.get("a"), await readdir(folder)]).toEqual([null, []]);
  });

  it("stays within its bound, the latest used last to go", async () => {
    const folder = await makeFolder();
    let now = Date.now();
    const store = new DiskCacheStore(folder, () => now, 10_000);
    for (const key of ["a", "b", "c"]) {
      now += 1000;
      await store.put(key, entry(2500, Number.MAX_SAFE_INTEGER));
      await store.get(key);
    }
    now += 1000;
    await store.get("a");
    now += 1000;
    await store.put("d", entry(2500, Number.MAX_SAFE_INTEGER));
    expect(await keysOf(store, ["a", "b", "c", "d"])).toEqual(["a", "c", "d"]);
  });

  it("clears away what a process left half written when it was killed", async () => {
    const folder = await makeFolder();
    const leftOver = join(folder, "dead.tmp");
    await writeFile(leftOver, "half");
    await utimes(leftOver, 1, 1);
    await new DiskCacheStore(folder, () => Date.now()).put("a", entry(3, Number.MAX_SAFE_INTEGER));
    expect(await readdir(folder)).toHaveLength(1);
  });
});

describe("caches", () => {
  const install = async (stateFolder: string | null) => {
    const { realm, target } = makeRealm({ plan: { stateFolder } });
    installCaches(target, realm);
    return target.caches as {
      default: {
        put(url: string, response: Response): Promise<void>;
        match(url: string): Promise<Response | undefined>;
      };
    };
  };
  const fresh = () => new Response("kept", { headers: { "cache-control": "max-age=60" } });

  it("keep things below the state folder if there is one", async () => {
    const folder = await makeFolder();
    const url = "http://cache.test/a";
    await invoke(async () => (await install(folder)).default.put(url, fresh()));
    const { result } = await invoke(async () => (await (await install(folder)).default.match(url))?.text());
    expect(result).toBe("kept");
    expect(await readdir(folder)).toEqual(["cache"]);
  });

  it("count each call, also as a subrequest, and refuse the one too many where limits are enforced", async () => {
    const { default: cache } = await install(null);
    const limits = { ...LIMITS_OF.free, cacheCalls: 2 };
    const { result, invocation } = await invoke(
      async () => {
        await cache.put("http://cache.test/a", fresh());
        await cache.match("http://cache.test/a");
        return cache.match("http://cache.test/a").catch((error: Error) => error.message);
      },
      { limits, mode: "enforce" },
    );
    expect(result).toMatch(/^Too many API requests by single Worker invocation\./);
    expect(invocation.meter.usage).toMatchObject({ cacheCalls: 3, subrequests: 3 });
  });
});
