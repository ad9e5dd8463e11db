import { afterEach, describe, expect, it, vi } from "vitest";
import { main } from "../src/main.js";

describe("an instance that a person has to mend something for", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it.each([
    ["a setting that is wrong", { HIDB_CONCURRENCY: "many" }, "HIDB_CONCURRENCY"],
    ["a setting that is misspelt", { HIDB_CONCURENCY: "2" }, "HIDB_CONCURENCY"],
    ["a database that cannot be one", { HIDB_SQLITE_FILE: "/dev/null/hidb.sqlite", HIDB_PORT: "0" }, "/dev/null"],
  ])("ends with 42 and one line, so that PM2 does not start it again: %s", async (_, settings, named) => {
    for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
    const said = vi.spyOn(console, "error").mockImplementation(() => undefined);
    expect(await main()).toBe(42);
    expect(said.mock.calls).toHaveLength(1);
    expect(said.mock.calls[0]?.[0]).toMatch(/^hidb: expected .*, (?:got|but) .*\. Fix: .*\.$/);
    expect(said.mock.calls[0]?.[0]).toContain(named);
  });
});
