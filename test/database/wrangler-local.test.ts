// The file where wrangler keeps a D1 database for local work, found beside real wrangler.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openSqlite } from "../../src/database/sqlite.js";
import { chooseLocalD1Database } from "../../src/database/wrangler/choose.js";
import { localD1File } from "../../src/database/wrangler/local-file.js";
import { readWranglerConfig } from "../../src/database/wrangler/read.js";
import { makeProject } from "./wrangler-world.js";

const ID = "8d3f6a52-1b7e-4c0a-9f43-2f6f0c1d5e77";

describe("wrangler's local D1 file", () => {
  it.each([
    ["its id", { binding: "DB", database_name: "films", database_id: ID }],
    ["its preview id", { binding: "DB", database_name: "films", database_id: ID, preview_database_id: "any <text>" }],
    ["its binding when it has no id", { binding: "DB" }],
  ])("is named after %s", async (_, database) => {
    const { folder, wrangler } = makeProject(database, { binding: "OTHER", database_id: ID.replace("8", "9") });
    const { d1_databases, ...config } = readWranglerConfig(join(folder, "wrangler.jsonc"));
    const chosen = chooseLocalD1Database({ ...config, d1_databases }, "DB");
    const file = localD1File(config.projectFolder, chosen);
    expect(existsSync(file)).toBe(false);
    await wrangler("d1", "execute", "DB", "--local", "--command", "CREATE TABLE films AS SELECT 'here' AS name");
    const local = await openSqlite(file);
    expect(await local.prepare("SELECT name FROM films").first("name")).toBe("here");
    await local.close();
  });

  it("lies where --persist-to says", async () => {
    const database = { binding: "DB", database_id: ID };
    const { folder, wrangler } = makeProject(database);
    const persistTo = join(folder, "elsewhere");
    const command = "CREATE TABLE films (name)";
    await wrangler("d1", "execute", "DB", "--local", "--persist-to", "elsewhere", "--command", command);
    expect(existsSync(localD1File(folder, database, { persistTo }))).toBe(true);
    expect(existsSync(localD1File(folder, database))).toBe(false);
  });
});
