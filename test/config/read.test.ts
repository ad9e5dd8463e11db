import { mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PROJECT_ROOT } from "../../src/base.js";
import { readConfig, toEnvironment } from "../../src/config/read.js";
import { SETTINGS } from "../../src/config/settings.js";
import { folder, read, refusal, withDotenv } from "./world.js";

describe("where a setting comes from", () => {
  it("is the flag before the environment before the .env file before the default", () => {
    const cwd = withDotenv("HIDB_ORDER=longest\nHIDB_CONCURRENCY=2\nHIDB_INSTANCES=2\nHIDB_LOG_LEVEL=warn\n");
    const environment = { HIDB_CONCURRENCY: "3", HIDB_INSTANCES: "3", HIDB_LOG_LEVEL: "" };
    const config = readConfig({ cwd, environment, flags: { instances: "4" } });
    expect(config).toMatchObject({
      instances: 4,
      concurrency: 3,
      order: "longest",
      logLevel: "warn",
      sharding: "modulo",
    });
    expect(config.origins).toMatchObject({
      instances: "flag",
      concurrency: "environment",
      order: ".env",
      logLevel: ".env",
      sharding: "default",
    });
  });

  it("is named by the message", () => {
    expect(refusal({}, { flags: { instances: "0" } }).fix).toContain("in the flag");
    expect(refusal({ HIDB_INSTANCES: "0" }).fix).toContain("in the environment");
    expect(refusal({}, { cwd: withDotenv("HIDB_INSTANCES=0") }).fix).toContain("in the file .env");
  });

  it("may be a .env file with comments, quotes and other people's variables", () => {
    const cwd = withDotenv("# mine\nOTHER=1\nexport HIDB_ORDER='longest'\nHIDB_COMMAND=\"a b\" # said\n");
    expect(readConfig({ cwd, environment: {} })).toMatchObject({ order: "longest", command: "a b" });
  });

  it("may not be a .env that cannot be read, which is refused with a message", () => {
    const cwd = mkdtempSync(join(folder, "cwd-"));
    mkdirSync(join(cwd, ".env"));
    const error = refusal({}, { cwd });
    expect(error).toMatchObject({ code: "SETTING_INVALID", exitCode: 2 });
    expect(error.message).toBe(`expected ${join(cwd, ".env")} to be a file that can be read, got EISDIR`);
  });
});

describe("settings together", () => {
  it("refuse a lease that leaves no room for three heartbeats", () => {
    expect(read({ HIDB_LEASE_MS: "3000", HIDB_HEARTBEAT_MS: "1000" })).toMatchObject({ leaseMs: 3000 });
    const error = refusal({ HIDB_LEASE_MS: "2999", HIDB_HEARTBEAT_MS: "1000" });
    expect(error.message).toBe(
      "expected HIDB_LEASE_MS to be long enough for three heartbeats (3000 or more), got 2999",
    );
    expect(refusal({ HIDB_HEARTBEAT_MS: "60000" })).toMatchObject({ code: "SETTING_INVALID" });
  });
});

describe("a misspelt name", () => {
  it.each([
    ["HIDB_INSTANCE", "HIDB_INSTANCES"],
    ["HIDB_CONCURENCY", "HIDB_CONCURRENCY"],
    ["HIDB_SQLITEFILE", "HIDB_SQLITE_FILE"],
    ["HIDB_LEASE_S", "HIDB_LEASE_MS"],
    ["HIDB_TIMOUT_MS", "HIDB_TIMEOUT_MS"],
    ["HIDB_Processor", "HIDB_PROCESSOR"],
    ["HIDB_PROT", "HIDB_PORT"],
  ])("%s gets the guess %s", (typed, meant) => {
    const error = refusal({ [typed]: "1" });
    expect(error).toMatchObject({ code: "SETTING_UNKNOWN", exitCode: 2 });
    expect(error.message).toBe(`expected only settings that hidb knows, got ${typed} in the environment`);
    expect(error.fix).toMatch(new RegExp(`^did you mean ${meant}\\?`));
  });

  it("far from everything gets none", () => {
    expect(refusal({ HIDB_COLOUR_OF_THE_PROGRESS_BAR: "red" }).fix).toMatch(/^remove HIDB_COLOUR_OF_THE_PROGRESS_BAR/);
  });

  it("in the .env file is found, too", () => {
    expect(refusal({}, { cwd: withDotenv("HIDB_ODER=id") }).message).toContain("got HIDB_ODER in .env");
  });

  it("is never shown with its value", () => {
    const { message, fix } = refusal({ HIDB_HTTP_HEADER: "Bearer s3cret" });
    expect(message + fix).not.toContain("s3cret");
  });

  it("is not looked for among variables without the prefix HIDB_", () => {
    expect(() => read({ HIDBX: "1", PATH: "/bin", hidb_order: "x" })).not.toThrow();
  });
});

describe("a path", () => {
  it("starts where it was typed, and a default one at the project", () => {
    const cwd = withDotenv("HIDB_LOG_DIR=logs\n");
    const config = readConfig({ cwd, environment: { HIDB_SQLITE_FILE: "a/b.sqlite", HIDB_JOURNAL: "/abs/j" } });
    expect(config).toMatchObject({ sqliteFile: join(cwd, "a/b.sqlite"), logDir: join(cwd, "logs"), journal: "/abs/j" });
    expect(read().sqliteFile).toBe(join(PROJECT_ROOT, "data/hidb.sqlite"));
  });

  it("that is empty on the command line is refused: SQLite would open a temporary database", () => {
    expect(refusal({}, { flags: { sqliteFile: "" } })).toMatchObject({
      code: "SETTING_INVALID",
      message: "expected HIDB_SQLITE_FILE to be a path, got nothing",
    });
  });
});

describe("a secret", () => {
  it("is never shown, even when it is wrong", () => {
    const secrets = Object.entries(SETTINGS).filter(([, { kind }]) => kind === "secret");
    expect(secrets.map(([key]) => key)).toEqual([
      ...["apiToken", "notify", "token", "command", "httpUrl", "httpHeaders", "httpBody"],
      ...["workerRequest", "workerHeaders", "workerBody"],
    ]);
    const { message, fix } = refusal({ HIDB_TOKEN: "s3cret" });
    expect(message).toBe("expected HIDB_TOKEN to be 16 to 256 characters without blanks, got something else");
    expect(message + fix).not.toContain("s3cret");
  });
});

describe("on D1, where each query is a request", () => {
  it("heartbeat, lease and group have longer defaults, which a setting replaces", () => {
    expect(read({ HIDB_DATABASE: "d1" })).toMatchObject({ heartbeatMs: 30_000, leaseMs: 600_000, groupMs: 10_000 });
    expect(read({ HIDB_DATABASE: "d1", HIDB_HEARTBEAT_MS: "1000" })).toMatchObject({
      heartbeatMs: 1000,
      leaseMs: 600_000,
    });
  });
});

describe("the environment of a child", () => {
  it("carries what differs from the defaults, and reads back the same", () => {
    const environment = {
      HIDB_SQLITE_FILE: "x.sqlite",
      HIDB_FORCE: "true",
      HIDB_COMMAND_PERMANENT: "3,4",
      HIDB_INSTANCES: "max",
      HIDB_REHEARSE_FACTOR: ".5",
      HIDB_HTTP_HEADERS: '{"a":"b"}',
    };
    const config = read(environment, { flags: { order: "longest" } });
    const carried = toEnvironment(config);
    expect(Object.keys(carried).sort()).toEqual([...Object.keys(environment), "HIDB_ORDER"].sort());
    const { origins: _, ...values } = read(carried, { cwd: "/" });
    const { origins: __, ...before } = config;
    expect(values).toEqual(before);
  });
});
