import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { systemClock } from "../../src/clock.js";
import { openSqlite } from "../../src/database/sqlite.js";
import { describeDatabase } from "./database.js";
import { describeRecordedCases } from "./recorded-cases.js";

const folder = mkdtempSync(join(tmpdir(), "hidb-contract-"));
let opened = 0;
const open = () => openSqlite(join(folder, `${opened++}.sqlite`), { clock: systemClock, create: true });

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describeDatabase("a SQLite file", open);
describeRecordedCases("sqlite", async () => ({ open, close: async () => undefined }));
