import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { systemClock } from "../../src/clock.js";
import { openSqlite } from "../../src/database/sqlite.js";
import { describeDatabase } from "./database.js";

const folder = mkdtempSync(join(tmpdir(), "hidb-contract-"));
let opened = 0;

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describeDatabase("a SQLite file", () =>
  openSqlite(join(folder, `${opened++}.sqlite`), { clock: systemClock, create: true }),
);
