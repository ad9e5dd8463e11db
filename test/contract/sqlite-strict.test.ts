import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { openSqlite } from "../../src/database/sqlite.js";
import { describeDatabase } from "./database.js";
import { describeRecordedCases } from "./recorded-cases.js";

const folder = mkdtempSync(join(tmpdir(), "hidb-contract-strict-"));
let opened = 0;
const open = () => openSqlite(join(folder, `${opened++}.sqlite`), { create: true, strict: true });

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describeDatabase("a SQLite file, strictly", open);
describeRecordedCases("sqlite strict", async () => ({ open, close: async () => undefined }));
