import { afterAll, describe, expect, it } from "vitest";
import { keptWorkers } from "./workers/found.ts";
import { type HostileWorker, makeWorker } from "./workers/grammar.ts";
import { Instance } from "./workers/instance.ts";
import { judgeSeen, PATIENCE_MS, TIMEOUT_MS } from "./workers/judge.ts";

/** What `npm test` has time for; `npm run fuzz -- workers` is the long form. */
const WORKERS = 12;
const SEED = 20_261_124;
const KEPT = keptWorkers().filter(({ long }) => !long);

const instance = new Instance();
afterAll(() => instance.close());

async function judge(worker: HostileWorker): Promise<string[]> {
  const seen = await instance.host({ ...worker, timeoutMs: TIMEOUT_MS }, PATIENCE_MS);
  if (worker.isolation === "process") instance.close();
  return judgeSeen(worker, seen);
}

describe("an instance with a Worker that does harm to one video", () => {
  it.each(KEPT)("outlives $name, in a thread", async ({ worker }) => {
    expect(await judge({ ...worker, isolation: "thread" })).toEqual([]);
  });

  it.each(KEPT.filter(({ worker }) => !worker.poison))("outlives $name, in itself", async ({ worker }) => {
    expect(await judge({ ...worker, isolation: "process" })).toEqual([]);
  });

  it(`outlives it, whatever that is (seed ${SEED})`, async () => {
    for (let index = 0; index < WORKERS; index++) {
      const worker = makeWorker(SEED, index);
      const again = `npm run fuzz -- workers --seed ${SEED} --only ${index}: ${worker.names.join(", ")}`;
      expect(await judge(worker), again).toEqual([]);
    }
  });
});
