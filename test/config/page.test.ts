import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../../src/base.js";
import { describeSettings } from "../../src/config/page.js";
import { SETTINGS } from "../../src/config/settings.js";
import { run } from "../support/process.js";

const hidb = (...args: string[]) => run(process.execPath, [join(PROJECT_ROOT, "dist/cli/hidb.cjs"), ...args], {});

describe("src/config/README.md", () => {
  it("is what the table says: `npm run build && npx hidb settings > src/config/README.md` brings it up to date", () => {
    expect(readFileSync(join(PROJECT_ROOT, "src/config/README.md"), "utf8")).toBe(describeSettings());
  });

  it("has a row of four cells for every setting", () => {
    const rows = describeSettings()
      .split("\n")
      .filter((line) => /^\| `[A-Z]/.test(line));
    expect(rows.map((row) => /`(\w+)`/.exec(row)?.[1])).toEqual(Object.values(SETTINGS).map(({ name }) => name));
    expect(rows.filter((row) => row.split(" | ").length !== 4)).toEqual([]);
  });

  it("is printed by `hidb settings`, and as JSON", async () => {
    expect(await hidb("settings")).toMatchObject({ code: 0, stdout: describeSettings(), stderr: "" });
    const { settings } = JSON.parse((await hidb("settings", "--json")).stdout);
    const [first] = settings;
    expect(settings).toHaveLength(Object.keys(SETTINGS).length);
    expect(first).toMatchObject({ name: "HIDB_DATABASE", fallback: "sqlite", expected: "sqlite, d1", kind: "plain" });
  });
});
