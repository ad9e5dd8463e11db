import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { type ConfigSources, readConfig } from "../../src/config/read.js";
import { SETTINGS, type SettingKey } from "../../src/config/settings.js";
import { HidbError } from "../../src/errors.js";

export const folder = mkdtempSync(join(tmpdir(), "hidb-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
export const KEYS = Object.keys(SETTINGS) as SettingKey[];

export function read(environment: Record<string, string> = {}, sources: Omit<ConfigSources, "environment"> = {}) {
  return readConfig({ environment, cwd: folder, ...sources });
}

export function refusal(
  environment: Record<string, string>,
  sources: Omit<ConfigSources, "environment"> = {},
): HidbError {
  try {
    read(environment, sources);
  } catch (error) {
    if (error instanceof HidbError) return error;
    throw error;
  }
  throw new Error(`expected ${JSON.stringify(environment)} to be refused`);
}

/** A folder with a .env file. */
export function withDotenv(text: string): string {
  const cwd = mkdtempSync(join(folder, "cwd-"));
  writeFileSync(join(cwd, ".env"), text);
  return cwd;
}
