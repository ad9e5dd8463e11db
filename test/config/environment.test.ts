import { describe, expect, it } from "vitest";
import { readProcessId } from "../../src/config/environment.js";

describe("the process id", () => {
  it.each([
    [undefined, 0],
    ["0", 0],
    ["7", 7],
    ["", 0],
    ["seven", 0],
    ["1.5", 0],
    ["1e400", 0],
  ])("of NODE_APP_INSTANCE=%s is %i", (value, expected) => {
    expect(readProcessId(value === undefined ? {} : { NODE_APP_INSTANCE: value })).toBe(expected);
  });
});
