// Which statements may be sent again after a lost answer, because they only read.
import { describe, expect, it } from "vitest";
import { isReading } from "../../src/database/d1/reading.js";

describe("what only reads", () => {
  it.each([
    "SELECT 1",
    " -- a note\n select replace(name, 'a', 'b') FROM films;",
    "EXPLAIN INSERT INTO films VALUES (1)",
    "VALUES (1)",
    "WITH a AS (SELECT 'INSERT INTO x') SELECT replace(1, 2, 3) FROM a",
    "PRAGMA table_info('films')",
    "SELECT 1; SELECT 2",
  ])("%s", (sql) => {
    expect(isReading(sql)).toBe(true);
  });
});

describe("what may write", () => {
  it.each([
    "INSERT INTO films (name) VALUES ('a') RETURNING id",
    "WITH a AS (SELECT 1) INSERT INTO films SELECT 1, 2",
    "WITH a AS (SELECT 1) UPDATE films SET name = 1",
    "with a AS (SELECT 1) REPLACE INTO films SELECT 1, 2",
    "PRAGMA defer_foreign_keys = on",
    "PRAGMA foreign_keys(0)",
    "PRAGMA optimize",
    "SELECT 1; DELETE FROM films",
    "/* SELECT */ CREATE TABLE t (x)",
    "REINDEX",
  ])("%s", (sql) => {
    expect(isReading(sql)).toBe(false);
  });
});
