import { existsSync, readdirSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PROJECT } from "./copy.js";
import { isAssertion } from "./judge.js";
import { type Mutation, mutate } from "./mutation.js";
import { describeMutations, MUTATIONS } from "./mutations.js";

const textOf = (file: string) => readFileSync(join(PROJECT, file), "utf8");

describe("a mutation", () => {
  it.each(MUTATIONS.map((mutation) => [mutation.name, mutation] as const))(
    "fits its file exactly once, leaves TypeScript behind, and has a test that could notice: %s",
    (_, mutation) => {
      const text = textOf(mutation.file);
      const mutated = mutate(text, mutation);
      expect(mutated).not.toBe(text);
      expect(() => stripTypeScriptTypes(mutated)).not.toThrow();
      expect(existsSync(join(PROJECT, `test/${mutation.tests.file}.test.ts`))).toBe(true);
    },
  );

  it("has a name of its own, and says what it protects", () => {
    const names = MUTATIONS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(MUTATIONS.filter(({ protects }) => protects.length < 10)).toEqual([]);
    expect(names.length).toBeGreaterThanOrEqual(22);
  });

  it.each([
    ["nothing of the kind", "no"],
    ["2 places", "yes yes"],
  ])("that no longer fits is told of: %s", (got, text) => {
    const mutation = { name: "n", protects: "p", file: "f", find: "yes", replace: "", tests: { file: "t", only: "" } };
    expect(() => mutate(text, mutation satisfies Mutation)).toThrow(
      `no longer fits: expected its text once in f, got ${got}`,
    );
  });
});

describe("a failure", () => {
  it.each([
    ["AssertionError: expected 1 to be 2", true],
    ['Error: promise rejected "HidbError: expected an answer" instead of resolving', true],
    ["TypeError: x is not a function", false],
    ['Error: promise rejected "Error: D1_ERROR: near "WHERE": syntax error" instead of resolving', false],
    ["TestTimeoutError: Test timed out in 10000ms.", false],
  ])("counts as noticed only when something else was expected: %s", (failure, counts) => {
    expect(isAssertion({ status: "failed", failure })).toBe(counts);
  });
});

describe("test/README.md", () => {
  const text = textOf("test/README.md");

  it("lists exactly these mutations (npm run mutations -- --table)", () => {
    expect(text.includes(`\n${describeMutations()}\n`), "expected the table of `npm run mutations -- --table`").toBe(
      true,
    );
  });

  it("names each folder of tests, and has lines of at most 120 columns", () => {
    const folders = readdirSync(join(PROJECT, "test"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.filter(({ name }) => !text.includes(`\`${name}/\``)).map(({ name }) => name)).toEqual([]);
    expect(text.split("\n").filter((line) => line.length > 120)).toEqual([]);
  });
});
