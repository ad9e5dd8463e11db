import { describe, expect, it } from "vitest";
import type { Database } from "../../src/database/database.js";
import { HidbError } from "../../src/errors.js";
import { many, World } from "./world.js";

type Statement = ReturnType<Database["prepare"]>;

/** The same database, over a way that loses the answer to its next `count` writes: each was applied. */
function losing(database: Database): { database: Database; loseNext(count: number): void } {
  let left = 0;
  const answered = async <T>(answer: Promise<T>): Promise<T> => {
    const value = await answer;
    if (left-- > 0) {
      throw new HidbError({ code: "DATABASE_OUTCOME_UNKNOWN", message: "expected an answer, got none", fix: "ask" });
    }
    return value;
  };
  const wrapped = {
    prepare: (sql: string) => ({
      bind: (...values: unknown[]): Statement => {
        const statement = database.prepare(sql).bind(...values);
        if (!/\b(UPDATE|INSERT|DELETE)\b/.test(sql)) return statement;
        const all = statement.all.bind(statement);
        return Object.assign(statement, { all: () => answered(all()) });
      },
    }),
    batch: (statements: Parameters<Database["batch"]>[0]) => answered(database.batch(statements)),
  };
  return { database: wrapped as unknown as Database, loseNext: (count) => (left = count) };
}

describe("a claim whose answer is lost", () => {
  it("is undone before the instance leaves, though the answer to that is lost as well", async () => {
    await using world = await World.create({ videos: many(3) });
    const { database, loseNext } = losing(world.database);
    const claimer = await world.claimerOf({ ...(await world.instance()), database });
    loseNext(2);
    await expect(claimer.claimVideos({ limit: 3, alone: false })).rejects.toMatchObject({
      code: "DATABASE_OUTCOME_UNKNOWN",
    });
    expect(await world.video(1)).toMatchObject({ state: "running", attempt: 1 });
    await claimer.settleDebts();
    expect(await world.video(1)).toMatchObject({ state: "pending", attempt: 0, instance: null });
  });
});
