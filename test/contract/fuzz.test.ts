import { it } from "vitest";
import { comparePrograms } from "./random-run.ts";

it("a sample of random programs ends the same on SQLite, strictly, as on D1", () =>
  comparePrograms({ seed: 1, count: 150 }));
