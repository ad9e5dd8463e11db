import { it } from "vitest";
import { comparePrograms } from "./random-run.ts";

it("two thousand random programs end the same on SQLite, strictly, as on D1", { timeout: 1_200_000 }, () =>
  comparePrograms({ seed: 1, count: 2000 }),
);
