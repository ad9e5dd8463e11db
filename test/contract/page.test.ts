import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { DIFFERENCES } from "./differences.ts";

it("src/database/README.md names every known difference from D1", () => {
  const page = readFileSync(new URL("../../src/database/README.md", import.meta.url), "utf8").replace(/\s+/g, " ");
  for (const { reason } of DIFFERENCES) expect(page).toContain(reason);
});
