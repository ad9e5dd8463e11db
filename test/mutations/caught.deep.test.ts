// Each protection is taken out of a copy of src/ in turn, and a test has to notice; `npm run mutations` prints the table.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Copy } from "./copy.ts";
import { MUTATIONS } from "./mutations.ts";
import { findBroken, judgeByTests } from "./trial.ts";

const copy = new Copy();
afterAll(() => copy.remove());
beforeAll(async () => expect(await findBroken(copy, MUTATIONS)).toEqual([]));

describe("the tests notice when there is no", () => {
  it.for(MUTATIONS.map((mutation) => [mutation.name, mutation] as const))("%s", async ([, mutation]) => {
    const { caught, by, first } = await copy.without(mutation, () => judgeByTests(copy, mutation));
    expect(caught, `${by}: ${first}`).toBe(true);
  });
});
