// A process that puts into the KV and R2 of a folder until it is killed; tells each key once it is safe.
import { makeKv } from "../../dist/workerd/env/kv.js";
import { makeR2 } from "../../dist/workerd/env/r2.js";
import { openState } from "../../dist/workerd/env/state.js";
import type { Realm } from "../../dist/workerd/realm.js";

const [folder = "", name = ""] = process.argv.slice(2);
const realm = { isStarting: () => false } as Realm;
const state = openState(folder);
const kv = makeKv({ id: "shared", realm, state });
const r2 = makeR2({ bucket: "shared", realm, state });

for (let round = 0; ; round++) {
  const key = `${name}-${round % 5}`;
  await kv.put(key, String(round % 10).repeat(100_000));
  await r2.put(key, String(round % 10).repeat(200_000));
  process.send?.(key);
}
